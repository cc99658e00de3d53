"""``drain_spread``: the clients of a server that goes down are not all told, and so do not all return, at once."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

from tests.failures.server import uvicorn
from tests.shutdown.crowd import APP, MARGIN, Crowd
from tests.shutdown.peers import IDLE

CLIENTS = 200
SPREAD = 2.0
TENTH = SPREAD / 10

AHEAD = 0.2
"""By how much of all clients those told so far may exceed their share. Chance gets there once in millions of runs.

A slow machine does not: it tells them later, never sooner.
"""

BUSIEST = 0.25
"""The most of all clients that may be told within one tenth of the time: even would be 0.1."""

ATTEMPTS = 3
"""A machine that stands still for a moment tells many at once when it goes on. It does not do so every time."""


async def told_after(folder: Path, ours: str, loop_name: str) -> list[float]:
    """Shut a server down, and return after how many seconds each client was told."""
    with (
        uvicorn(folder, APP, ours, loop=loop_name, SAFEWS_DRAIN_SPREAD=str(SPREAD)) as server,
        Crowd(server) as crowd,
    ):
        await crowd.gather({IDLE: CLIENTS})
        await crowd.shut_down(signal.SIGTERM)
        await crowd.expect_end(SPREAD + 1)
        crowd.check()
        crowd.expect_log()
        return crowd.told_after


def busiest_tenth(times: list[float]) -> int:
    """How many are told in that tenth of the spread, wherever it begins, in which most are."""
    return max(sum(start <= time < start + TENTH for time in times) for start in times)


async def test_closes_are_spread(tmp_path: Path, ours: str, loop_name: str) -> None:
    busiest = CLIENTS
    for _ in range(ATTEMPTS):
        times = await told_after(Path(tempfile.mkdtemp(dir=tmp_path)), ours, loop_name)
        assert len(times) == CLIENTS
        assert times[-1] < SPREAD + MARGIN
        for told, time in enumerate(times, 1):
            assert told / CLIENTS < time / SPREAD + AHEAD
        busiest = min(busiest, busiest_tenth(times))
        print(f"told after {times[0]:.2f} to {times[-1]:.2f} s; {busiest} of {CLIENTS} in the busiest {TENTH} s")
        if busiest <= BUSIEST * CLIENTS:
            return
    raise AssertionError(f"{busiest} of {CLIENTS} clients were told within {TENTH} s")
