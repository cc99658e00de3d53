"""Open, rows O1, O2, O5 to O8 and O8b once more, over TLS: the transport is another, and has buffers of its own."""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import (
    MARK,
    bytes_event,
    ending_line,
    expect_filling,
    fill,
    narrow,
    opened,
    pass_time,
    text_event,
    unread,
    unsent,
)
from tests.harness import (
    BINARY,
    PING,
    PONG,
    TEXT,
    App,
    Call,
    Frame,
    Start,
    close_frame,
    eventually,
    frame,
    turns,
    within,
)

TIMEOUT = 0.4
RECORDS = 512 * 1024
"""What asyncio's TLS takes in at once and hands on only when asked to, in bytes."""


async def test_o1_o3_messages_both_ways(start: Start) -> None:
    app = App()
    async with start(app, tls=True) as server, server.connect() as client:
        call = await opened(app, client)
        for size in (0, 1, 200, 70_000, 2**20):
            receiving = asyncio.ensure_future(call.receive())
            await client.send_bytes(b"m" * size)
            assert await receiving == bytes_event(b"m" * size)
            await call.send("websocket.send", bytes=b"m" * size)
            await client.expect_bytes(b"m" * size)
        await call.finish()


async def test_o2_ping(start: Start) -> None:
    app = App()
    async with start(app, tls=True) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_frame(PING, b"p")
        assert await client.frame() == Frame(PONG, b"p")
        await call.finish()


async def test_o5_o8b_senders_wait_and_go_in_order(start: Start) -> None:
    app = App()
    async with narrow(start, app, tls=True) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        held = unsent(server.protocol)
        assert held <= MARK + RECORDS
        tasks = [asyncio.ensure_future(call.send("websocket.send", bytes=b"%d" % n)) for n in range(100)]
        await turns(30)
        assert not any(task.done() for task in (waiting, *tasks))
        assert unsent(server.protocol) == held
        await expect_filling(client, count + 1)
        for n in range(100):
            await client.expect_bytes(b"%d" % n)
        await asyncio.gather(waiting, *tasks)
        await call.finish()


async def test_o6_waiting_send_raises(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with start(app, ws=ws, tls=True, send_buffer=16_384) as server:
        async with server.connect(receive_buffer=16_384) as client:
            call = await opened(app, client)
            _, waiting = await fill(call, server.protocol)
            with pytest.raises(ClientDisconnected):
                await within(waiting)
            await call.disconnect(1006)
            await eventually(lambda: not server.state.connections)
            await call.finish()
        assert "slow peer" in ending_line(server)


async def test_o6a_silent_peer(start: Start) -> None:
    app = App()
    async with start(app, tls=True, ws_ping_interval=0.05, ws_ping_timeout=0.2) as server:
        async with server.connect() as client:
            call = await opened(app, client)
            assert (await client.frame()).opcode == PING
            await client.expect_close(1011, "keepalive ping timeout")
            with pytest.raises(ssl.SSLEOFError):  # An abort sends no close alert.
                await client.rest()
            await call.disconnect(1006)
            await call.finish()
        assert "keepalive ping timeout" in ending_line(server)


async def test_o7_everything_in_order_for_a_slow_app(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(receive_buffer=4096)
    async with start(app, ws=ws, tls=True, ws_max_queue=4) as server, server.connect() as client:
        call = await opened(app, client)
        data = b"".join(frame(TEXT, b"%d" % n) for n in range(3000)) + frame(BINARY, b"m" * 300_000) + close_frame(4000)
        sending = asyncio.ensure_future(client.send(data))
        await eventually(lambda: not server.protocol._is_reading)
        await turns(30)
        assert unread(server.protocol) <= 4096 + 2 * RECORDS
        assert len(server.protocol._connection.inbox) == 4
        for n in range(3000):
            assert await call.receive() == text_event(str(n))
        assert await call.receive() == bytes_event(b"m" * 300_000)
        await sending
        await call.disconnect(4000, "")
        await call.finish()


async def test_o8_reading_paused_for_longer_than_the_deadline(start: Start) -> None:
    app = App()
    interval, timeout = 0.05, 0.2
    settings = {"ws_max_queue": 2, "ws_ping_interval": interval, "ws_ping_timeout": timeout}
    async with start(app, tls=True, **settings) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"x") * 10)
        await eventually(lambda: not server.protocol._is_reading)
        received = await client.frame()
        await client.send_frame(PONG, received.payload)
        await pass_time(3 * (interval + timeout))
        for _ in range(10):
            assert await call.receive() == text_event("x")
        assert server.protocol.close_code is None
        await call.finish()


async def send_for_ever(call: Call) -> None:
    while True:
        await call.send("websocket.send", text="tick")


@pytest.mark.parametrize("interval", [None, 0.05], ids=["sending", "pinging"])
async def test_c2_the_peer_goes_while_it_is_not_read(start: Start, interval: float | None) -> None:
    app = App()
    settings = {"ws_max_queue": 2, "ws_ping_interval": interval, "ws_ping_timeout": None}
    async with start(app, tls=True, **settings) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"x") * 10)
        await eventually(lambda: not server.protocol._is_reading)
        client.half_close()
        if interval is None:
            with pytest.raises(ClientDisconnected):
                await within(send_for_ever(call))
        await eventually(lambda: not server.state.connections)
        for _ in range(10):
            assert await call.receive() == text_event("x")
        await call.disconnect(1006)
        await call.finish()


async def test_c1_the_peers_close_is_answered_before_tls_ends(start: Start, loop_name: str) -> None:
    app = App()
    async with start(app, tls=True) as server, server.connect() as client:
        wire: Any = client.wire
        call = await opened(app, client)
        await client.send(frame(TEXT, b"1"))
        assert await call.receive() == text_event("1")
        await client.send(frame(TEXT, b"2") + close_frame(4000, "bye"))
        await eventually(lambda: len(server.protocol._connection.inbox) == 2)
        await wire.close_alert()
        # The TLS of Python 3.10's asyncio sends nothing any more once the peer has ended its side.
        if loop_name == "uvloop" or sys.version_info >= (3, 11):
            await client.expect_close(4000, "bye")
        assert await call.receive() == text_event("2")
        await call.disconnect(4000, "bye")
        await call.finish()
