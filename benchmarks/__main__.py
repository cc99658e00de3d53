"""``python -m benchmarks``: measure, and write what came of it to ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import machine
from .load_program import Duration, compile_load
from .measure import Plan, choose_cores, measure
from .report import Report, write
from .scenarios import QUICK, SCENARIOS
from .servers import PEERS, Unavailable

RESULTS = Path(__file__).parent / "results"

QUICK_PEERS = (
    "safews-websockets",
    "safews-wsproto",
    "safews-websockets-compiled",
    "safews-wsproto-compiled",
    "uvicorn-websockets-sansio",
    "uvicorn-wsproto",
)

OPEN_FILES = 8192
"""More than the connections of any scenario."""

REFERENCES = ("uvicorn-websockets-sansio", "uvicorn-wsproto", "raw")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the hot path alone, in less than two minutes")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, metavar="NAME", help="may be repeated")
    parser.add_argument("--peer", action="append", choices=PEERS, metavar="NAME", help="may be repeated")
    parser.add_argument("--reference", action="append", choices=PEERS, metavar="NAME", help="what to compare with")
    parser.add_argument("--rounds", type=int, help="5, or 3 if quick")
    parser.add_argument("--seconds", type=float, default=1, help="of each round: %(default)s")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before each: %(default)s")
    parser.add_argument("--least", type=int, default=3, help="messages in a round, however long: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the results: %(default)s")
    parser.add_argument("--before", type=Path, metavar="JSON", help="an earlier run, to compare with")
    parser.add_argument("--name", help="of the results: full, or quick")
    parser.add_argument("--list", action="store_true", help="print the scenarios and the peers")
    return parser.parse_args(arguments)


def _print_list() -> None:
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:20} {scenario.about}")
    print()
    for peer in PEERS.values():
        try:
            print(f"{peer.name:28} {peer.versions()}")
        except Unavailable as exc:
            print(f"{peer.name:28} {exc}")


def _allow_connections() -> None:
    """Have this process and its children open as many as the scenarios want, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    cores = choose_cores()
    if cores.server == cores.load:
        print("There is one core for both the server and the load: the figures say little.", file=sys.stderr)
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    duration = Duration(arguments.seconds, arguments.warmup, arguments.least)
    return Plan(compile_load(folder), cores, rounds, duration, lambda line: print(line, file=sys.stderr))


def _run(arguments: argparse.Namespace, plan: Plan) -> Iterator[Report]:
    """Measure, and yield what there is after each scenario: a run that is ended early leaves that."""
    quick = arguments.quick
    peers = [PEERS[name] for name in arguments.peer or (QUICK_PEERS if quick else PEERS)]
    facts = {**machine.facts(), "rounds": plan.rounds, "seconds_per_round": plan.duration.seconds}
    before = json.loads(arguments.before.read_text(encoding="utf-8")) if arguments.before else None
    report = Report(facts, peers, arguments.reference or REFERENCES, {}, before)
    for name in arguments.scenario or (QUICK if quick else SCENARIOS):
        report.tables[name] = measure(plan, SCENARIOS[name], peers)
        yield report


def _write(report: Report, folder: Path, name: str) -> list[Path]:
    paths = write(report, folder, name)
    if importlib.util.find_spec("matplotlib") is not None:
        from .plots import write_plots

        paths += write_plots(report, folder, name)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parsed = _arguments(arguments)
    if parsed.list:
        _print_list()
        return 0
    _allow_connections()
    name = parsed.name or ("quick" if parsed.quick else "full")
    with tempfile.TemporaryDirectory() as folder:
        try:
            plan = _plan(parsed, Path(folder))
        except Unavailable as exc:
            print(exc, file=sys.stderr)
            return 1
        for report in _run(parsed, plan):
            paths = _write(report, parsed.output, name)
    print(report.as_markdown())
    print("\n".join(str(path) for path in paths), file=sys.stderr)
    if importlib.util.find_spec("matplotlib") is None:
        print("There are no pictures: the package matplotlib is not installed.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
