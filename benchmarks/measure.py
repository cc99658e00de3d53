"""Rounds: every peer in its turn, one at a time on a core of its own, again and again."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .load_program import Duration, LoadFailed, Outcome, check, run_load
from .scenarios import KIB, MIB, Scenario
from .servers import Peer, Unavailable, running

Figures = dict[str, float]


class Figure(NamedTuple):
    """Something that is measured: what a table calls it, with its unit, and how many decimals it has."""

    label: str
    decimals: int = 0
    compared: bool = True
    """Whether its ratio to a reference means anything."""
    more_is_better: bool = False


FIGURES = {
    "rate": Figure("messages/s", more_is_better=True),
    "cpu": Figure("CPU µs/message", 2),
    "p50": Figure("p50 µs"),
    "p99": Figure("p99 µs"),
    "per_connection": Figure("KiB/connection", 1),
    "idle_cpu": Figure("CPU µs/connection/s", 1),
    "pings": Figure("pings/connection", 2, compared=False),
    "memory": Figure("RSS MiB", 1),
    "server_busy": Figure("server's core %", compared=False),
    "load_busy": Figure("load's core %", compared=False),
}
"""``server_busy`` and ``load_busy`` are how much of its core each had: the one near 100 is what limits."""


def figures_of(scenario: Scenario, outcome: Outcome) -> Figures:
    """Turn what the load program has counted into figures."""
    seconds, messages, cpu = outcome["seconds"], outcome["messages"], outcome["server_cpu"]
    if scenario.mode == "idle":
        grown = outcome["memory_open"] - outcome["memory_before"]
        figures = {
            "per_connection": grown / scenario.connections / KIB,
            "idle_cpu": cpu / seconds / scenario.connections * 1e6,
        }
        if scenario.settings.ping_interval is not None:
            figures["pings"] = outcome["pings"] / scenario.connections
    else:
        figures = {"rate": messages / seconds, "cpu": cpu / messages * 1e6}
    if outcome["p50"]:
        figures |= {"p50": outcome["p50"] * 1e6, "p99": outcome["p99"] * 1e6}
    return figures | {
        "memory": outcome["memory_end"] / MIB,
        "server_busy": cpu / seconds * 100,
        "load_busy": outcome["load_cpu"] / seconds * 100,
    }


@dataclass
class Series:
    """What one peer has come to in one scenario, round by round; ``failure`` says why there is no more.

    A round that has nothing is one in which only others were measured.
    """

    rounds: list[Figures] = field(default_factory=list)
    failure: str | None = None

    def median(self, name: str) -> float | None:
        """Return the median over the rounds, or None where the figure does not exist."""
        values = self.values(name)
        return statistics.median(values) if values else None

    def spread(self, name: str) -> float | None:
        """Return how far the lowest and the highest round lie apart, as a share of the median."""
        median, values = self.median(name), self.values(name)
        return (max(values) - min(values)) / median if median else None

    def ratio(self, name: str, reference: Series) -> float | None:
        """Return the median of the ratios to the reference's same round: a noisy minute then hits both."""
        pairs = zip(self.by_round(name), reference.by_round(name), strict=False)
        ratios = [own / other for own, other in pairs if own is not None and other]
        return statistics.median(ratios) if ratios else None

    def values(self, name: str) -> list[float]:
        """Return the figure in every round that has it."""
        return [figures[name] for figures in self.rounds if name in figures]

    def by_round(self, name: str) -> list[float | None]:
        """Return the figure in every round, None where that does not have it."""
        return [figures.get(name) for figures in self.rounds]


Table = dict[str, Series]
"""A scenario's series by the names of the peers."""


class Cores(NamedTuple):
    """Where the server runs, and where the load does."""

    server: int
    load: int


def choose_cores() -> Cores:
    """Return two cores, or the only one twice: then they are in each other's way."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(server=cores[-1], load=cores[0])


START_SECONDS = 1.0
"""About how long it takes to start a server and to end it."""


class Job(NamedTuple):
    """A scenario, and who is to be measured in it."""

    scenario: Scenario
    peers: Sequence[Peer]

    @property
    def able(self) -> list[Peer]:
        """Those that lack nothing for it."""
        return [peer for peer in self.peers if self.scenario.needs not in peer.lacks]


@dataclass(frozen=True)
class Plan:
    """How to measure: ``tell`` is called with a line for whoever waits."""

    program: Path
    cores: Cores
    rounds: int
    duration: Duration
    tell: Callable[[str], None]

    def seconds(self, jobs: Sequence[Job]) -> float:
        """Return about how long it takes."""
        each = [(START_SECONDS + self.duration.load(job.scenario)) * len(job.able) for job in jobs]
        return self.rounds * sum(each)


def measure(plan: Plan, jobs: Sequence[Job]) -> Iterator[dict[str, Table]]:
    """Measure all scenarios with their peers, in turns; after each yield what there is, by the scenarios' names."""
    tables = {job.scenario.name: {peer.name: Series() for peer in job.peers} for job in jobs}
    for number in range(1, plan.rounds + 1):
        for job in jobs:
            table = tables[job.scenario.name]
            for peer in job.peers:
                series = table[peer.name]
                if series.failure is None:
                    _measure_once(plan, job.scenario, peer, series)
                    plan.tell(f"{job.scenario.name} {number}/{plan.rounds} {peer.name}: {_said(series, job.scenario)}")
            yield {name: table for name, table in tables.items() if any(map(_has_begun, table.values()))}


def _has_begun(series: Series) -> bool:
    return bool(series.rounds) or series.failure is not None


def _measure_once(plan: Plan, scenario: Scenario, peer: Peer, series: Series) -> None:
    if scenario.needs is not None and scenario.needs in peer.lacks:
        series.failure = peer.lacks[scenario.needs]
        return
    raw = peer.name == "raw"
    try:
        with running(peer, scenario.settings, plan.cores.server) as server:
            check(server, scenario, raw=raw)
            outcome = run_load(plan.program, server, scenario, plan.duration, core=plan.cores.load, raw=raw)
    except (Unavailable, LoadFailed) as exc:
        series.failure = str(exc)
    else:
        series.rounds.append(figures_of(scenario, outcome))


def _said(series: Series, scenario: Scenario) -> str:
    if series.failure is not None:
        return series.failure
    value, figure = series.rounds[-1][scenario.figure], FIGURES[scenario.figure]
    return f"{value:,.{figure.decimals}f} {figure.label}"
