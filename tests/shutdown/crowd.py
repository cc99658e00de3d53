"""A crowd of clients before a server that goes down. What they do is in ``peers.py``, what the app in ``served.py``.

with uvicorn(tmp_path, APP, ours) as server, Crowd(server) as crowd:
    await crowd.gather(everybody(500))
    await crowd.shut_down(signal.SIGTERM)
    await crowd.expect_end(CLOSE_TIMEOUT + 1)
    crowd.check()
    crowd.expect_log()
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from tests.failures.server import ServerProcess
from tests.harness import eventually
from tests.shutdown.peers import Kind, Peer
from tests.shutdown.served import ARRIVALS, REPORTS, SERVICE_RESTART

APP = "tests.shutdown.served:app"

ARRIVE_IN = 15.0
"""Seconds for the apps of a crowd to get where they are meant to be. They take one or two."""

MARGIN = 5.0
"""Seconds that a slow machine may add to what is bounded."""


class Crowd:
    """The clients of one server, in the test's event loop."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._folder = server.running.log.parent
        self._stack = ExitStack()
        self._visits: list[asyncio.Task[None]] = []
        self._going_down = asyncio.Event()
        self._asked_at = 0.0
        self.peers: list[tuple[Kind, Peer]] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def gather(self, kinds: Mapping[Kind, int]) -> None:
        """Let so many of each kind arrive, one after the other, and wait until each is where it is meant to be."""
        for kind, count in kinds.items():
            for number in range(count):
                client = self._stack.enter_context(self._server.connect())
                await self._arrive(kind, Peer(f"{kind.path}{number}", client, self._going_down))
        arrivals = self._folder / ARRIVALS
        await eventually(lambda: arrivals.exists() and arrivals.stat().st_size == len(self.peers), ARRIVE_IN)

    async def _arrive(self, kind: Kind, peer: Peer) -> None:
        visit = asyncio.ensure_future(kind.visit(peer))
        arrived = asyncio.ensure_future(peer.arrived.wait())
        await asyncio.wait([visit, arrived], return_when=asyncio.FIRST_COMPLETED)
        if not peer.arrived.is_set():
            arrived.cancel()
            await visit
        self.peers.append((kind, peer))
        self._visits.append(visit)

    async def shut_down(self, number: signal.Signals) -> None:
        """Ask the server to end, and wait until every client that is to see it has done so."""
        self._asked_at = asyncio.get_running_loop().time()
        self._server.process.send_signal(number)
        self._going_down.set()
        await asyncio.gather(*self._visits)

    @property
    def told_after(self) -> list[float]:
        """After how many seconds those who got a Close got it, in order."""
        return sorted(peer.told_at - self._asked_at for _, peer in self.peers if peer.told_at is not None)

    async def expect_end(self, seconds: float) -> None:
        """Wait for the end of the server, so many seconds after it was asked at the latest."""
        loop = asyncio.get_running_loop()
        await eventually(lambda: self._server.process.poll() is not None, seconds + MARGIN)
        took = loop.time() - self._asked_at
        print(f"{len(self.peers)} clients: told within {self.told_after[-1]:.2f} s, ended after {took:.2f} s")
        assert took < seconds + MARGIN

    def check(self) -> None:
        """What everybody was sent has arrived, and every app was told of one end, the right one."""
        reports: dict[str, Any] = {}
        for file in self._folder.glob(REPORTS):
            reports |= json.loads(file.read_text())
        assert sorted(reports) == sorted(peer.path for _, peer in self.peers)
        for kind, peer in self.peers:
            sent, codes = reports[peer.path]["sent"], reports[peer.path]["codes"]
            assert len(codes) == 1, f"{peer.path} was told of {codes}"
            assert codes[0] in kind.codes, f"{peer.path} was told of {codes}"
            if peer.received is not None:
                # The last one may have gone out while its ``send`` waited for the peer, and then for nothing.
                assert peer.received - sent in (0, 1), f"{peer.path} got {peer.received} of {sent}"

    def expect_log(self, processes: int = 1) -> None:
        """Announce the lines about the connections; for those that the shutdown closes, one for each process."""
        server = self._server
        kinds = [kind for kind, _ in self.peers]
        for kind in {*kinds}:
            count, line = kinds.count(kind), rf'"WebSocket {kind.path}\d+"'
            if kind.answer is not None:
                server.expect(f"{line} {kind.answer}", count)
            if kind.record:
                least, most = kind.records
                server.expect(rf"{line} \[closed\] {kind.record}", least=least * count, most=most * count)
        counts = rf"Closing (\d+) WebSocket connection\(s\) with code {SERVICE_RESTART}$"
        server.expect(counts, least=1, most=processes)
        closed = sum(int(count) for count in re.findall(counts, "\n".join(server.log.records), re.MULTILINE))
        least = sum(kind.codes == (SERVICE_RESTART,) for kind in kinds)
        assert least <= closed <= sum(SERVICE_RESTART in kind.codes for kind in kinds)
