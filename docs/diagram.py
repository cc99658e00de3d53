"""The diagram of the states, drawn from the table: five states one below the other, and at both sides, as bars, the two
that everything leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from safews._state import CLOSED, CLOSING, CONNECTING, DENYING, DRAINING, ENDING, OPEN, TABLE, Input, State

WIDTH, HEIGHT = 900, 880
LINE = 17
"""Pixels from one label to the next."""
BAR_TOP, BAR_BOTTOM, BAR_WIDTH = 28, 852, 84
BOX_HEIGHT = 48


class Box(NamedTuple):
    """Where a state is: centre and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height / 2


_BAR_Y, _BAR_HEIGHT = (BAR_TOP + BAR_BOTTOM) / 2, BAR_BOTTOM - BAR_TOP

BOXES: Mapping[State, Box] = {
    DENYING: Box(450, 78, 170, BOX_HEIGHT),
    CONNECTING: Box(450, 228, 170, BOX_HEIGHT),
    OPEN: Box(450, 360, 170, BOX_HEIGHT),
    ENDING: Box(422, 500, 114, BOX_HEIGHT),
    CLOSING: Box(450, 708, 170, BOX_HEIGHT),
    DRAINING: Box(66, _BAR_Y, BAR_WIDTH, _BAR_HEIGHT),
    CLOSED: Box(834, _BAR_Y, BAR_WIDTH, _BAR_HEIGHT),
}

FAREWELL_Y = 812
"""How far down the way from DRAINING to CLOSED is."""


class Upright(NamedTuple):
    """A way between two boxes: its place across, where its labels end or begin, and how far below the first box."""

    x: float
    anchor: str
    labels_y: float


UPRIGHTS: Mapping[tuple[State, State], Upright] = {
    (CONNECTING, DENYING): Upright(450, "start", 157),
    (CONNECTING, OPEN): Upright(450, "start", 298),
    (OPEN, ENDING): Upright(422, "end", 430),
    (OPEN, CLOSING): Upright(508, "start", 593),
}

STYLE = """\
:root { --page: #ffffff; --ink: #1b2733; --box: #eef3f8; --edge: #5b6875; --farewell: #0f766e; --end: #9a5b13; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12181f; --ink: #e8edf2; --box: #1f2a35; --edge: #a3b0bd; --farewell: #2dd4bf; --end: #f0b060; }
}
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.name { font-size: 14px; font-weight: 700; text-anchor: middle; }
.page { fill: var(--page); }
.box { fill: var(--box); stroke: var(--edge); stroke-width: 1.5; }
.farewell.box { stroke: var(--farewell); }
.end.box { stroke: var(--end); }
.first.box { stroke-width: 3; }
.halo { stroke: var(--page); stroke-width: 9; }
path.way { fill: none; stroke: var(--edge); stroke-width: 1.5; }
path.head { fill: var(--edge); }
path.way.farewell { stroke: var(--farewell); }
path.head.farewell { fill: var(--farewell); }
path.way.end { stroke: var(--end); }
path.head.end { fill: var(--end); }"""


def diagram(table: Mapping[tuple[State, Input], State] = TABLE) -> str:
    """Return ``states.svg``. Raises ``ValueError`` for a way that has no place yet."""
    ways: dict[tuple[State, State], list[str]] = {}
    for (source, input), target in table.items():
        if source is not target:
            ways.setdefault((source, target), []).append(input.name)
    level = [piece for way, names in ways.items() if way not in UPRIGHTS for piece in _level_way(*way, names)]
    upright = [piece for way, names in ways.items() if way in UPRIGHTS for piece in _upright_way(*way, names)]
    boxes = [piece for state in State for piece in _box(state)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            "<title>The states of a connection and what leads from one to another</title>",
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="12"/>',
            *level,
            *upright,
            *boxes,
            "</svg>\n",
        ]
    )


def _box(state: State) -> Iterator[str]:
    x, y, width, height = box = BOXES[state]
    kinds = " ".join([*(["first"] if state is CONNECTING else []), *_kind(state).split(), "box"])
    yield f'<rect class="{kinds}" x="{box.left:g}" y="{box.top:g}" width="{width:g}" height="{height:g}" rx="10"/>'
    turned = f' transform="rotate(-90 {x:g} {y:g})"' if height > width else ""
    yield f'<text class="name" x="{x:g}" y="{y + 5:g}"{turned}>{state.name}</text>'


def _kind(target: State) -> str:
    return {DRAINING: "farewell", CLOSED: "end"}.get(target, "")


def _level_way(source: State, target: State, names: list[str]) -> Iterator[str]:
    """Draw a way to one of the bars: labels half above and half below it."""
    if target not in (DRAINING, CLOSED):
        raise ValueError(f"there is no place yet for the way from {source.name} to {target.name}")
    y = FAREWELL_Y if source is DRAINING else BOXES[source].y
    to_left = target is DRAINING
    start = BOXES[source].left if to_left else BOXES[source].right
    end = BOXES[target].right if to_left else BOXES[target].left
    yield from _arrow(f"M{start:g} {y:g}H{end:g}", end, y, -1 if to_left else 1, 0, _kind(target))
    x = (start + end) / 2 if source is DRAINING else 212 if to_left else 672
    above = (len(names) + 1) // 2
    for index, name in enumerate(names):
        baseline = y - 8 - (above - 1 - index) * LINE if index < above else y + 18 + (index - above) * LINE
        yield _label(x, baseline, "middle", name)


def _upright_way(source: State, target: State, names: list[str]) -> Iterator[str]:
    """Draw a way from one box to another above or below it: labels beside it."""
    x, anchor, middle = UPRIGHTS[source, target]
    up = BOXES[target].y < BOXES[source].y
    start = BOXES[source].top if up else BOXES[source].bottom
    end = BOXES[target].bottom if up else BOXES[target].top
    path = f"M{x:g} {start:g}V{end:g}"
    yield f'<path class="halo" d="{path}"/>'
    yield from _arrow(path, x, end, 0, -1 if up else 1, "")
    first = middle - (len(names) - 1) * LINE / 2 + 4
    for index, name in enumerate(names):
        yield _label(x + (10 if anchor == "start" else -10), first + index * LINE, anchor, name)


def _arrow(path: str, x: float, y: float, across: int, down: int, kind: str) -> Iterator[str]:
    yield f'<path class="{f"way {kind}".strip()}" d="{path}"/>'
    corners = [(x - 10 * across + side * down, y - 10 * down + side * across) for side in (-5, 5)]
    yield f'<path class="{f"head {kind}".strip()}" d="M{x:g} {y:g}L{" ".join(f"{a:g} {b:g}" for a, b in corners)}Z"/>'


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{text}</text>'
