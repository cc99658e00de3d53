"""Open, row O8c: pings and unfinished fragments without end, while the app does not receive."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest

from tests.contract.helpers_o import (
    DEFLATE,
    LANES,
    RSV1,
    SOCKET_BUFFER,
    Deflate,
    Flood,
    bytes_event,
    flooding,
    narrow,
    opened,
    unread,
    unsent,
)
from tests.harness import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    App,
    Client,
    Frame,
    Start,
    echo,
    eventually,
    frame,
    parse_frame,
)

READ = 256 * 1024
"""What one read brings at most, in bytes."""

FLOOD = 8 * 2**20


@LANES
async def test_o8c_pongs_wait_behind_back_pressure(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with narrow(start, app, ws=ws, receive_buffer=SOCKET_BUFFER) as (server, client):
        call = await opened(app, client)
        one = frame(PING, b"p" * 125)
        flood = Flood(client, one * (FLOOD // len(one)))
        held: list[int] = []

        def measured() -> bool:
            held.append(unsent(server.protocol))
            return flood.is_held_up()

        await eventually(measured, 20)
        assert not server.protocol.transport.is_reading()
        # One read's pongs may come on top of the mark.
        assert max(held) <= 64 * 1024 + READ
        assert unread(server.protocol) <= READ
        # The same goes on once the peer reads, and nothing is lost.
        rest = asyncio.ensure_future(client.send(flood.rest[: -flood.sent % len(one)]))
        for _ in range(-(-flood.sent // len(one))):
            assert await client.frame() == Frame(PONG, b"p" * 125)
        await rest
        assert server.protocol.transport.is_reading()
        await call.finish()


async def test_o8c_messages_behind_held_up_pings_arrive(start: Start) -> None:
    app = App()
    async with narrow(start, app, receive_buffer=SOCKET_BUFFER) as (server, client):
        call = await opened(app, client)
        count = 4 * 2**20 // 131
        sending = asyncio.ensure_future(client.send(frame(PING, b"p" * 125) * count + frame(BINARY, b"behind")))
        receiving = asyncio.ensure_future(call.receive_event())
        await eventually(lambda: not server.protocol.transport.is_reading())
        assert not receiving.done()
        await eventually(lambda: pongs(client) == count, 20)
        assert await receiving == bytes_event(b"behind")
        await sending
        await call.finish()


def pongs(client: Client) -> int:
    """Take what has come so far; returns how many pongs of 125 bytes that makes with all before it."""
    client.pending()
    client._buffer = b""
    return (len(client.raw) - client.raw.index(b"\r\n\r\n") - 4) // 127


async def test_o8c_flood_of_pings_lets_others_be_served(start: Start) -> None:
    """Also where the flooding peer takes the pongs."""
    app = App(echo)
    async with start(app) as server, server.open(b"/flood") as peer, server.open(b"/other") as other:
        async with flooding(peer, frame(PING, b"") * 1000):
            for n in range(50):
                await other.send_text(str(n))
                await other.expect_text(str(n))
        peer.reset()


@LANES
@pytest.mark.parametrize("piece", [b"", b"x", b"x" * 1000], ids=lambda piece: f"{len(piece)}-bytes")
async def test_o8c_unfinished_fragments_pause_reading(
    start: Start, protocol: Any, fast_lane: bool, piece: bytes
) -> None:
    """Counted by bytes and, since empty ones have none, by number."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane, receive_buffer=16384)
    async with start(app, ws=ws, receive_buffer=SOCKET_BUFFER) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_frame(BINARY, b"first", fin=False)
        one = frame(CONTINUATION, piece, fin=False)
        flood = Flood(client, one * (FLOOD // len(one)))
        await eventually(flood.is_held_up, 20)
        assert not server.protocol.transport.is_reading()
        assert 16384 <= unread(server.protocol) <= 16384 + READ + READ // len(one) * 64
        await call.finish()
        client.reset()


@LANES
async def test_o8c_compressed_fragments_count_as_inflated(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane, receive_buffer=16384)
    deflate = Deflate()
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        payload = deflate.deflate(b"\0" * 100_000)
        assert len(payload) < 1000
        await client.send_frame(BINARY, payload, rsv=RSV1, fin=False)
        await eventually(lambda: not server.protocol.transport.is_reading())
        assert unread(server.protocol) >= 100_000
        receiving = asyncio.ensure_future(call.receive())
        await client.send_frame(CONTINUATION, b"\0\0\xff\xff\0")
        assert await receiving == bytes_event(b"\0" * 100_000)
        await call.finish()


@LANES
async def test_o8c_message_of_many_fragments_arrives_once_the_app_receives(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane, receive_buffer=4096)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client)
        one = frame(CONTINUATION, b"0123456789", fin=False)
        data = frame(BINARY, b"", fin=False) + one * 20_000 + frame(CONTINUATION, b".")
        sending = asyncio.ensure_future(client.send(data))
        await eventually(lambda: not server.protocol.transport.is_reading())
        assert await call.receive() == bytes_event(b"0123456789" * 20_000 + b".")
        await sending
        await eventually(lambda: unread(server.protocol) == 0)
        await call.finish()


@LANES
async def test_o8c_empty_fragments_without_end_cost_no_memory(start: Start, protocol: Any, fast_lane: bool) -> None:
    """While the app waits for the message they are read on and on, and nothing of them is kept."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = asyncio.ensure_future(call.receive_event())
        await client.send_frame(BINARY, b"first", fin=False)
        one = frame(CONTINUATION, b"", fin=False)
        ping = frame(PING, b"so far")
        await client.send(one * 1000 + ping)
        assert await client.frame() == Frame(PONG, b"so far")
        data = one * 4000 + ping
        tracemalloc.start()
        try:
            await client.send(data)
            assert await client.frame() == Frame(PONG, b"so far")
            current, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert current < 50_000, current
        assert not receiving.done()
        await client.send_frame(CONTINUATION, b", last")
        assert await receiving == bytes_event(b"first, last")
        await call.finish()


def test_o8c_a_pong_is_what_the_tests_count_on() -> None:
    assert parse_frame(b"\x8a\x7d" + b"p" * 125) == (Frame(PONG, b"p" * 125), 127)
