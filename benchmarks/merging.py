"""Several runs as one: machines are noisy and have other work, so a long run may be done piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .measure import Series, Table
from .report import Described, Report
from .scenarios import SCENARIOS


class DifferentRuns(Exception):
    """Runs that are not to be merged, and why."""


def merge(runs: Sequence[dict[str, Any]]) -> Report:
    """Return the report of all rounds of several runs, each as its JSON has it, in their order.

    Raises ``DifferentRuns`` where a server is not the same in two of them, or was another one's machine.
    """
    found = {name for run in runs for name in run["scenarios"]}
    return Report(
        _facts([run["facts"] for run in runs]),
        _peers(runs),
        _unique(name for run in runs for name in run["references"]),
        {
            name: _table([run["scenarios"].get(name, {"peers": {}})["peers"] for run in runs])
            for name in SCENARIOS
            if name in found
        },
    )


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _facts(every: Sequence[dict[str, Any]]) -> dict[str, str | int | float]:
    """Return the facts; what differs between the runs is a list."""
    values = {
        name: list(dict.fromkeys(facts[name] for facts in every if name in facts))
        for name in _unique(name for facts in every for name in facts)
    }
    for name in ("cpu", "cores", "python"):
        if len(values.get(name, [])) > 1:
            raise DifferentRuns(f"the runs differ in {name}: {', '.join(map(str, values[name]))}")
    return {name: found[0] if len(found) == 1 else ", ".join(map(str, found)) for name, found in values.items()}


def _peers(runs: Sequence[dict[str, Any]]) -> dict[str, Described]:
    peers: dict[str, Described] = {}
    for run in runs:
        for name, described in run["peers"].items():
            if peers.setdefault(name, described) != described:
                raise DifferentRuns(f"{name} is not the same in all runs: {peers[name]}, {described}")
    return peers


def _table(parts: Sequence[dict[str, Any]]) -> Table:
    """Return a scenario's series, in which the same round of all peers stays the same round."""
    table = {name: Series() for name in _unique(name for part in parts for name in part)}
    for part in parts:
        rounds = max((len(found["rounds"]) for found in part.values()), default=0)
        for name, series in table.items():
            found = part.get(name, {"rounds": [], "failure": None})
            series.rounds += found["rounds"] + [{}] * (rounds - len(found["rounds"]))
            series.failure = found["failure"] or series.failure
    return table
