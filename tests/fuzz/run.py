"""Runs of the fuzzer: from what is kept, for some time, and back to what is worth being kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.corpus import WORK, gathered, keep, kept, spread
from tests.fuzz.reached import reached
from tests.fuzz.seeds import SEEDS
from tests.installed import ROOT

MAX_LENGTHS = {"codecs": 32, "framing": 150, "connection": 150, "handshake": 1000}
"""The longest inputs of each target, in bytes: longer ones are slower and show little more."""

LIMITS = ["-timeout=20", "-rss_limit_mb=1024"]
"""For one input, in seconds; for the process, whose memory does not grow with the number of inputs."""

_status = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) .* rss: (\d+)Mb", re.MULTILINE)


class Figures(NamedTuple):
    """What libFuzzer says at the end of a run."""

    inputs: int
    edges: int
    features: int
    memory: int
    """Of the whole process, in MiB."""


class Fuzzed(NamedTuple):
    """A run: ``failed`` says whether an input was found that breaks a property, or the process."""

    target: str
    seconds: float
    figures: Figures
    reached: dict[str, int]
    """How many inputs got where, as ``reached.py`` has it."""
    failed: bool

    def __str__(self) -> str:
        inputs, edges, features, memory = self.figures
        outcome = f"FAILED, see {WORK / self.target}.log" if self.failed else "nothing found"
        covered = f"{edges} edges, {features} features, {memory} MiB"
        return f"{self.target}: {inputs} inputs in {self.seconds:.0f} s, {covered}, {outcome}"

    def data(self) -> dict[str, Any]:
        """Return it as it is recorded."""
        return {**self._asdict(), "seconds": round(self.seconds), "figures": self.figures._asdict()}


def figures_of(log: str) -> Figures:
    """Read libFuzzer's log."""
    found = _status.findall(log)
    return Figures(*map(int, found[-1])) if found else Figures(0, 0, 0, 0)


def fuzz(target: str, seconds: int) -> Fuzzed:
    """Fuzz a target for some time. It goes on from the inputs of the last run, if they are still there."""
    corpus = WORK / target
    spread([*SEEDS[target], *kept(target)], corpus)
    words = Path(__file__).with_name(f"{target}.dict")
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTHS[target]}",
        "-len_control=0",
        f"-artifact_prefix={WORK}/{target}-",
        *([f"-dict={words}"] if words.exists() else []),
    ]
    counts = WORK / f"{target}.reached.json"
    counts.unlink(missing_ok=True)
    started = time.monotonic()
    status, log = _engine(target, [*LIMITS, *options, str(corpus)], f"{target}.log")
    return Fuzzed(target, time.monotonic() - started, figures_of(log), reached(counts), failed=status != 0)


def minimise(target: str) -> int:
    """Keep the smallest set of inputs with the coverage of all there are, and return their number."""
    smallest = WORK / f"{target}.smallest"
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir(parents=True)
    spread([*SEEDS[target], *kept(target)], WORK / target)
    arguments = [*LIMITS, "-merge=1", str(smallest), str(WORK / target)]
    status, log = _engine(target, arguments, f"{target}.merge.log")
    inputs = gathered(smallest)
    if status or not inputs:
        raise RuntimeError(log)
    keep(target, inputs)
    return len(inputs)


def _engine(target: str, arguments: list[str], log_name: str) -> tuple[int, str]:
    """Run the fuzzer and return its status and its log, which is written as it goes."""
    command = [sys.executable, "-m", "tests.fuzz.engine", target, *arguments]
    path = WORK / log_name
    with path.open("wb") as log:
        status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    return status, path.read_text(errors="replace")
