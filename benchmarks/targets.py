"""What safews is to reach, as ratios to others measured in the same rounds, and whether it does."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from .measure import FIGURES, Job, Series, Table
from .scenarios import GROWTH, SCENARIOS
from .servers import PEERS

OURS = tuple(name for name in PEERS if name.startswith("safews"))

SANSIO, WSPROTO = ("uvicorn-websockets-sansio",), ("uvicorn-wsproto",)

STOCK = ("uvicorn-websockets", *SANSIO, *WSPROTO)


@dataclass(frozen=True)
class Target:
    """A bound for the ratio of a figure to that of others.

    ``against`` are those others, of whom the best in a round counts; without them it is the figure itself. With
    ``base`` each side's figure is first divided by its own in that scenario, so that it is growth that is compared.
    ``bound`` has to be reached, ``aim`` is what to aim at.
    """

    scenario: str
    figure: str
    against: tuple[str, ...]
    bound: float
    aim: float | None = None
    base: str | None = None
    peers: tuple[str, ...] = OURS

    @property
    def scenarios(self) -> tuple[str, ...]:
        """What has to be measured."""
        return (self.scenario,) if self.base is None else (self.scenario, self.base)

    @property
    def about(self) -> str:
        """What it is, for a reader."""
        since = "" if self.base is None else f", times that of `{self.base}`"
        return f"`{self.scenario}`: {FIGURES[self.figure].label}{since}"

    @property
    def asked(self) -> str:
        """The bound, for a reader."""
        words = "or more" if FIGURES[self.figure].more_is_better else "or less"
        aim = "" if self.aim is None else f", aim at {self.aim:g}"
        return f"{self.bound:g} {words}{aim}"


class Verdict(NamedTuple):
    """The median of the ratios within the rounds, the lowest and the highest of them, and whether it is enough."""

    ratio: float
    lowest: float
    highest: float
    rounds: int
    reached: bool


TARGETS = (
    Target("pipelined-32", "rate", SANSIO, 7),
    Target("pipelined-32", "rate", WSPROTO, 12, peers=tuple(name for name in OURS if "wsproto" in name)),
    Target("pipelined-32", "rate", ("picows",), 3),
    Target("lockstep-32", "cpu", SANSIO, 0.65, 0.55),
    Target("lockstep-32", "cpu", ("raw",), 1.75, 1.5),
    Target("pipelined-4k", "rate", SANSIO, 2),
    Target("pipelined-1m", "rate", (*STOCK, "granian", "picows"), 1),
    Target("pipelined-1m", "rate", SANSIO, 1.3),
    Target("large-16m", "rate", SANSIO, 1.5),
    Target("fragments-16m", "rate", SANSIO, 1.5),
    # Linear is 4. From 1 MiB on it would be more: what the processor has near at hand holds that, and not 4.
    Target("large-16m", "cpu", (), 5, base="large-4m"),
    Target("fragments-16m", "cpu", (), 5, base="fragments-4m"),
    Target("broadcast-500", "rate", SANSIO, 1.4),
    Target("broadcast-500", "rate", ("raw",), 0.75),
    Target("broadcast-compressed-500", "rate", SANSIO, 3),
    Target("compressed-54", "cpu", SANSIO, 0.6),
    Target("compressed-3500", "cpu", SANSIO, 0.8),
    Target("handshake", "cpu", SANSIO, 0.95, 0.85),
    Target("idle-1000", "per_connection", SANSIO, 0.6),
    Target("idle-compressed-1000", "per_connection", SANSIO, 0.4),
    Target("idle-pings-10000", "idle_cpu", SANSIO, 0.5),
    *(Target(f"connections-{count}", "cpu", ("raw",), 1.3, base="connections-1") for count in GROWTH[1:]),
)


def jobs(names: Collection[str], peers: Collection[str]) -> list[Job]:
    """Return what has to be measured for the targets, of these scenarios and peers alone."""
    wanted: dict[str, set[str]] = {}
    for target in TARGETS:
        for name in target.scenarios:
            wanted.setdefault(name, set()).update(target.peers, target.against)
    return [
        Job(scenario, [peer for peer in PEERS.values() if peer.name in peers and peer.name in wanted[name]])
        for name, scenario in SCENARIOS.items()
        if name in names and name in wanted
    ]


def judge(target: Target, tables: Mapping[str, Table], peer: str) -> Verdict | None:
    """Return the verdict on a peer, None where nothing has been measured to judge it by."""
    ratios = list(_ratios(target, tables, peer))
    if not ratios:
        return None
    ratio = statistics.median(ratios)
    reached = ratio >= target.bound if FIGURES[target.figure].more_is_better else ratio <= target.bound
    return Verdict(ratio, min(ratios), max(ratios), len(ratios), reached)


def _ratios(target: Target, tables: Mapping[str, Table], peer: str) -> Iterator[float]:
    best = max if FIGURES[target.figure].more_is_better else min
    own = _by_round(target, tables, peer)
    if not target.against:
        yield from (value for value in own if value is not None)
        return
    others = zip_longest(*(_by_round(target, tables, other) for other in target.against))
    for value, values in zip(own, others, strict=False):
        known = [other for other in values if other]
        if value is not None and known:
            yield value / best(known)


def _by_round(target: Target, tables: Mapping[str, Table], peer: str) -> Sequence[float | None]:
    values = [tables.get(name, {}).get(peer, Series()).by_round(target.figure) for name in target.scenarios]
    if target.base is None:
        return values[0]
    return [own / base if own is not None and base else None for own, base in zip(*values, strict=False)]
