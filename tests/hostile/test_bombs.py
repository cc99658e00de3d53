"""Compressed bombs: how much is inflated, in all and in one turn of the event loop, and who waits for it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from tests.contract.helpers_c import wait_for_end
from tests.contract.helpers_o import DEFLATE, LANES, NO_TAKEOVER, RSV1, Deflate, ending_line, fragments
from tests.harness import BINARY, CLOSE, PING, PONG, Call, Client, Start, eventually, frame
from tests.hostile.helpers import turns_until, under_attack

MAX_SIZE = 256 * 1024
BOUND = MAX_SIZE + 64 * 1024
"""Bytes that may be inflated of a message that gets too big; and in one turn of the event loop."""

BOMB = bytes(64 * 2**20)

RATIO = 1000


class Inflated:
    """Stands in for ``zlib.decompressobj``, and counts what comes out: in all, and the most in one turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.total = self.most_in_a_turn = self._in_this_turn = 0
        self._genuine = zlib.decompressobj
        monkeypatch.setattr(zlib, "decompressobj", self._make)

    def _make(self, bits: int) -> Any:
        return _Counting(self, self._genuine(bits))

    def count(self, size: int) -> None:
        """Count so many bytes."""
        if not self._in_this_turn:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self.total += size
        self._in_this_turn += size
        self.most_in_a_turn = max(self.most_in_a_turn, self._in_this_turn)

    def _next_turn(self) -> None:
        self._in_this_turn = 0


class _Counting:
    """What of zlib's object safews uses."""

    def __init__(self, counter: Inflated, genuine: Any) -> None:
        self._counter = counter
        self._genuine = genuine

    def decompress(self, data: bytes, room: int) -> bytes:
        inflated: bytes = self._genuine.decompress(data, room)
        self._counter.count(len(inflated))
        return inflated

    @property
    def unused_data(self) -> bytes:
        return bytes(self._genuine.unused_data)

    @property
    def eof(self) -> bool:
        return bool(self._genuine.eof)


TAKEOVER = pytest.mark.parametrize("takeover", [True, False], ids=["takeover", "no-takeover"])


def offer(takeover: bool) -> Sequence[tuple[bytes, bytes]]:
    return DEFLATE if takeover else NO_TAKEOVER


async def turns_for_an_echo(other: Client, most: int) -> int:
    """Have a message echoed, and count the turns that it takes."""
    await other.send_text("meanwhile")
    taken = await turns_until(other.pending, most)
    await other.expect_text("meanwhile")
    return taken


@LANES
@TAKEOVER
@pytest.mark.parametrize("count", [1, 7], ids=["whole", "fragments"])
async def test_bomb_is_inflated_up_to_the_limit(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool, takeover: bool, count: int
) -> None:
    """The second message of the connection, so that with takeover there is a window to take from."""
    deflate = Deflate(takeover=takeover, level=9)
    first, payload = deflate.deflate(b"first"), deflate.deflate(BOMB)
    assert len(payload) * RATIO < len(BOMB)
    inflated = Inflated(monkeypatch)
    ws = protocol.with_options(fast_lane=fast_lane)
    async with under_attack(start, wait_for_end, ws=ws, ws_max_size=MAX_SIZE) as (server, other):
        calm = await turns_for_an_echo(other, 50)
        async with server.connect() as client:
            await client.open(b"/", offer(takeover))
            await client.send_frame(BINARY, first, rsv=RSV1)
            await client.send(fragments(BINARY, payload, count, rsv=RSV1, between=frame(PING, b"between")))
            assert await turns_for_an_echo(other, 50) <= calm + 1
            while (closing := await client.frame()).opcode == PONG:
                pass
            assert (closing.opcode, closing.payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))
            await client.expect_eof()
        assert MAX_SIZE < inflated.total <= BOUND
        await eventually(lambda: len(server.state.connections) == 1)
        assert "1009 message too big" in ending_line(server)


LEGAL = 40


@LANES
@TAKEOVER
async def test_bombs_just_below_the_limit_come_one_in_a_turn(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool, takeover: bool
) -> None:
    """They are legal: 10 MiB in some 10 KiB, in one segment. Whoever else waits is served between them."""
    deflate = Deflate(takeover=takeover, level=9)
    data = b"".join(frame(BINARY, deflate.deflate(bytes(MAX_SIZE)), rsv=RSV1) for _ in range(LEGAL))
    assert len(data) < 64 * 1024
    inflated = Inflated(monkeypatch)
    ws = protocol.with_options(fast_lane=fast_lane)
    async with under_attack(start, wait_for_end, ws=ws, ws_max_size=MAX_SIZE) as (server, other):
        calm = await turns_for_an_echo(other, 50)
        async with server.connect() as client:
            await client.open(b"/", offer(takeover))
            await client.send(data)
            while inflated.total < LEGAL * MAX_SIZE:
                assert await turns_for_an_echo(other, 50) <= calm + 2
            await client.send_close(1000)
            await client.expect_close(1000)
        assert inflated.total == LEGAL * MAX_SIZE
        assert inflated.most_in_a_turn <= BOUND


async def closes_at_once(call: Call) -> None:
    """A script: accept, and close; the peer's Close is looked for in what it sends."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})


@LANES
async def test_bombs_to_a_connection_that_we_close(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool
) -> None:
    """Nobody is to have them, and they are inflated to find the Close behind them, not many in a turn."""
    deflate = Deflate(level=9)
    data = b"".join(frame(BINARY, deflate.deflate(bytes(MAX_SIZE)), rsv=RSV1) for _ in range(LEGAL))
    inflated = Inflated(monkeypatch)
    ws = protocol.with_options(fast_lane=fast_lane)
    async with under_attack(start, closes_at_once, ws=ws, ws_max_size=MAX_SIZE) as (server, other):
        calm = await turns_for_an_echo(other, 50)
        async with server.connect() as client:
            await client.open(b"/", DEFLATE)
            await client.expect_close(1000)
            await client.send(data)
            assert await turns_for_an_echo(other, 50) <= calm + 2
            await client.send_close(1000)
            await client.expect_eof()
        # Up to a mebibyte of messages is read at once, and the last may go beyond it.
        assert inflated.most_in_a_turn <= 2**20 + BOUND
