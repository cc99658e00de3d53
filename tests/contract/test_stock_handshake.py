"""For those who switch: what uvicorn's own classes do in a handshake, and safews too."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from tests.contract.helpers_stock import SAME, is_sansio
from tests.harness import UPGRADE, App, Call, Client, Start, echo

pytestmark = SAME

OFFER = [(b"Sec-WebSocket-Protocol", b"chat, superchat"), (b"Sec-WebSocket-Protocol", b"last")]

START, BODY = "websocket.http.response.start", "websocket.http.response.body"


async def requested(app: App, client: Client, target: bytes = b"/") -> Call:
    """Send a request; the application has received it and not answered."""
    await client.request(target)
    call = await app.call()
    await call.connect()
    return call


@pytest.mark.every_http
async def test_app_sees_the_same_request(start: Start) -> None:
    own = [(b"Cookie", b"a=1"), (b"User", "abraão".encode()), (b"X-Twice", b"1"), (b"X-Twice", b"\xe9")]
    app = App(echo)
    async with (
        start(app, root_path="/api") as server,
        server.open(b"/one%2Ftwo/%C3%A9?q=%20+&empty", own) as client,
    ):
        scope = app.calls[0].scope
        scope["extensions"].pop("safews", None)
        assert scope == {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "server": server.address,
            "client": client.wire.socket.getsockname(),
            "root_path": "/api",
            "path": "/api/one/two/é",
            "raw_path": b"/api/one%2Ftwo/%C3%A9",
            "query_string": b"q=%20+&empty",
            "headers": [(name.lower(), value) for name, value in (*UPGRADE, *own)],
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }


async def test_scheme_over_tls(start: Start) -> None:
    app = App(echo)
    async with start(app, tls=True) as server, server.open():
        assert app.calls[0].scope["scheme"] == "wss"


@pytest.mark.parametrize("chosen", ["chat", "last"])
async def test_app_chooses_one_of_the_offered_subprotocols(start: Start, chosen: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        assert call.scope["subprotocols"] == ["chat", "superchat", "last"]
        await call.accept(subprotocol=chosen)
        assert (await client.head()).one(b"sec-websocket-protocol") == chosen.encode()
        await call.finish()


async def test_app_may_accept_before_it_receives(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        await call.connect()
        await call.finish()


async def test_headers_of_app_and_server_stand_beside_each_other(
    start: Start, protocol: type[asyncio.Protocol]
) -> None:
    # The websockets library, which writes them for uvicorn's own, knew no other encoding than UTF-8 up to 16.
    as_utf8 = is_sansio(protocol) and int(version("websockets").split(".")[0]) < 17
    own = [(b"Server", b"first"), (b"X-Extra", b"\xff"), (b"Server", b"second")]
    app = App()
    async with start(app, headers=[("X-Default", "yes")]) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.accept(headers=own)
        response = await client.head()
        assert response.all(b"server") == [b"uvicorn", b"first", b"second"]
        assert response.one(b"x-extra") == (b"\xc3\xbf" if as_utf8 else b"\xff")
        assert response.one(b"x-default") == b"yes"
        assert response.one(b"date").endswith(b" GMT")
        await call.finish()


async def test_default_headers_can_be_off(start: Start) -> None:
    async with start(App(echo), server_header=False, date_header=False) as server, server.connect() as client:
        response = await client.open()
        assert response.all(b"server") == response.all(b"date") == []


@pytest.mark.parametrize("setting", [True, False])
async def test_compression_is_agreed_as_the_setting_says(start: Start, setting: bool) -> None:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits")]
    async with start(App(echo), ws_per_message_deflate=setting) as server, server.connect() as client:
        answers = (await client.open(headers=offer)).all(b"sec-websocket-extensions")
        assert [answer.split(b";")[0] for answer in answers] == ([b"permessage-deflate"] if setting else [])


@pytest.mark.every_http
async def test_upgrade_on_a_connection_that_http_has_used(start: Start) -> None:
    """As a proxy does that keeps its connections; uvicorn's own test is of its keep-alive timer."""
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.send(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        page = await app.call()
        await page.send("http.response.start", status=204)
        await page.send("http.response.body")
        await page.finish()
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await client.wire.receive()
        assert answer.startswith(b"HTTP/1.1 204 ")
        await client.request(b"/chat")
        call = await app.call(1)
        assert (call.scope["type"], call.scope["path"]) == ("websocket", "/chat")
        await call.accept()
        assert (await client.head()).status == 101
        await client.send_text("hello")
        assert await call.receive() == {"type": "websocket.receive", "text": "hello"}
        await call.finish()


FORWARDED = [("http", "ws"), ("https", "wss"), ("ws", "ws"), ("wss", "wss")]


@pytest.mark.every_http
@pytest.mark.parametrize(("said", "scheme"), FORWARDED)
async def test_trusted_proxy_tells_of_scheme_and_client(start: Start, said: str, scheme: str) -> None:
    app = App(echo)
    headers = [(b"X-Forwarded-For", b"203.0.113.7"), (b"X-Forwarded-Proto", said.encode())]
    async with start(app) as server, server.open(b"/chat", headers):
        assert (app.calls[0].scope["scheme"], app.calls[0].scope["client"]) == (scheme, ("203.0.113.7", 0))
        assert server.logs.about("[accepted]") == ['203.0.113.7:0 - "WebSocket /chat" [accepted]']


async def test_proxy_that_is_not_trusted_tells_nothing(start: Start) -> None:
    app = App(echo)
    headers = [(b"X-Forwarded-For", b"203.0.113.7"), (b"X-Forwarded-Proto", b"https")]
    async with start(app, forwarded_allow_ips="10.0.0.1") as server, server.open(headers=headers) as client:
        assert app.calls[0].scope["scheme"] == "ws"
        assert app.calls[0].scope["client"] == client.wire.socket.getsockname()


async def test_refusal_is_a_403(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await requested(app, client)
        await call.send("websocket.close")
        response = await client.response()
        assert (response.status, response.body, response.complete) == (403, b"", True)
        await client.expect_eof()
        await call.disconnect(1006)
        await call.finish()


async def answers(app: App, client: Client, status: int) -> Call:
    """Ask with a query, and let the application answer with that status."""
    call = await requested(app, client, b"/a%20b?token=1&x")
    if status == 101:
        await call.send("websocket.accept")
    elif status == 403:
        await call.send("websocket.close")
    else:
        await call.send(START, status=status, headers=[])
        await call.send(BODY, body=b"no")
    return call


@pytest.mark.parametrize(("status", "word"), [(101, "[accepted]"), (403, "403"), (404, "404")])
async def test_answer_is_logged_in_the_same_words(start: Start, status: int, word: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await answers(app, client, status)
        host, port = client.wire.socket.getsockname()
        assert (await client.head()).status == status
        assert server.logs.about('"WebSocket ') == [f'{host}:{port} - "WebSocket /a%20b?token=1&x" {word}']
        await call.finish()


BODIES = {
    "one part": [b'{"detail":"who?"}'],
    "two parts": [b"x" * 10, b"y" * 10],
    "not UTF-8": [b"\x81\xfe\x00\xff"],
}


@pytest.mark.parametrize("length", [True, False], ids=["with Content-Length", "without"])
@pytest.mark.parametrize("parts", BODIES.values(), ids=BODIES)
async def test_apps_own_response_arrives_whole(start: Start, parts: list[bytes], length: bool) -> None:
    body = b"".join(parts)
    headers = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))][: 1 + length]
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await requested(app, client)
        await call.send(START, status=401, headers=headers)
        for index, part in enumerate(parts):
            await call.send(BODY, body=part, more_body=index + 1 < len(parts))
        response = await client.response()
        assert (response.status, response.body, response.complete) == (401, body, True)
        assert response.one(b"content-type") == b"application/json"
        assert len(response.all(b"content-length") + response.all(b"transfer-encoding")) == 1
        await client.expect_eof()
        await call.disconnect(1006)
        await call.finish()


