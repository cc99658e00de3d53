"""Open, rows O1 and O3: messages compressed by permessage-deflate."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.contract.helpers_o import (
    DEFLATE,
    LANES,
    NO_TAKEOVER,
    RSV1,
    Deflate,
    bytes_event,
    fragments,
    opened,
    text_event,
)
from tests.harness import BINARY, PING, PONG, TEXT, App, Client, Frame, Start, frame, turns

TAKEOVER = pytest.mark.parametrize("takeover", [True, False], ids=["takeover", "no-takeover"])

TEXTS = ["grüße, " * 20, "grüße, " * 20, "", "x", "grüße, " * 20_000]


def offer(takeover: bool) -> Sequence[tuple[bytes, bytes]]:
    """The header that asks for compression."""
    return DEFLATE if takeover else NO_TAKEOVER


@LANES
@TAKEOVER
async def test_o1_compressed(start: Start, protocol: Any, fast_lane: bool, takeover: bool) -> None:
    app = App()
    deflate = Deflate(takeover=takeover)
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=offer(takeover))
        for text in TEXTS:
            await client.send_frame(TEXT, deflate.deflate(text.encode()), rsv=RSV1)
            assert await call.receive() == text_event(text)
        await client.send_frame(BINARY, deflate.deflate(b"\xff" * 1000), rsv=RSV1)
        assert await call.receive() == bytes_event(b"\xff" * 1000)
        await call.finish()


@LANES
@TAKEOVER
@pytest.mark.parametrize("count", [2, 7])
async def test_o1_compressed_and_fragmented(
    start: Start, protocol: Any, fast_lane: bool, takeover: bool, count: int
) -> None:
    app = App()
    deflate = Deflate(takeover=takeover)
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=offer(takeover))
        for text in TEXTS:
            await client.send(fragments(TEXT, deflate.deflate(text.encode()), count, rsv=RSV1))
            assert await call.receive() == text_event(text)
        await call.finish()


@LANES
@TAKEOVER
async def test_o1_pings_between_compressed_fragments(
    start: Start, protocol: Any, fast_lane: bool, takeover: bool
) -> None:
    app = App()
    deflate = Deflate(takeover=takeover)
    ping = frame(PING, b"between") + frame(PONG, b"unsolicited")
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=offer(takeover))
        for text in TEXTS:
            await client.send(fragments(TEXT, deflate.deflate(text.encode()), 4, rsv=RSV1, between=ping))
            assert await call.receive() == text_event(text)
            assert [await client.frame() for _ in range(3)] == [Frame(PONG, b"between")] * 3
        await call.finish()


@LANES
@TAKEOVER
async def test_o1_message_that_ends_its_deflate_stream(
    start: Start, protocol: Any, fast_lane: bool, takeover: bool
) -> None:
    """RFC 7692 section 7.2.3.4: the messages after it are whole too, none is empty, none doubled."""
    app = App()
    deflate = Deflate(takeover=takeover)
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=offer(takeover))
        await client.send_frame(TEXT, deflate.deflate(b"before"), rsv=RSV1)
        # The payload may have a byte 0 behind it, as the RFC's own example has.
        for final in (deflate.deflate_final(b"final" * 50), deflate.deflate_final(b"final" * 50) + b"\0"):
            await client.send_frame(TEXT, final, rsv=RSV1)
        await client.send(fragments(TEXT, deflate.deflate_final(b"final" * 50), 3, rsv=RSV1))
        await client.send_frame(TEXT, deflate.deflate(b"after"), rsv=RSV1)
        await client.send_text("plain")
        received = [await call.receive() for _ in range(6)]
        assert received == [text_event(text) for text in ("before", *["final" * 50] * 3, "after", "plain")]
        await call.finish()


@LANES
async def test_o1_the_examples_of_rfc_7692(start: Start, protocol: Any, fast_lane: bool) -> None:
    """Section 7.2.3: one block, two messages that share a window, no compression, BFINAL, two blocks."""
    app = App()
    examples = [
        "f248cdc9c90700",
        "f200110000",
        "000500faff48656c6c6f00",
        "f348cdc9c9070000",
        "f248050000 00ffff cac9c90700",
    ]
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        for example in examples:
            await client.send_frame(TEXT, bytes.fromhex(example), rsv=RSV1)
            assert await call.receive() == text_event("Hello")
        await call.finish()


@LANES
async def test_o1_plain_messages_where_compression_is_agreed(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    deflate = Deflate()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        await client.send_frame(TEXT, deflate.deflate(b"compressed"), rsv=RSV1)
        await client.send(frame(TEXT, b"plain") + fragments(TEXT, b"plain too", 3))
        await client.send_frame(TEXT, deflate.deflate(b"compressed"), rsv=RSV1)
        received = [await call.receive() for _ in range(4)]
        assert received == [text_event(text) for text in ("compressed", "plain", "plain too", "compressed")]
        await call.finish()


@LANES
async def test_o1_compressed_message_in_pieces(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    text = "".join(random.Random(7).choices("abcdefäöü", k=300))
    deflate = Deflate()
    data = fragments(TEXT, deflate.deflate(text.encode()), 3, rsv=RSV1, between=frame(PING))
    data += frame(TEXT, deflate.deflate(text.encode()), rsv=RSV1)
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        for at in range(0, len(data), 11):
            await client.send(data[at : at + 11])
            await turns(3)
        assert await call.receive() == text_event(text)
        assert await call.receive() == text_event(text)
        await call.finish()


@TAKEOVER
async def test_o3_what_the_app_sends_is_compressed(start: Start, takeover: bool) -> None:
    app = App()
    deflate = Deflate(takeover=takeover)
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client, headers=offer(takeover))
        for text in ("grüße, " * 20, "grüße, " * 20, "grüße, " * 20_000):
            await call.send("websocket.send", text=text)
            assert deflate.inflate(await compressed(client, TEXT)) == text.encode()
        await call.send("websocket.send", bytes=b"\0" * 70_000)
        assert deflate.inflate(await compressed(client, BINARY)) == b"\0" * 70_000
        await call.finish()


async def compressed(client: Client, opcode: int) -> bytes:
    """Read a message, which must be compressed and whole; returns its payload."""
    received = await client.frame()
    assert (received.opcode, received.fin, received.rsv1) == (opcode, True, True)
    return received.payload


async def test_o3_small_and_empty_messages_are_one_frame_too(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        await call.send("websocket.send", text="small")
        await client.expect_text("small")
        await call.send("websocket.send", bytes=b"")
        await client.expect_bytes(b"")
        await call.finish()


async def test_o3_empty_message_that_is_compressed(start: Start, protocol: Any) -> None:
    app = App()
    deflate = Deflate()
    async with start(app, ws=protocol.with_options(deflate_threshold=0)) as server, server.connect() as client:
        call = await opened(app, client, headers=DEFLATE)
        for text in ("", "x", ""):
            await call.send("websocket.send", text=text)
            assert deflate.inflate(await compressed(client, TEXT)) == text.encode()
        await call.finish()
