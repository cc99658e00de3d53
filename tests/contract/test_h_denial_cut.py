"""Handshake, row H7: the application raises or returns after it has started a denial response."""

from __future__ import annotations

import pytest

from tests.harness import App, Client, Response, Server, Start

pytestmark = pytest.mark.every_http

START = "websocket.http.response.start"
BODY = "websocket.http.response.body"

ERROR = ValueError("while denying")
ENDINGS = pytest.mark.parametrize("ending", [None, ERROR], ids=["returns", "raises"])


async def unfinished(
    app: App, client: Client, ending: object, headers: list[tuple[bytes, bytes]], *parts: bytes
) -> Response:
    """Let the app start a denial, send some parts and then end by ``ending``; returns the response."""
    await client.request(b"/denied")
    call = await app.call()
    await call.connect()
    await call.send(START, status=403, headers=headers)
    for part in parts:
        await call.send(BODY, body=part, more_body=True)
    await call.finish(ending)
    response = await client.response()
    assert response.status == 403
    assert response.one(b"connection").lower() == b"close"
    assert await client.rest() == b""
    return response


def check_log(server: Server, ending: object) -> None:
    """One error: the traceback if the app has raised, else a line."""
    assert server.logs.tracebacks() == ([] if ending is None else [ending])
    assert len(server.logs.errors) == 1
    assert len(server.logs.about('"WebSocket /denied" 403')) == 1


@ENDINGS
async def test_h7_headers_go_out_although_no_body_came(start: Start, ending: object) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        response = await unfinished(app, client, ending, [(b"x-a", b"1")])
        assert response.one(b"x-a") == b"1"
        assert (response.body, response.complete) == (b"", False)
    check_log(server, ending)


@ENDINGS
async def test_h7_chunked_body_gets_no_false_end(start: Start, ending: object) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        response = await unfinished(app, client, ending, [], b"one", b"two")
        assert (response.body, response.complete) == (b"onetwo", False)
    check_log(server, ending)


@ENDINGS
async def test_h7_body_short_of_its_content_length_is_cut(start: Start, ending: object) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        response = await unfinished(app, client, ending, [(b"content-length", b"5")], b"one")
        assert (response.body, response.complete) == (b"one", False)
    check_log(server, ending)


@ENDINGS
async def test_h7_body_that_meets_its_content_length_is_complete(start: Start, ending: object) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        response = await unfinished(app, client, ending, [(b"content-length", b"3")], b"one")
        assert (response.body, response.complete) == (b"one", True)
    check_log(server, ending)


@ENDINGS
async def test_h7_content_length_zero_is_complete_without_a_body(start: Start, ending: object) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        response = await unfinished(app, client, ending, [(b"content-length", b"0")])
        assert (response.body, response.complete) == (b"", True)
    check_log(server, ending)


@pytest.mark.parametrize("type_", ["websocket.accept", "websocket.send", START, "nonsense"])
async def test_h7_anything_but_a_body_raises_and_cuts_the_denial(start: Start, type_: str) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.send(START, status=403)
        await call.send(BODY, body=b"one", more_body=True)
        with pytest.raises(RuntimeError, match="DENYING") as caught:
            await call.send(type_, status=403)
        assert type_ in str(caught.value)
        await call.finish(caught.value)
        response = await client.response()
        assert (response.body, response.complete) == (b"one", False)
    assert server.logs.tracebacks() == [caught.value]
