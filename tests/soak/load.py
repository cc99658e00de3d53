"""Leads the lives: so many clients at once, and another one wherever one has gone."""

from __future__ import annotations

import asyncio
import os
import traceback
from contextlib import closing
from random import Random
from typing import NamedTuple

from tests.harness import Client, Wire
from tests.installed import ROOT, connected_socket
from tests.soak import attackers, endings
from tests.soak.peers import LIVES, Life, Peer, Tally

__all__ = ["Load", "attackers", "endings"]

ARRIVAL = 5.0
"""Seconds within which the first clients come."""

MEAN, LONGEST = 10.0, 40.0
"""Seconds of a life, where it is the client who says how long."""

GAP = 1.0
"""The most seconds until another client takes the place of one that has gone."""

WAIT = 30.0
"""Seconds for which a client waits for anything. Most of it takes milliseconds."""

FAILURES = 20
"""So many lives that went wrong end it all."""


class Load(NamedTuple):
    """So many clients at once, for so many seconds."""

    connections: int
    seconds: float
    seed: int

    async def run(self, port: int) -> Tally:
        """Lead lives before a server until the time is over and the last has ended."""
        tally = Tally()
        end = asyncio.get_running_loop().time() + self.seconds
        places = (self._fill_place(number, port, end, tally) for number in range(self.connections))
        await asyncio.gather(*places)
        return tally

    async def _fill_place(self, number: int, port: int, end: float, tally: Tally) -> None:
        loop = asyncio.get_running_loop()
        random = Random(f"{self.seed}/{number}")
        weights = [life.weight for life in LIVES]
        await asyncio.sleep(random.uniform(0, min(ARRIVAL, self.seconds)))
        while loop.time() < end and len(tally.failures) < FAILURES:
            (life,) = random.choices(LIVES, weights)
            length = min(random.expovariate(1 / MEAN), LONGEST)
            await live(life, port, random, tally, min(end, loop.time() + length))
            await asyncio.sleep(random.uniform(0, GAP))


async def live(life: Life, port: int, random: Random, tally: Tally, ends_at: float) -> None:
    """Lead one life from beginning to end."""
    sock = connected_socket(port)
    sock.setblocking(False)
    with closing(Client(Wire(sock, WAIT))) as client:
        try:
            await life.visit(Peer(client, life.path.encode(), random, tally, ends_at))
        except Exception:
            told = traceback.format_exc(limit=-4).replace(f"{ROOT}{os.sep}", "")
            tally.failures.append(f"{life.path}: {told}"[:4000])
            print(tally.failures[-1], flush=True)
    tally.lives[life.path] += 1
