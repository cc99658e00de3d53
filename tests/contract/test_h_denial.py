"""Handshake, row H6: the application's own HTTP response (ASGI's denial response)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import websockets, wsproto
from tests.harness import App, Call, Client, Start, serve

pytestmark = pytest.mark.every_http

START = "websocket.http.response.start"
BODY = "websocket.http.response.body"


async def denying(app: App, client: Client, **keys: Any) -> Call:
    """Send a request, and let the app start a denial."""
    await client.request(b"/denied")
    call = await app.call()
    await call.connect()
    await call.send(START, **keys)
    return call


async def test_h6_denial_of_one_part_has_a_content_length(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        headers = [(b"content-type", b"text/plain"), (b"X-Two", b"1"), (b"x-two", b"2")]
        call = await denying(app, client, status=418, headers=headers)
        await call.send(BODY, body=b"no coffee")
        response = await client.response()
        assert (response.status, response.reason) == (418, b"I'm a Teapot")
        assert (response.body, response.complete) == (b"no coffee", True)
        assert response.one(b"content-length") == b"9"
        assert response.all(b"transfer-encoding") == []
        assert response.one(b"content-type") == b"text/plain"
        assert response.all(b"x-two") == [b"1", b"2"]
        assert response.one(b"connection").lower() == b"close"
        assert response.one(b"server") == b"uvicorn"
        await client.expect_eof()
        await call.finish()
    (line,) = server.logs.infos
    assert line.endswith('"WebSocket /denied" 418')


async def test_h6_denial_is_streamed_part_by_part(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=403)
        await call.send(BODY, body=b"one", more_body=True)
        response = await client.head()
        assert response.one(b"transfer-encoding") == b"chunked"
        assert response.all(b"content-length") == []
        assert await client.part(response) == b"one"
        assert client.pending() == b""
        await call.send(BODY, body=b"two", more_body=True)
        assert await client.part(response) == b"two"
        await call.send(BODY, body=b"three")
        assert await client.part(response) == b"three"
        assert await client.part(response) == b""
        assert response.complete
        await client.expect_eof()
        await call.finish()
    assert len(server.logs.infos) == 1


async def test_h6_denial_with_its_own_content_length_is_not_chunked(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=403, headers=[(b"Content-Length", b"6")])
        await call.send(BODY, body=b"one", more_body=True)
        response = await client.head()
        assert await client.part(response) == b"one"
        await call.send(BODY, body=b"two")
        assert await client.part(response) == b"two"
        assert await client.part(response) == b""
        assert response.complete
        assert response.one(b"content-length") == b"6"
        assert response.all(b"transfer-encoding") == []
        await call.finish()


async def test_h6_large_parts_arrive_whole(start: Start) -> None:
    async def deny(call: Call) -> None:
        await call.send_event({"type": START, "status": 500})
        for _ in range(8):
            await call.send_event({"type": BODY, "body": b"x" * 2**18, "more_body": True})
        await call.send_event({"type": BODY})

    async with start(App(deny)) as server:
        response = await server.get()
        assert response.complete
        assert response.body == b"x" * 2**21


async def test_h6_optional_keys_may_be_missing(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=401)
        await call.send(BODY)
        response = await client.response()
        assert (response.status, response.body, response.complete) == (401, b"", True)
        assert response.one(b"content-length") == b"0"
        await call.finish()


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("status", [204, 304])
async def test_h6_status_without_a_body_carries_none(start: Start, status: int, more: bool) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=status)
        await call.send(BODY, body=b"dropped", more_body=more)
        if more:
            await call.send(BODY)
        response = await client.response()
        assert (response.status, response.body, response.complete) == (status, b"", True)
        assert response.all(b"transfer-encoding") == []
        assert await client.rest() == b""
        assert client.raw.endswith(b"\r\n\r\n")
        assert client.raw.count(b"\r\n\r\n") == 1
        await call.finish()


async def test_h6_after_the_last_body_comes_the_disconnect(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=403)
        waiting = asyncio.ensure_future(call.receive())
        await call.send(BODY, body=b"one", more_body=True)
        assert not waiting.done()
        await call.send(BODY, body=b"two")
        assert await waiting == {"type": "websocket.disconnect", "code": 1006}
        await call.finish()


async def test_h6_peer_that_leaves_during_the_denial_is_noticed(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await denying(app, client, status=403)
        await call.send(BODY, body=b"one", more_body=True)
        client.reset()
        await call.disconnect(1006)
        await call.finish()


@pytest.mark.parametrize("status", [99, 100, 101, 600, 1000, "403", None])
async def test_h6_status_that_is_none_is_refused(start: Start, status: object) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises((ValueError, TypeError), match="status"):
            await call.send(START, status=status)
        assert client.pending() == b""
        await call.send(START, status=403)
        await call.send(BODY)
        assert (await client.response()).status == 403
        await call.finish()


@pytest.mark.parametrize("parts", [[b"whole"], [b"one", b"two", b""], [b""]])
async def test_h6_both_codecs_answer_alike(http: str, parts: list[bytes]) -> None:
    async def deny(call: Call) -> None:
        await call.send_event({"type": START, "status": 403, "headers": [(b"x-a", b"\xe9")]})
        for part in parts[:-1]:
            await call.send_event({"type": BODY, "body": part, "more_body": True})
        await call.send_event({"type": BODY, "body": parts[-1]})

    answers = []
    for protocol in (wsproto.Protocol, websockets.Protocol):
        async with serve(App(deny), ws=protocol, http=http, date_header=False) as server, server.connect() as client:
            await client.request()
            await client.response()
            answers.append(client.raw)
    assert answers[0] == answers[1]
