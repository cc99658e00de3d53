"""What has come of the changes: figures for each module, and the survivors with why nothing can notice them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypedDict

from tests.installed import ROOT

DATA = ROOT / "docs" / "data" / "mutation.json"


class Outcome(Enum):
    """What the tests made of a change."""

    NOTICED = "noticed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNTRIED = "untried"


class Change(NamedTuple):
    """A function, and of its lines those that were changed, as they were and as they became."""

    function: str
    before: str
    after: str


class Verdict(NamedTuple):
    """A change in a module, and what came of it."""

    module: str
    function: str
    before: str
    after: str
    outcome: Outcome


class Figures(TypedDict):
    """What has come of a module's changes."""

    changes: int
    noticed: int
    timeout: int
    survived: int


class Survivor(TypedDict):
    """A change that no test notices; ``why`` is empty while nobody has said why nothing can."""

    module: str
    function: str
    before: str
    after: str
    why: str


class Summary(TypedDict):
    """The file of data: ``of`` says when, at what commit and with what it was made."""

    of: dict[str, str]
    modules: dict[str, Figures]
    survivors: list[Survivor]


def summarise(verdicts: Iterable[Verdict], of: dict[str, str]) -> Summary:
    """Count what has come of the changes of each module whose changes have all been tried."""
    by_module: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_module.setdefault(verdict.module, []).append(verdict)
    tried = {
        module: group
        for module, group in by_module.items()
        if all(verdict.outcome is not Outcome.UNTRIED for verdict in group)
    }
    return Summary(
        of=of,
        modules={module: _figures(group) for module, group in tried.items()},
        survivors=[_survivor(verdict) for verdict in chain(*tried.values()) if verdict.outcome is Outcome.SURVIVED],
    )


def _figures(verdicts: list[Verdict]) -> Figures:
    counts = Counter(verdict.outcome for verdict in verdicts)
    return Figures(
        changes=len(verdicts),
        noticed=counts[Outcome.NOTICED],
        timeout=counts[Outcome.TIMEOUT],
        survived=counts[Outcome.SURVIVED],
    )


def _survivor(verdict: Verdict) -> Survivor:
    module, function, before, after, _ = verdict
    return Survivor(module=module, function=function, before=before, after=after, why="")


def merge(old: Summary, new: Summary) -> Summary:
    """Let the modules that are not tried anew keep what is said of them."""
    kept = [survivor for survivor in old["survivors"] if survivor["module"] not in new["modules"]]
    return Summary(
        of=new["of"],
        modules=dict(sorted((old["modules"] | new["modules"]).items())),
        survivors=sorted(kept + new["survivors"], key=lambda survivor: survivor["module"]),
    )


def explain(summary: Summary, explained: Mapping[Change, str]) -> list[Survivor]:
    """Say why nothing notices the survivors, and return those of which nobody knows."""
    for survivor in summary["survivors"]:
        change = Change(survivor["function"], survivor["before"], survivor["after"])
        survivor["why"] = explained.get(change, "")
    return [survivor for survivor in summary["survivors"] if not survivor["why"]]


def read(path: Path = DATA) -> Summary:
    """Return what the file says."""
    summary: Summary = json.loads(path.read_text(encoding="utf-8"))
    return summary


def write(summary: Summary, path: Path = DATA) -> None:
    """Write the file."""
    path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
