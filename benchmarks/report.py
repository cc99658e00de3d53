"""What came of a run, as JSON for programs and as Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from .measure import FIGURES, Series, Table
from .scenarios import SCENARIOS
from .servers import Peer, Settings, Unavailable
from .targets import OURS, TARGETS, Target, Verdict, judge

Facts = Mapping[str, str | int | float]


class Described(TypedDict):
    """What a server is made of, and how it is started."""

    versions: str
    command: str


def describe(peers: Iterable[Peer]) -> dict[str, Described]:
    """Describe the servers, by their names."""
    return {peer.name: _described(peer) for peer in peers}


@dataclass(frozen=True)
class Report:
    """A run: the facts of the machine and the run, the peers, and a table for each scenario, by its name."""

    facts: Facts
    peers: Mapping[str, Described]
    references: Sequence[str]
    tables: Mapping[str, Table]
    before: dict[str, Any] | None = None
    """An earlier run, as its JSON has it."""

    def as_json(self) -> str:
        """Return everything."""
        scenarios = {name: self._scenario(name, table) for name, table in self.tables.items()}
        whole = {
            "facts": self.facts,
            "references": self.references,
            "targets": [_judged(target, verdicts) for target, verdicts in self.verdicts()],
            "peers": self.peers,
            "scenarios": scenarios,
        }
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    def verdicts(self) -> Iterator[tuple[Target, dict[str, Verdict]]]:
        """Yield the targets about which there is something to say, and what is said of each peer."""
        for target in TARGETS:
            found = {peer: judge(target, self.tables, peer) for peer in target.peers}
            known = {peer: verdict for peer, verdict in found.items() if verdict is not None}
            if known:
                yield target, known

    def _scenario(self, name: str, table: Table) -> dict[str, Any]:
        return {
            "about": SCENARIOS[name].about,
            "peers": {
                peer: {
                    "failure": series.failure,
                    "median": {figure: series.median(figure) for figure in _figures([series])},
                    "spread": {figure: series.spread(figure) for figure in _figures([series])},
                    "ratios": self._ratios(series, table),
                    "rounds": series.rounds,
                }
                for peer, series in table.items()
            },
        }

    def _ratios(self, series: Series, table: Table) -> dict[str, dict[str, float | None]]:
        return {
            reference: {
                figure: series.ratio(figure, table[reference])
                for figure in _figures([series])
                if FIGURES[figure].compared
            }
            for reference in self.references
            if reference in table
        }

    def as_markdown(self) -> str:
        """Return the tables."""
        parts = ["# Benchmark", *_facts(self.facts), *self._targets(), *self._peers()]
        for name, table in self.tables.items():
            rounds = max(len(series.rounds) for series in table.values())
            parts += [
                f"## {name}",
                f"{SCENARIOS[name].about}; rounds: {rounds}.",
                "\n".join(self._figures(table, SCENARIOS[name].figure)),
            ]
            parts += [text for reference in self.references if (text := _compared(table, reference))]
            parts += self._since(name, table)
            parts += _failures(table)
        return "\n\n".join(parts) + "\n"

    def _since(self, scenario: str, table: Table) -> Iterator[str]:
        """Yield the table of the ratios to the earlier run, if that has the scenario."""
        if self.before is None or scenario not in self.before["scenarios"]:
            return
        peers = self.before["scenarios"][scenario]["peers"]
        names = [name for name in _figures(table.values()) if FIGURES[name].compared]
        rows = []
        for peer, series in table.items():
            old = peers.get(peer, {"median": {}})["median"]
            ratios = [_quotient(series.median(name), old.get(name)) for name in names]
            rows.append([peer, *(_number(ratio, 2) for ratio in ratios)])
        head = [f"times {self.before['facts']['commit']}", *(FIGURES[name].label for name in names)]
        yield "\n".join(as_table(head, rows))

    def _targets(self) -> Iterator[str]:
        verdicts = list(self.verdicts())
        if not verdicts:
            return
        peers = [peer for peer in OURS if any(peer in found for _, found in verdicts)]
        yield "## Targets"
        yield "The median of the ratios within the rounds, the lowest and the highest, and whether that is enough."
        rows = [
            [target.about, _others(target), target.asked, *(_verdict(found.get(peer)) for peer in peers)]
            for target, found in verdicts
        ]
        yield "\n".join(as_table(["what", "times that of", "to reach", *peers], rows, "---"))

    def _peers(self) -> Iterator[str]:
        yield "## Servers"
        rows = [[name, found["versions"], f"`{found['command']}`"] for name, found in self.peers.items()]
        yield "\n".join(as_table(["server", "versions", "command"], rows, "---"))

    def _figures(self, table: Table, main: str) -> list[str]:
        names = _figures(table.values())
        rows = [
            [peer, *(_number(series.median(name), FIGURES[name].decimals) for name in names), _spread(series, main)]
            for peer, series in table.items()
            if series.rounds
        ]
        return as_table(
            ["server", *(FIGURES[name].label for name in names), f"spread of {FIGURES[main].label} %"], rows
        )


def write(report: Report, folder: Path, name: str) -> list[Path]:
    """Write a report's files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{name}.json": report.as_json(), folder / f"{name}.md": report.as_markdown()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def _figures(every: Any) -> list[str]:
    """Return the names of the figures that any of the series has, in the order of ``FIGURES``."""
    return [name for name in FIGURES if any(series.values(name) for series in every)]


def _judged(target: Target, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    return {
        "scenario": target.scenario,
        "figure": target.figure,
        "base": target.base,
        "against": target.against,
        "asked": target.asked,
        "verdicts": {peer: verdict._asdict() for peer, verdict in verdicts.items()},
    }


def _others(target: Target) -> str:
    if len(target.against) > 1:
        return f"the best of {', '.join(target.against)}"
    return "".join(target.against) or "-"


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    said = "reached" if verdict.reached else "**not reached**"
    return f"{verdict.ratio:.2f} ({verdict.lowest:.2f} to {verdict.highest:.2f}) {said}"


def _described(peer: Peer) -> Described:
    try:
        versions = ", ".join(f"{package} {version}" for package, version in peer.versions().items())
    except Unavailable as exc:
        versions = str(exc)
    return {"versions": versions, "command": peer.shown_command(Settings())}


def _facts(facts: Facts) -> Iterator[str]:
    yield "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _compared(table: Table, reference: str) -> str:
    """Return the table of the ratios to a reference, or nothing where it has no figures."""
    other = table.get(reference)
    names = [name for name in _figures(table.values()) if FIGURES[name].compared]
    if other is None or not other.rounds:
        return ""
    rows = [
        [peer, *(_number(series.ratio(name, other), 2) for name in names)]
        for peer, series in table.items()
        if series.rounds and series is not other
    ]
    head = [f"times {reference}", *(FIGURES[name].label for name in names)]
    return "\n".join(as_table(head, rows)) if rows else ""


def _failures(table: Table) -> list[str]:
    lines = [f"- {peer}: {series.failure}" for peer, series in table.items() if series.failure is not None]
    return ["Not measured, or not to the end:", "\n".join(lines)] if lines else []


def _quotient(new: float | None, old: float | None) -> float | None:
    return new / old if new is not None and old else None


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


def _spread(series: Series, name: str) -> str:
    spread = series.spread(name)
    return _number(None if spread is None else spread * 100, 0)


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]], rest: str = "---:") -> list[str]:
    """Return a table; ``rest`` says on which side all columns but the first are aligned."""
    lines = [head, ["---", *[rest] * (len(head) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
