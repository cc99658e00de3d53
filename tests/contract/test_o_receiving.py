"""Open, row O1: what the peer sends, however it is cut, is one event with exactly one of ``text`` and ``bytes``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_o import LANES, bytes_event, fragments, opened, text_event
from tests.harness import BINARY, CONTINUATION, PING, PONG, TEXT, App, Frame, Start, frame, turns

TEXTS = ["", "a", "grüße", "\0", "\N{PILE OF POO}" * 3, "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]
BINARIES = [b"", b"\0", b"\xff" * 125, b"\xfe" * 126, b"\x80" * 65535, b"\x80" * 65536]


@LANES
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)}-characters")
async def test_o1_text(start: Start, protocol: Any, fast_lane: bool, text: str) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_text(text)
        assert await call.receive() == text_event(text)
        await call.finish()


@LANES
@pytest.mark.parametrize("data", BINARIES, ids=lambda data: f"{len(data)}-bytes")
async def test_o1_binary(start: Start, protocol: Any, fast_lane: bool, data: bytes) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_bytes(data)
        event = await call.receive()
        assert event == bytes_event(data)
        assert type(event["bytes"]) is bytes
        await call.finish()


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"], ids=bytes.hex)
@LANES
async def test_o1_every_masking_key(start: Start, protocol: Any, fast_lane: bool, mask: bytes) -> None:
    app = App()
    data = bytes(range(256)) * 5
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(BINARY, data, mask=mask) + frame(TEXT, b"text", mask=mask))
        assert await call.receive() == bytes_event(data)
        assert await call.receive() == text_event("text")
        await call.finish()


@LANES
async def test_o1_many_messages_in_one_segment_stay_many(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(b"".join(frame(TEXT, b"%d" % n) for n in range(500)))
        for n in range(500):
            assert await call.receive() == text_event(str(n))
        await call.finish()


@LANES
async def test_o1_message_that_comes_byte_by_byte(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        for byte in frame(TEXT, "grüße".encode()) + frame(BINARY, b"b" * 130):
            await client.send(bytes([byte]))
            await turns(3)
        assert await call.receive() == text_event("grüße")
        assert await call.receive() == bytes_event(b"b" * 130)
        await call.finish()


@LANES
async def test_o1_message_larger_than_a_read(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App(receive_then_finish)
    data = bytes(range(256)) * 8192
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.open() as client:
        await client.send_bytes(data)
        (call,) = app.calls
        assert await call.ended() is None
        assert call.received[1:] == [bytes_event(data)]


async def receive_then_finish(call: Any) -> None:
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    await call.receive_event()


@LANES
@pytest.mark.parametrize("count", [2, 3, 11])
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_o1_fragments_are_one_message(
    start: Start, protocol: Any, fast_lane: bool, opcode: int, count: int
) -> None:
    app = App()
    payload = "grüße, \N{PILE OF POO}".encode()
    event = text_event(payload.decode()) if opcode == TEXT else bytes_event(payload)
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(fragments(opcode, payload, count) + frame(TEXT, b"next"))
        assert await call.receive() == event
        assert await call.receive() == text_event("next")
        await call.finish()


@LANES
async def test_o1_fragment_for_every_byte_cuts_characters(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    payload = "äöü\N{PILE OF POO}€".encode()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(fragments(TEXT, payload, len(payload)))
        assert await call.receive() == text_event(payload.decode())
        await call.finish()


@LANES
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_o1_empty_fragments(start: Start, protocol: Any, fast_lane: bool, opcode: int) -> None:
    app = App()
    empty_message = frame(opcode, fin=False) + frame(CONTINUATION)
    with_empty_ends = frame(opcode, fin=False) + frame(CONTINUATION, b"x", fin=False) + frame(CONTINUATION)
    event = text_event if opcode == TEXT else lambda text: bytes_event(text.encode())
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(empty_message + with_empty_ends)
        assert await call.receive() == event("")
        assert await call.receive() == event("x")
        await call.finish()


@LANES
async def test_o1_pings_between_fragments(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(fragments(TEXT, b"fragments", 3, between=frame(PING, b"p") + frame(PONG, b"")))
        assert await call.receive() == text_event("fragments")
        assert [await client.frame() for _ in range(2)] == [Frame(PONG, b"p")] * 2
        await call.finish()


@LANES
async def test_o1_fragments_in_pieces(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    data = fragments(TEXT, "grüße".encode() * 40, 3, between=frame(PING, b"ping"))
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        for at in range(0, len(data), 7):
            await client.send(data[at : at + 7])
            await turns(3)
        assert await call.receive() == text_event("grüße" * 40)
        await call.finish()
