"""``python -m tests.search``: the tests with random examples, with many times the examples, other ones each time."""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time
from typing import Any

from tests.examples import VARIABLE
from tests.installed import ROOT
from tests.records import record

PACKAGES = ["h11", "hypothesis", "websockets", "wsproto"]
LOG = ROOT / "build" / "search.log"

_statistics = re.compile(r"^(tests/\S+):$(.*?)^(?=tests/\S+:$|=)", re.MULTILINE | re.DOTALL)
_examples = re.compile(r"(\d+) passing\D+(\d+) failing\D+(\d+) invalid")


def main(argv: list[str] | None = None) -> int:
    """Search, say how much was tried, and return pytest's status."""
    options = _parser().parse_args(argv)
    started = time.monotonic()
    status, log = _pytest(options.times, options.seed, options.tests or files())
    seconds = time.monotonic() - started
    tests = examples_of(log)
    total = sum(test["passing"] for test in tests.values())
    print(f"{total} examples in {len(tests)} tests in {seconds:.0f} s, seed {options.seed}; see {LOG}")
    if options.record:
        result = {"times": options.times, "seed": options.seed, "seconds": round(seconds), "failed": status != 0}
        record("search", PACKAGES, {**result, "examples": total, "tests": tests})
    return status


def files() -> list[str]:
    """Return the files that have tests with random examples."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in paths if "\nfrom hypothesis import " in path.read_text("utf-8")]


def examples_of(log: str) -> dict[str, dict[str, int]]:
    """Read hypothesis's statistics: for each test the examples that passed, failed, and were none."""
    return {test: _sums(statistics) for test, statistics in _statistics.findall(log)}


def _sums(statistics: str) -> dict[str, int]:
    counts: list[Any] = _examples.findall(statistics)
    return {
        kind: sum(int(count[place]) for count in counts) for place, kind in enumerate(("passing", "failing", "invalid"))
    }


def _pytest(times: int, seed: int, tests: list[str]) -> tuple[int, str]:
    """Run the tests and return the status and what they wrote, which is in a file as it comes."""
    LOG.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-m", "hypothesis", "--timeout=0", "--hypothesis-profile=search"]
    arguments = [f"--hypothesis-seed={seed}", "--hypothesis-show-statistics", *tests]
    with LOG.open("wb") as log:
        environment = {**os.environ, VARIABLE: str(times)}
        run = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log, check=False)
    return run.returncode, LOG.read_text(errors="replace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=20, help="times the examples of the suite (default: 20)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="to have the same examples again")
    parser.add_argument("--record", action="store_true", help="add the figures to docs/data/search.json")
    parser.add_argument("tests", nargs="*", help="files (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