async def nothing(call: Call) -> None:
    """A script: return without an answer."""


async def too_early(call: Call) -> None:
    """A script: send before the accept."""
    await call.send_event({"type": "websocket.send", "text": "early"})


async def no_status(call: Call) -> None:
    """A script: answer with a status that does not exist."""
    await call.send_event({"type": START, "status": 700, "headers": []})


async def crash(call: Call) -> None:
    """A script: fail."""
    raise ValueError("secret")


@pytest.mark.every_http
@pytest.mark.parametrize("script", [nothing, too_early, no_status, crash])
async def test_app_that_fails_to_answer_is_a_500_that_says_so(start: Start, script: Any) -> None:
    async with start(App(script), errors=1) as server, server.connect() as client:
        await client.request()
        response = await client.response()
        assert (response.status, response.body, response.complete) == (500, b"Internal Server Error", True)
        assert response.one(b"content-type") == b"text/plain; charset=utf-8"
        assert response.one(b"content-length") == b"21"
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()


@pytest.mark.parametrize("out_of_turn", [START, "websocket.accept", "websocket.send", "websocket.close"])
async def test_only_a_body_follows_the_start_of_the_apps_own_response(start: Start, out_of_turn: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await requested(app, client)
        await call.send(START, status=404, headers=[(b"Content-Length", b"2")])
        with pytest.raises(RuntimeError, match=out_of_turn):
            await call.send(out_of_turn, status=404, headers=[])
        await call.send(BODY, body=b"no")
        assert (await client.response()).body == b"no"
        await call.finish()


async def test_peer_that_leaves_before_the_answer(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await requested(app, client)
        client.close()
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send("websocket.accept")
        await call.finish()
