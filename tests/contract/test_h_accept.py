"""Handshake, row H1: the application accepts."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest
from uvicorn import Config

from tests.harness import ACCEPT, App, Start, echo

pytestmark = pytest.mark.every_http

OFFER = [(b"Sec-WebSocket-Protocol", b"chat, other")]


async def test_h1_accept_is_answered_101(start: Start) -> None:
    app = App(echo)
    async with start(app) as server, server.connect() as client:
        await client.request(b"/chat?x=1")
        response = await client.head()
        assert (response.status, response.reason) == (101, b"Switching Protocols")
        assert response.one(b"upgrade").lower() == b"websocket"
        assert response.one(b"connection").lower() == b"upgrade"
        assert response.one(b"sec-websocket-accept") == ACCEPT
        assert response.all(b"sec-websocket-extensions") == []
        assert response.all(b"sec-websocket-protocol") == []
        assert response.all(b"content-length") == response.all(b"transfer-encoding") == []


@pytest.mark.skipif("http2" not in signature(Config).parameters, reason="this uvicorn has no HTTP/2")
async def test_h1_accept_beside_http2(start: Start, http: str) -> None:
    if http != "zttp":
        pytest.skip("has no HTTP/2")
    async with start(App(echo), http2=True) as server, server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")


async def test_h1_accept_is_logged_once(start: Start) -> None:
    async with start(App(echo)) as server, server.connect() as client:
        await client.open(b"/chat?x=1")
        address = "{}:{}".format(*client.wire.socket.getsockname())
        assert server.logs.infos == [f'{address} - "WebSocket /chat?x=1" [accepted]']


async def test_h1_nothing_goes_out_before_accept(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert client.pending().startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("chosen", ["chat", "other"])
async def test_h1_subprotocol_is_sent_once(start: Start, chosen: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        await call.accept(subprotocol=chosen)
        assert (await client.head()).one(b"sec-websocket-protocol") == chosen.encode()
        await call.finish()


async def test_h1_subprotocol_none_sends_none(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        await call.accept(subprotocol=None)
        assert (await client.head()).all(b"sec-websocket-protocol") == []
        await call.finish()


async def test_h1_app_headers_are_sent_in_order(start: Start) -> None:
    app = App()
    sent = [(b"x-b", b"1"), (b"X-A", b"2"), (b"x-b", b"3"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=\xe9")]
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.accept(headers=sent)
        response = await client.head()
        own = [header for header in response.headers if header[0] in (b"x-a", b"x-b", b"set-cookie")]
        assert own == [(name.lower(), value) for name, value in sent]
        await call.finish()


async def test_h1_default_headers_are_sent_once(start: Start) -> None:
    async with start(App(echo), headers=[("X-Default", "yes")]) as server, server.connect() as client:
        response = await client.open()
        assert response.one(b"server") == b"uvicorn"
        assert response.one(b"x-default") == b"yes"
        assert response.one(b"date").endswith(b" GMT")


async def test_h1_default_headers_can_be_off(start: Start) -> None:
    async with start(App(echo), server_header=False, date_header=False) as server, server.connect() as client:
        response = await client.open()
        assert response.all(b"server") == response.all(b"date") == []


async def test_h1_over_tls(start: Start) -> None:
    app = App(echo)
    async with start(app, tls=True) as server, server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")
        assert app.calls[0].scope["scheme"] == "wss"


async def test_h1_over_a_unix_socket(start: Start, tmp_path: Path) -> None:
    app = App(echo)
    async with start(app, uds=str(tmp_path / "socket")) as server, server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")
        assert app.calls[0].scope["client"] is None


async def test_h1_compression_is_agreed(start: Start) -> None:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits")]
    async with start(App(echo)) as server, server.connect() as client:
        response = await client.open(headers=offer)
        assert response.one(b"sec-websocket-extensions").startswith(b"permessage-deflate")


async def test_h1_compression_is_not_agreed_where_the_server_has_it_off(start: Start) -> None:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]
    async with start(App(echo), ws_per_message_deflate=False) as server, server.connect() as client:
        assert (await client.open(headers=offer)).all(b"sec-websocket-extensions") == []
