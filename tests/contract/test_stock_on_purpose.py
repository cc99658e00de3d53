"""For those who switch: what safews does better on purpose than uvicorn's own classes, both sides of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.helpers_o import opened, text_event
from tests.contract.helpers_stock import SAME, close_of, is_ours, is_sansio, rest_of
from tests.harness import PING, PONG, App, Call, Frame, Start, eventually

pytestmark = SAME

NOTHING = b""
"""All that the peer gets where TCP ends without a Close: it reports 1006."""


@pytest.mark.parametrize("result", [None, 123])
async def test_app_that_returns(start: Start, protocol: Any, result: object) -> None:
    app = App()
    async with start(app, errors=None) as server, server.connect() as client:
        call = await opened(app, client)
        await call.finish(result)
        assert await rest_of(client, 1000) == (close_of(1000) if is_ours(protocol) else NOTHING)


async def test_app_that_raises(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        call = await opened(app, client)
        await call.finish(ValueError("secret"))
        assert await rest_of(client, 1011) == (close_of(1011) if is_ours(protocol) else NOTHING)


async def test_app_that_accepts_twice(start: Start, protocol: Any) -> None:
    async def accept_twice(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        await call.send_event({"type": "websocket.accept"})

    async with start(App(accept_twice), errors=1) as server, server.open() as client:
        assert await rest_of(client, 1011) == (close_of(1011) if is_ours(protocol) else NOTHING)


async def test_shutdown_before_the_answer(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        shutdown = asyncio.ensure_future(server.shutdown())
        assert (await client.response()).status == (503 if is_ours(protocol) else 500)
        await call.disconnect(1006)
        client.close()
        await call.finish()
        await shutdown


async def test_reading_while_a_message_waits_for_the_app(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        transport = server.protocol.transport
        await client.send_text("one")
        if is_ours(protocol):
            await client.send_frame(PING, b"read on")
            assert await client.frame() == Frame(PONG, b"read on")
        else:
            await eventually(lambda: not transport.is_reading())
        assert transport.is_reading() is is_ours(protocol)
        assert await call.receive() == text_event("one")
        assert transport.is_reading()
        await call.finish()


async def test_subprotocol_that_was_not_offered(start: Start, protocol: Any) -> None:
    async def choose(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept", "subprotocol": "other"})

    async with start(App(choose), errors=None) as server, server.connect() as client:
        await client.request(headers=[(b"Sec-WebSocket-Protocol", b"chat")])
        answer = await client.rest()
        expected = b"HTTP/1.1 500 " if is_ours(protocol) else b"HTTP/1.1 101 " if is_sansio(protocol) else NOTHING
        assert answer[:13] == expected
        assert (b"other" in answer) is is_sansio(protocol)
