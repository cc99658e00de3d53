"""``python -m tests.conformance``: run the suite, say what is off, record it, and write ``docs/conformance.md``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.conformance.environment import Command, SuiteMissing, find_suite
from tests.conformance.expectations import Expectation, expected_cases
from tests.conformance.page import figures, latest, page, table
from tests.conformance.run import OURS, STOCK, Result, Target, run_target
from tests.conformance.suite import SuiteFailed
from tests.installed import ROOT
from tests.records import record, recorded

PAGE = ROOT / "docs" / "conformance.md"
DATA = "conformance"
REPORTS = ROOT / "build" / "conformance"


def main(argv: list[str] | None = None) -> int:
    """Run the suite; returns 0 if all is as it must be, 1 if anything is off, 2 if the suite cannot be had."""
    options = _parser().parse_args(argv)
    ours = [
        target for target in OURS if options.codec in (None, _codec(target)) and options.loop in (None, target.loop)
    ]
    complete = not options.quick and ours == OURS
    targets = [*ours, *(STOCK if options.stock or complete else [])]
    try:
        wstest = find_suite()
    except SuiteMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    run = partial(_run, wstest, expected_cases(quick=options.quick))
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(run, targets):
            if result is None:
                continue
            results.append(result)
            if not options.quick:
                _record(result)
    print(table(map(figures, results)))
    is_off = any(result.problems for result in results if result.target in OURS)
    return int(is_off or len(results) < len(targets))


def _record(result: Result) -> None:
    """Keep the figures of a whole run; the page has the last of each target, once there is one of each."""
    record(DATA, ("uvicorn", "websockets", "wsproto", "uvloop"), figures(result))
    runs = latest(recorded(DATA))
    if runs.keys() >= {*OURS, *STOCK}:
        PAGE.write_text(page(runs), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=(__doc__ or "").partition("\n")[0])
    codecs = list(dict.fromkeys(map(_codec, OURS)))
    loops = list(dict.fromkeys(target.loop for target in OURS))
    parser.add_argument("--quick", action="store_true", help="of the cases 12 and 13, only the first of each group")
    parser.add_argument("--stock", action="store_true", help="run uvicorn's own too, as a complete run does")
    parser.add_argument("--codec", choices=codecs, help="only this codec")
    parser.add_argument("--loop", choices=loops, help="only this event loop")
    parser.add_argument("--jobs", type=int, default=1, help="how many servers to run at once (default: 1)")
    return parser


def _codec(target: Target) -> str:
    return target.ws.removeprefix("safews.").partition(":")[0]


def _run(wstest: Command, expectations: Mapping[str, Expectation], target: Target) -> Result | None:
    """Run the suite against a target and say what came of it; ``None`` if the suite has not come to its end."""
    folder = REPORTS / str(target)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        result = run_target(target, wstest, folder, expectations)
    except SuiteFailed as failed:
        print(f"{target}: {failed}", flush=True)
        return None
    lines = [f"{target}: {len(result.cases)} cases in {result.seconds:.0f} s, {folder}/reports/index.html"]
    if target in OURS:
        lines += result.problems or ["nothing is off"]
    print("\n  ".join(lines), flush=True)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
