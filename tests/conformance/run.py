"""One server, one run of the suite against it, and what is to be said of it."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.conformance.environment import Command
from tests.conformance.expectations import Expectation
from tests.conformance.judge import problems_of_log, problems_of_run
from tests.conformance.suite import Case, run_suite
from tests.installed import ROOT, Environment, running

MAX_SIZE = 16 * 1024 * 1024
"""Bytes of the largest message in the cases 9.1.6 and 9.2.6: the limit itself passes."""


class Target(NamedTuple):
    """What is run: a protocol as uvicorn's ``--ws`` has it, and an event loop."""

    ws: str
    loop: str

    def __str__(self) -> str:
        return f"{self.ws.removesuffix(':Protocol')}-{self.loop}"


OURS = [
    Target(f"safews.{codec}:Protocol", loop) for codec in ("wsproto", "websockets") for loop in ("uvloop", "asyncio")
]
STOCK = [Target(ws, "uvloop") for ws in ("wsproto", "websockets-sansio")]
"""uvicorn's own, to compare with."""


class Result(NamedTuple):
    """What a run has shown: the suite's version and reports, what is off by case, and the server's log."""

    target: Target
    version: str
    cases: dict[str, Case]
    off: dict[str, list[str]]
    log: str
    log_problems: list[str]
    seconds: float

    @property
    def verdicts(self) -> Counter[str]:
        """How many cases have which verdict of the suite."""
        return Counter(case["behavior"] for case in self.cases.values())

    @property
    def wrong_closes(self) -> int:
        """In how many cases the suite has found fault with the end of the connection."""
        return sum(case["behaviorClose"] not in ("OK", "INFORMATIONAL") for case in self.cases.values())

    @property
    def without_close(self) -> int:
        """In how many cases the connection ended without the closing handshake."""
        return sum(not case["wasClean"] for case in self.cases.values())

    @property
    def tracebacks(self) -> int:
        """How many tracebacks the server has logged."""
        return self.log.count("Traceback (most recent call last)")

    @property
    def problems(self) -> list[str]:
        """Everything that is off, a line each."""
        cases = [f"{case}: {problem}" for case, problems in self.off.items() for problem in problems]
        return [*cases, *(f"log: {problem}" for problem in self.log_problems)]


def run_target(target: Target, wstest: Command, folder: Path, expectations: Mapping[str, Expectation]) -> Result:
    """Run these cases against a server that lives as long; everything written stays in the folder."""
    folder.mkdir(parents=True)
    began = time.monotonic()
    with running(Environment(folder, folder), _uvicorn(target), **_variables()) as server:
        reports = run_suite(wstest, folder, f"ws://127.0.0.1:{server.port()}", expectations)
    log = re.sub(r"\x1b\[\d*m", "", server.log.read_text(encoding="utf-8"))
    log_problems = list(problems_of_log(log, reports.cases))
    if server.process.returncode:
        log_problems.append(f"the server has ended with {server.process.returncode}")
    off = problems_of_run(reports.cases, expectations)
    return Result(target, reports.version, reports.cases, off, log, log_problems, time.monotonic() - began)


def _uvicorn(target: Target) -> list[str]:
    server = [sys.executable, "-m", "uvicorn", "tests.conformance.app:app", "--port", "0", "--lifespan", "off"]
    return [*server, "--ws", target.ws, "--loop", target.loop, "--ws-max-size", str(MAX_SIZE)]


def _variables() -> dict[str, str]:
    # What nobody closed is a line in the log, which none is expected to be.
    return {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default::ResourceWarning"}
