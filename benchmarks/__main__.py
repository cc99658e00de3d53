"""``python -m benchmarks``: measure, and write what came of it to ``benchmarks/results/``."""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import machine, targets
from .load_program import SPARE_FILES, Duration, compile_load
from .measure import Job, Plan, choose_cores, measure
from .merging import DifferentRuns, merge
from .plots import write_plots
from .report import Report, describe, write
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

OPEN_FILES = max(scenario.connections for scenario in SCENARIOS.values()) + SPARE_FILES
"""Enough for every scenario."""

REFERENCES = ("uvicorn-websockets-sansio", "uvicorn-wsproto", "raw")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the hot path alone, in less than two minutes")
    parser.add_argument("--targets", action="store_true", help="what is needed to say which targets are reached")
    parser.add_argument(
        "--merge", nargs="+", type=Path, metavar="JSON", help="measure nothing, but put earlier runs together"
    )
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, metavar="NAME", help="may be repeated")
    parser.add_argument("--peer", action="append", choices=PEERS, metavar="NAME", help="may be repeated")
    parser.add_argument("--reference", action="append", choices=PEERS, metavar="NAME", help="what to compare with")
    parser.add_argument("--rounds", type=int, help="5, or 3 if quick")
    parser.add_argument("--seconds", type=float, help="of each round: 1, or what the scenario needs")
    parser.add_argument("--warmup", type=float, default=0.3, help="seconds before each: %(default)s")
    parser.add_argument("--settle", type=float, help="seconds before that: none, or what the scenario needs")
    parser.add_argument("--least", type=int, default=3, help="messages in a round, however long: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the results: %(default)s")
    parser.add_argument("--before", type=Path, metavar="JSON", help="an earlier run, to compare with")
    parser.add_argument("--name", help="of the results: full, quick, targets or merged")
    parser.add_argument("--list", action="store_true", help="print the scenarios and the peers")
    parsed = parser.parse_args(arguments)
    if parsed.name is None:
        parsed.name = next((name for name in ("quick", "targets") if getattr(parsed, name)), "full")
        parsed.name = "merged" if parsed.merge else parsed.name
    return parsed


def _print_list() -> None:
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:28} {scenario.about}")
    print()
    for peer in PEERS.values():
        try:
            print(f"{peer.name:28} {peer.versions()}")
        except Unavailable as exc:
            print(f"{peer.name:28} {exc}")


def _allow_connections() -> None:
    """Have this process and its children open as many files as scenarios want, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    cores = choose_cores()
    if cores.server == cores.load:
        print("There is one core for both the server and the load: the figures say little.", file=sys.stderr)
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    duration = Duration(arguments.seconds, arguments.warmup, arguments.least, arguments.settle)
    return Plan(compile_load(folder), cores, rounds, duration, lambda line: print(line, file=sys.stderr))


def _jobs(arguments: argparse.Namespace) -> list[Job]:
    """Return what is to be measured."""
    scenarios = arguments.scenario or (QUICK if arguments.quick else SCENARIOS)
    peers = arguments.peer or (QUICK_PEERS if arguments.quick else PEERS)
    if arguments.targets:
        return targets.jobs(scenarios, peers)
    return [Job(SCENARIOS[name], [PEERS[peer] for peer in peers]) for name in scenarios]


def _run(arguments: argparse.Namespace, plan: Plan) -> Iterator[Report]:
    """Measure, and yield what there is after each scenario: a run that is ended early leaves that."""
    jobs = [job for job in _jobs(arguments) if job.peers]
    if not jobs:
        raise Unavailable("no target needs these scenarios of these servers")
    peers = describe({peer.name: peer for job in jobs for peer in job.peers}.values())
    plan.tell(f"This takes about {math.ceil(plan.seconds(jobs) / 60)} minutes.")
    facts = {**machine.facts(), "seconds_per_round": arguments.seconds or "as the scenario says"}
    before = json.loads(arguments.before.read_text(encoding="utf-8")) if arguments.before else None
    for tables in measure(plan, jobs):
        yield Report(facts, peers, arguments.reference or REFERENCES, tables, before)


def _merge(paths: list[Path]) -> Iterator[Report]:
    yield merge([json.loads(path.read_text(encoding="utf-8")) for path in paths])


def _write(report: Report, folder: Path, name: str) -> list[Path]:
    return write(report, folder, name) + write_plots(report.tables, folder, name)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parsed = _arguments(arguments)
    if parsed.list:
        _print_list()
        return 0
    _allow_connections()
    try:
        with tempfile.TemporaryDirectory() as folder:
            reports = _merge(parsed.merge) if parsed.merge else _run(parsed, _plan(parsed, Path(folder)))
            for report in reports:
                paths = _write(report, parsed.output, parsed.name)
    except (Unavailable, DifferentRuns) as exc:
        print(exc, file=sys.stderr)
        return 1
    print(report.as_markdown())
    print("\n".join(str(path) for path in paths), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
