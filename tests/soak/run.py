"""A soak from beginning to end: the server, the load, samples of the server's memory, and what is wrong with it all."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from tests.failures.server import WARNINGS, ServerProcess
from tests.installed import ROOT, Environment, running
from tests.soak.journal import Journal
from tests.soak.load import Load
from tests.soak.peers import LIVES, Tally

APP = "tests.soak.served:app"

OPTIONS = {
    "SAFEWS_CLOSE_TIMEOUT": "4",
    "SAFEWS_CLOSE_GRACE": "2",
    "SAFEWS_ACCEPT_TIMEOUT": "5",
    "SAFEWS_WRITE_TIMEOUT": "5",
    "SAFEWS_ALLOWED_ORIGINS": "https://example.org",
}
ARGUMENTS = ("--ws-max-size", str(2**20), "--ws-ping-interval", "2", "--ws-ping-timeout", "15")
"""Timeouts are short, so that each is reached often."""

SETTLE = 60.0
"""Seconds within which all is over once the clients have gone. The longest timeout is a few."""

SAMPLES = 240
"""How often memory is looked at in a run."""

GROWTH = 8.0
"""MiB by which the median of the memory in the last quarter may be above that in the second."""

OBJECTS = 500
"""By how many objects the process may have more in the end: caches fill. An hour has hundreds of thousands of lives."""

LATE = 1.0
"""Seconds above which waits for an echo are counted."""

MACHINE = ("cpu", "cores", "memory_gib", "kernel", "load_average")
"""What is said of the machine."""

MIB = 2**20


@dataclass
class Soak:
    """What is run: a codec on an event loop under a load; and what comes of it."""

    codec: str
    loop: str
    load: Load
    tally: Tally = field(default_factory=Tally)
    memory: list[float] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)

    def run(self, folder: Path) -> dict[str, Any]:
        """Run it, and return the results; their ``problems`` say what is wrong."""
        of_run = self.facts()
        with _serving(folder, self.codec, self.loop) as server:
            journal = Journal(server.running.log)
            asyncio.run(self._run(server, journal))
            server.terminate()
            journal.close()
        return {**of_run, **self.results(journal)}

    async def _run(self, server: ServerProcess, journal: Journal) -> None:
        self.before = await facts(server)
        began = time.process_time()
        sampling = asyncio.ensure_future(self._sample(server, journal))
        self.tally = await self.load.run(server.port)
        sampling.cancel()
        self.processor = {"server": processor_time(server.process.pid), "load": time.process_time() - began}
        self.after = await self._settled(server)

    async def _sample(self, server: ServerProcess, journal: Journal) -> None:
        """Look at the server's memory, and read its log, from time to time."""
        for _ in range(SAMPLES):
            self.memory.append(resident_memory(server.process.pid) / MIB)
            journal.read()
            await asyncio.sleep(self.load.seconds / SAMPLES)

    async def _settled(self, server: ServerProcess) -> dict[str, int]:
        """Ask until the server has what it had before, or all timeouts are over; returns the last answer."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SETTLE
        while True:
            after = await facts(server)
            if not left_over(self.before, after) or loop.time() > end:
                return after
            await asyncio.sleep(0.5)

    def results(self, journal: Journal) -> dict[str, Any]:
        """Return what came of it, and what is wrong."""
        second, last = quarter(self.memory, 1), quarter(self.memory, 3)
        return {
            "lives": dict(sorted(self.tally.lives.items())),
            "closed": {path: dict(sorted(ends.items())) for path, ends in sorted(journal.ends.items())},
            "log": dict(sorted(journal.kinds.items())),
            "echoes": waits(self.tally.waits),
            "memory_mib": {
                "second_quarter": round(second, 1),
                "last_quarter": round(last, 1),
                "most": round(max(self.memory), 1),
                "samples": [round(sample, 1) for sample in self.memory],
            },
            "processor_seconds": {name: round(seconds, 1) for name, seconds in self.processor.items()},
            "before": self.before,
            "after": self.after,
            "problems": [*self._problems(journal), *memory_problems(second, last)],
        }

    def facts(self) -> dict[str, object]:
        """Return what it is a run of, and on which machine."""
        found = machine.facts()
        of_machine = {name: found[name] for name in MACHINE}
        return {**of_machine, "codec": self.codec, "loop": self.loop, **self.load._asdict()}

    def _problems(self, journal: Journal) -> Iterator[str]:
        yield from self.tally.failures
        yield from (f"in the log: {record}" for record in journal.unexpected)
        yield from (f"{name} left: {count}" for name, count in left_over(self.before, self.after).items())
        possible = {life.path: life.ends for life in LIVES}
        for path, ends in journal.ends.items():
            if odd := ends.keys() - possible.get(path, frozenset()):
                yield f"{path} closed: {sorted(odd)}"
        closed = sum(ends.total() for ends in journal.ends.values())
        if closed != journal.kinds["accepted"]:
            yield f"{journal.kinds['accepted']} connections were accepted, and {closed} closed"


def left_over(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Say of what there is more than before."""
    more = {name: after[name] - before[name] for name in before}
    return {name: count for name, count in more.items() if count > (OBJECTS if name == "objects" else 0)}


def memory_problems(second: float, last: float) -> list[str]:
    """Say whether memory has grown."""
    return [f"memory has grown from {second:.1f} to {last:.1f} MiB"] if last - second > GROWTH else []


def quarter(samples: Sequence[float], number: int) -> float:
    """Return the median of a quarter of the samples; the first is number 0. Of fewer than four, it is that of all."""
    return median(samples[len(samples) * number // 4 : len(samples) * (number + 1) // 4] or samples)


def waits(seconds: Sequence[float]) -> dict[str, float]:
    """Return how many waits there were, and how long."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[int(share * (len(ordered) - 1))] * 1000, 1) if ordered else 0.0

    late = sum(wait > LATE for wait in ordered)
    return {"count": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1), "above_1_s": late}


async def facts(server: ServerProcess) -> dict[str, int]:
    """Ask the application what its process has."""
    found: dict[str, int] = json.loads((await server.get("/facts")).body)
    return found


def resident_memory(process: int) -> int:
    """Return the memory that a process holds, in bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_time(process: int) -> float:
    """Return the seconds for which a process has had a processor."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _serving(folder: Path, codec: str, loop: str) -> Iterator[ServerProcess]:
    where = ["--port", "0", "--ws", f"safews.{codec}:Protocol", "--loop", loop]
    command = [sys.executable, "-m", "uvicorn", APP, *where, *ARGUMENTS]
    environ = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": WARNINGS, **OPTIONS}
    with running(Environment(folder, folder), command, **environ) as server:
        yield ServerProcess(server, server.port())
