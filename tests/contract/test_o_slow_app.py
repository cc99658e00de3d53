"""Open, row O7: an app that reads slowly makes reading pause, by bytes and by messages, until half of it is taken."""

from __future__ import annotations

import asyncio
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
    narrow,
    opened,
    text_event,
    unread,
)
from tests.harness import BINARY, TEXT, App, Client, Server, Start, close_frame, eventually, frame, turns

READ = 256 * 1024
"""What one read brings at most, in bytes."""

FLOOD = 8 * 2**20


def is_reading(server: Server) -> bool:
    """Whether the only connection is read."""
    reading: bool = server.protocol.transport.is_reading()
    return reading


async def taken_in(server: Server, client: Client, data: bytes, *, messages: int) -> None:
    """Send messages, and wait until that many are in the queue of the app and reading has been decided on."""
    await client.send(data)
    await eventually(lambda: len(server.protocol._connection.inbox) == messages)
    await turns()


@LANES
async def test_o7_reading_pauses_by_bytes(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    size = 1000
    ws = protocol.with_options(receive_buffer=16_384, fast_lane=fast_lane)
    async with narrow(start, app, ws=ws, ws_max_queue=None, receive_buffer=SOCKET_BUFFER) as (server, client):
        call = await opened(app, client)
        one = frame(BINARY, b"m" * size)
        flood = Flood(client, one * (FLOOD // len(one)))
        await eventually(flood.is_held_up, 20)
        assert not is_reading(server)
        assert 16_384 <= server.protocol._connection.inbox.size < 16_384 + size
        assert unread(server.protocol) <= 16_384 + size + READ
        await call.finish()
        client.reset()


@LANES
async def test_o7_reading_pauses_by_messages(start: Start, protocol: Any, fast_lane: bool) -> None:
    """However small they are: here they are empty."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with narrow(start, app, ws=ws, ws_max_queue=5, receive_buffer=SOCKET_BUFFER) as (server, client):
        call = await opened(app, client)
        flood = Flood(client, frame(TEXT) * (FLOOD // 6))
        await eventually(flood.is_held_up, 20)
        assert not is_reading(server)
        assert len(server.protocol._connection.inbox) == 5
        assert unread(server.protocol) <= READ
        await call.finish()
        client.reset()


@LANES
async def test_o7_resumes_when_half_of_the_messages_are_taken(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_queue=8) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(2):
            await taken_in(server, client, frame(TEXT, b"x") * 8, messages=8)
            reading = [is_reading(server)]
            for _ in range(8):
                assert await call.receive() == text_event("x")
                reading.append(is_reading(server))
            assert reading == [False] * 4 + [True] * 5
        await call.finish()


@LANES
async def test_o7_resumes_when_half_of_the_bytes_are_taken(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(receive_buffer=8000, fast_lane=fast_lane)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(2):
            await taken_in(server, client, frame(BINARY, b"m" * 1000) * 8, messages=8)
            reading = [is_reading(server)]
            for _ in range(8):
                assert await call.receive() == bytes_event(b"m" * 1000)
                reading.append(is_reading(server))
            assert reading == [False] * 4 + [True] * 5
        await call.finish()


async def test_o7_below_both_marks_reading_goes_on(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(receive_buffer=8000)
    async with start(app, ws=ws, ws_max_queue=8) as server, server.connect() as client:
        call = await opened(app, client)
        await taken_in(server, client, frame(BINARY, b"m" * 1000) * 7, messages=7)
        assert is_reading(server)
        await call.finish()


@LANES
@pytest.mark.parametrize("queue", [1, 2, 32, None])
async def test_o7_nothing_is_lost_and_all_in_order(
    start: Start, protocol: Any, fast_lane: bool, queue: int | None
) -> None:
    app = App()
    ws = protocol.with_options(receive_buffer=4096, fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_queue=queue) as server, server.connect() as client:
        call = await opened(app, client)
        data = b"".join(frame(TEXT, b"%d" % n) for n in range(3000)) + close_frame(4000)
        sending = asyncio.ensure_future(client.send(data))
        await eventually(lambda: not is_reading(server))
        for n in range(3000):
            assert await call.receive() == text_event(str(n))
        await sending
        await call.disconnect(4000, "")
        await call.finish()


@LANES
async def test_o7_compressed_messages_count_as_inflated(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    deflate = Deflate()
    ws = protocol.with_options(receive_buffer=8000, fast_lane=fast_lane)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        payloads = [deflate.deflate(b"\0" * 4000) for _ in range(20)]
        data = b"".join(frame(BINARY, payload, rsv=RSV1) for payload in payloads)
        assert len(data) < 1000
        await taken_in(server, client, data, messages=2)
        assert not is_reading(server)
        for _ in range(20):
            assert await call.receive() == bytes_event(b"\0" * 4000)
        assert is_reading(server)
        await call.finish()


@LANES
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_o7_unfinished_large_message_waits_for_the_app(
    start: Start, protocol: Any, fast_lane: bool, opcode: int
) -> None:
    """One above the mark is not gathered for an app that does not ask for it; once it does, it gets it whole."""
    app = App()
    size = 4 * 2**20
    ws = protocol.with_options(receive_buffer=16_384, fast_lane=fast_lane)
    async with start(app, ws=ws, receive_buffer=SOCKET_BUFFER) as server, server.connect() as client:
        call = await opened(app, client)
        flood = Flood(client, frame(opcode, b"m" * size))
        await eventually(flood.is_held_up, 20)
        assert not is_reading(server)
        assert unread(server.protocol) <= 16_384 + READ
        sending = asyncio.ensure_future(client.send(flood.rest))
        event = await call.receive()
        assert event == (text_event("m" * size) if opcode == TEXT else bytes_event(b"m" * size))
        await sending
        await eventually(lambda: is_reading(server))
        await call.finish()


async def test_o7_message_above_the_mark_behind_others(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(receive_buffer=1000)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client)
        data = frame(TEXT, b"small") + frame(BINARY, b"m" * 100_000) + frame(TEXT, b"small")
        sending = asyncio.ensure_future(client.send(data * 5))
        for _ in range(5):
            assert await call.receive() == text_event("small")
            assert await call.receive() == bytes_event(b"m" * 100_000)
            assert await call.receive() == text_event("small")
        await sending
        await call.finish()


async def test_o7_close_behind_a_full_queue_is_seen_in_its_turn(start: Start) -> None:
    app = App()
    async with start(app, ws_max_queue=2) as server, server.connect() as client:
        call = await opened(app, client)
        await taken_in(server, client, frame(TEXT, b"x") * 4 + close_frame(4000, "bye"), messages=2)
        assert server.protocol.close_code is None
        for _ in range(4):
            assert await call.receive() == text_event("x")
        await call.disconnect(4000, "bye")
        await client.expect_close(4000, "bye")
        await call.finish()


async def test_o7_app_may_send_while_reading_is_paused(start: Start) -> None:
    app = App()
    async with start(app, ws_max_queue=2) as server, server.connect() as client:
        call = await opened(app, client)
        await taken_in(server, client, frame(TEXT, b"x") * 4, messages=2)
        assert not is_reading(server)
        await call.send("websocket.send", text="meanwhile")
        await client.expect_text("meanwhile")
        await call.finish()
