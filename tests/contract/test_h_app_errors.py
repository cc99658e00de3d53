"""Handshake, row H14: headers and subprotocols of the application that cannot be sent."""

from __future__ import annotations

import asyncio

import pytest

from tests.harness import App, Headers, Start

pytestmark = pytest.mark.every_http

OFFER = [(b"Sec-WebSocket-Protocol", b"chat")]

BROKEN: dict[str, tuple[bytes, bytes]] = {
    "CR in a name": (b"x-marker\rx", b"1"),
    "LF in a name": (b"x-marker\nx", b"1"),
    "NUL in a name": (b"x-marker\0x", b"1"),
    "CR in a value": (b"x-marker", b"1\r2"),
    "LF in a value": (b"x-marker", b"1\n2"),
    "CRLF in a value": (b"x-marker", b"1\r\nx-injected: 2"),
    "NUL in a value": (b"x-marker", b"1\x002"),
}

FORBIDDEN = [b"Sec-WebSocket-Accept", b"sec-websocket-extensions", b"Upgrade", b"connection"]


@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN)
async def test_h14_header_that_breaks_http_is_a_500(start: Start, header: tuple[bytes, bytes]) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises(ValueError, match="x-marker") as caught:
            await call.accept(headers=[(b"x-fine", b"1"), header])
        assert client.pending() == b""
        await call.finish(caught.value)
        response = await client.response()
        assert (response.status, response.complete) == (500, True)
        await client.expect_eof()
        assert b"x-" not in client.raw.lower()
    assert server.logs.tracebacks() == [caught.value]
    assert server.logs.about("[accepted]") == []


@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN)
async def test_h14_header_of_a_denial_that_breaks_http_is_a_500(start: Start, header: tuple[bytes, bytes]) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises(ValueError, match="x-marker") as caught:
            await call.send("websocket.http.response.start", status=403, headers=[(b"x-fine", b"1"), header])
        await call.finish(caught.value)
        assert (await client.response()).status == 500
        await client.expect_eof()
        assert b"x-" not in client.raw.lower()
    assert server.logs.tracebacks() == [caught.value]


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_h14_header_of_the_handshake_itself_is_forbidden(start: Start, name: bytes) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises(ValueError, match=f"(?i){name.decode()}") as caught:
            await call.accept(headers=[(name, b"marker")])
        await call.finish(caught.value)
        assert (await client.response()).status == 500
        assert b"marker" not in client.raw
    assert server.logs.tracebacks() == [caught.value]


@pytest.mark.parametrize("offer", [[], OFFER], ids=["none offered", "another offered"])
@pytest.mark.parametrize("header", [False, True], ids=["subprotocol", "header"])
async def test_h14_subprotocol_that_was_not_offered_is_a_500(start: Start, offer: Headers, header: bool) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request(headers=offer)
        call = await app.call()
        keys = {"headers": [(b"sec-websocket-protocol", b"marker")]} if header else {"subprotocol": "marker"}
        with pytest.raises(ValueError, match="marker") as caught:
            await call.accept(**keys)
        await call.finish(caught.value)
        assert (await client.response()).status == 500
        assert b"marker" not in client.raw
    assert server.logs.tracebacks() == [caught.value]


@pytest.mark.parametrize("subprotocol", ["chat\r\nx-injected: 1", "", "Chat"])
async def test_h14_subprotocol_is_compared_exactly(start: Start, subprotocol: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        await call.connect()
        if subprotocol:
            with pytest.raises(ValueError, match=r"(?i)chat"):
                await call.send("websocket.accept", subprotocol=subprotocol)
            subprotocol = ""
        await call.send("websocket.accept", subprotocol=subprotocol)
        response = await client.head()
        assert (response.status, response.all(b"sec-websocket-protocol")) == (101, [])
        assert b"x-injected" not in client.raw
        await call.finish()


async def test_h14_subprotocol_among_the_headers_counts(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        await call.accept(headers=[(b"Sec-WebSocket-Protocol", b"chat")])
        assert (await client.head()).one(b"sec-websocket-protocol") == b"chat"
        await call.finish()


async def test_h14_subprotocol_named_twice_is_sent_once(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(headers=OFFER)
        call = await app.call()
        await call.accept(subprotocol="chat", headers=[(b"sec-websocket-protocol", b"chat")])
        assert (await client.head()).one(b"sec-websocket-protocol") == b"chat"
        await call.finish()


async def test_h14_app_that_catches_the_error_can_still_accept(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        with pytest.raises(ValueError, match="x-marker"):
            await call.send("websocket.accept", headers=[(b"x-marker", b"\n")])
        await call.send("websocket.accept", headers=[(b"x-fine", b"1")])
        response = await client.head()
        assert response.one(b"x-fine") == b"1"
        assert response.all(b"x-marker") == []
        waiting = asyncio.ensure_future(call.receive())
        await client.send_text("hello")
        assert await waiting == {"type": "websocket.receive", "text": "hello"}
        await call.finish()
