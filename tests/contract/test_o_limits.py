"""Open, row O9: ``ws_max_size``, to the byte, however a message comes."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.helpers_o import (
    DEFLATE,
    LANES,
    NO_TAKEOVER,
    RSV1,
    Deflate,
    bytes_event,
    ending_line,
    fragments,
    opened,
    text_event,
)
from tests.harness import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, App, Client, Frame, Start, frame

LIMIT = 1000
MESSAGE = random.Random(5).randbytes(LIMIT + 1)

Shape = Callable[[bytes], bytes]
"""Makes the bytes on the wire of a binary message."""


def fragmented(data: bytes) -> bytes:
    return fragments(BINARY, data, 3)


def byte_by_byte(data: bytes) -> bytes:
    return fragments(BINARY, data, len(data))


def with_controls(data: bytes) -> bytes:
    return fragments(BINARY, data, 3, between=(frame(PING, b"p" * 125) + frame(PONG, b"p" * 125)) * 10)


def with_empty_last(data: bytes) -> bytes:
    return frame(BINARY, data, fin=False) + frame(CONTINUATION)


def single(data: bytes) -> bytes:
    return frame(BINARY, data)


def compressed(data: bytes) -> bytes:
    return frame(BINARY, Deflate().deflate(data), rsv=RSV1)


def stored(data: bytes) -> bytes:
    """Compressed in form only: more bytes on the wire than the message has."""
    payload = Deflate(level=0).deflate(data)
    assert len(payload) > len(data)
    return frame(BINARY, payload, rsv=RSV1)


def compressed_fragmented(data: bytes) -> bytes:
    return fragments(BINARY, Deflate().deflate(data), 3, rsv=RSV1)


def compressed_with_controls(data: bytes) -> bytes:
    return fragments(BINARY, Deflate().deflate(data), 3, rsv=RSV1, between=frame(PING, b"p" * 125) * 10)


def compressed_and_ended(data: bytes) -> bytes:
    return frame(BINARY, Deflate().deflate_final(data), rsv=RSV1)


PLAIN = [single, fragmented, byte_by_byte, with_controls, with_empty_last]
COMPRESSED = [compressed, stored, compressed_fragmented, compressed_with_controls, compressed_and_ended]
SHAPES = pytest.mark.parametrize("shape", PLAIN + COMPRESSED, ids=lambda shape: shape.__name__)


def headers(shape: Shape) -> Any:
    """The headers that ask for compression, if a shape needs it."""
    return NO_TAKEOVER if shape in COMPRESSED else []


async def data_frame(client: Client) -> Frame:
    """Read the next frame that is no Pong."""
    while (received := await client.frame()).opcode == PONG:
        pass
    return received


@LANES
@SHAPES
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_o9_up_to_the_limit_passes(start: Start, protocol: Any, fast_lane: bool, shape: Shape, size: int) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client, headers=headers(shape))
        for _ in range(2):
            await client.send(shape(MESSAGE[:size]))
            assert await call.receive() == bytes_event(MESSAGE[:size])
        await call.finish()


@LANES
@SHAPES
async def test_o9_one_byte_above_is_1009(start: Start, protocol: Any, fast_lane: bool, shape: Shape) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server:
        async with server.connect() as client:
            call = await opened(app, client, headers=headers(shape))
            await client.send(shape(MESSAGE))
            await call.disconnect(1009)
            received = await data_frame(client)
            assert (received.opcode, received.payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))
            await client.expect_eof()
            await call.finish()
        await server.became_idle()
        line = ending_line(server)
        assert "1009 message too big" in line
        assert "by server" in line
        assert str(LIMIT) in line


@LANES
@SHAPES
async def test_o9_in_order(start: Start, protocol: Any, fast_lane: bool, shape: Shape) -> None:
    """What came before is delivered and may be answered; what comes after is not read."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client, headers=headers(shape))
        await client.send_text("first")
        assert await call.receive() == text_event("first")
        await client.send(frame(TEXT, b"before") + shape(MESSAGE) + frame(TEXT, b"after") + frame(PING, b"after"))
        assert await call.receive() == text_event("before")
        await call.send("websocket.send", text="answer")
        await call.disconnect(1009)
        assert await data_frame(client) == Frame(TEXT, b"answer")
        assert (await client.frame()).payload[:2] == (1009).to_bytes(2, "big")
        await client.expect_eof()
        await call.finish()


