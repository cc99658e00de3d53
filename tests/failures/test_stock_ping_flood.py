"""A peer that sends pings without end and reads none of the answers: what it costs the process in memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.failures.peers import HANG, PLAIN, deaf_peer, ends_on_sigterm, peak_memory, shown_by
from tests.failures.server import uvicorn
from tests.harness import PING, Client, eventually, frame

APP = "worse_stalled:app"
DEADLINE = 25.0

BOUND = 2 * 2**20
"""Bytes by which the process may grow, however long the flood is."""

ENOUGH = 64 * 2**20
"""Bytes of pings that a server which grows without bound takes, and the kernel's buffers do not."""

PINGS = memoryview(frame(PING, bytes(125)) * 2000)


class Flood:
    """Sends pings as fast as the kernel takes them."""

    def __init__(self, client: Client) -> None:
        self._socket = client.wire.socket
        self._at = 0
        self._last = time.monotonic()
        self.sent = 0

    def go_on(self) -> None:
        """Send what can be sent."""
        try:
            count = self._socket.send(PINGS[self._at :])
        except BlockingIOError:
            return
        self._at = (self._at + count) % len(PINGS)
        self._last = time.monotonic()
        self.sent += count

    def is_held_up(self) -> bool:
        """Send on; true once nothing could be sent for ``HANG`` seconds. Enough sent is an error."""
        assert self.sent < ENOUGH, "nothing held the flood up"
        self.go_on()
        return time.monotonic() > self._last + HANG


async def test_the_flood_is_held_up(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name, **PLAIN) as server:
        with deaf_peer(server) as client:
            await client.open(b"/fills")
            before = peak_memory(server)
            flood = Flood(client)
            await eventually(flood.is_held_up, DEADLINE)
            assert (await server.get()).status == 204
            assert peak_memory(server) - before < BOUND
        server.expect('"GET / HTTP/1.1" 204')
        server.expect(r'"WebSocket /fills" \[accepted\]')
        server.expect(r'"WebSocket /fills" \[closed\] 1006 .* by network')
        ends_on_sigterm(server)


@pytest.mark.stock
@shown_by("websockets-sansio")
async def test_stock_grows_with_it(tmp_path: Path, stock: str, loop_name: str) -> None:
    """By all that the kernel does not hold. So does ``--ws wsproto``, but slowly; ``--ws websockets`` does not."""
    with uvicorn(tmp_path, APP, stock, loop=loop_name, **PLAIN) as server:
        with deaf_peer(server) as client:
            await client.open(b"/fills")
            before = peak_memory(server)
            flood = Flood(client)

            def has_grown() -> bool:
                flood.go_on()
                return peak_memory(server) - before > 2 * BOUND

            await eventually(has_grown, DEADLINE)
        server.expect(r'"WebSocket /fills" \[accepted\]')
        server.expect("connection open", least=0)
        ends_on_sigterm(server)