@LANES
async def test_o9_text_counts_in_bytes(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_text("ä" * (LIMIT // 2))
        assert await call.receive() == text_event("ä" * (LIMIT // 2))
        await client.send_text("ä" * (LIMIT // 2) + "x")
        await call.disconnect(1009)
        await call.finish()


@LANES
@pytest.mark.parametrize("size", [LIMIT + 1, 2**32, 2**63 - 1])
async def test_o9_header_alone_is_enough(start: Start, protocol: Any, fast_lane: bool, size: int) -> None:
    """A frame that only announces too much."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client)
        length = b"\xfe" + size.to_bytes(2, "big") if size < 2**16 else b"\xff" + size.to_bytes(8, "big")
        await client.send(b"\x82" + length + b"mask")
        await call.disconnect(1009)
        assert (await client.frame()).payload[:2] == (1009).to_bytes(2, "big")
        await call.finish()


@LANES
async def test_o9_fragment_that_announces_too_much_with_those_before_it(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_frame(BINARY, b"x" * (LIMIT - 200), fin=False)
        await client.send(b"\x00\xfe\x00\xc9mask")
        await call.disconnect(1009)
        await call.finish()


@LANES
async def test_o9_messages_do_not_add_up(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    deflate = Deflate()
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        for _ in range(5):
            await client.send(single(MESSAGE[:LIMIT]) + fragmented(MESSAGE[:LIMIT]))
            await client.send_frame(BINARY, deflate.deflate(MESSAGE[:LIMIT]), rsv=RSV1)
            for _ in range(3):
                assert await call.receive() == bytes_event(MESSAGE[:LIMIT])
        await call.finish()


@LANES
async def test_o9_context_takeover_shares_no_limit(start: Start, protocol: Any, fast_lane: bool) -> None:
    """The second message is a few bytes on the wire, and all of it comes from the window."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    deflate = Deflate()
    first, second, third = (deflate.deflate(MESSAGE[:size]) for size in (LIMIT, LIMIT, LIMIT + 1))
    assert len(second) < 50
    async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        await client.send_frame(BINARY, first, rsv=RSV1)
        await client.send_frame(BINARY, second, rsv=RSV1)
        assert [await call.receive(), await call.receive()] == [bytes_event(MESSAGE[:LIMIT])] * 2
        await client.send_frame(BINARY, third, rsv=RSV1)
        await call.disconnect(1009)
        await call.finish()


@LANES
@pytest.mark.parametrize("count", [1, 5], ids=["single", "fragmented"])
async def test_o9_inflating_stops_at_the_limit(start: Start, protocol: Any, fast_lane: bool, count: int) -> None:
    """64 MiB in 64 KiB of deflate data, none of which is ever allocated."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    bomb = fragments(BINARY, Deflate(level=9).deflate(b"\0" * 2**26), count, rsv=RSV1)
    limit = 2**17
    assert len(bomb) < limit
    async with start(app, ws=ws, ws_max_size=limit) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        tracemalloc.start()
        try:
            await client.send(bomb)
            await call.disconnect(1009)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * limit
        await call.finish()


@LANES
async def test_o9_unfinished_compressed_message_is_found_as_it_arrives(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    """Neither the rest of the frame nor the last fragment is waited for."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    payload = Deflate().deflate(b"\0" * 100_000)
    for data in (frame(BINARY, payload, rsv=RSV1)[:-10], frame(BINARY, payload, rsv=RSV1, fin=False)):
        app.calls.clear()
        async with start(app, ws=ws, ws_max_size=LIMIT) as server, server.connect() as client:
            call = await opened(app, client, headers=DEFLATE)
            await client.send(data)
            await call.disconnect(1009)
            await call.finish()


async def test_o9_the_default_is_uvicorns(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_frame(BINARY, b"x", fin=False)
        await client.send(b"\x80\xff" + (2**24).to_bytes(8, "big") + b"mask")
        await call.disconnect(1009)
        await call.finish()
