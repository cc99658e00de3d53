"""Pictures of what came of a run, as SVG that follows the reader's choice of light or dark."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .measure import FIGURES, Figure, Table
from .scenarios import GROWTH, SCENARIOS

MEMORY = ("idle-1000", "idle-compressed-1000")
"""What the picture of memory has."""

FLOORS = ("raw", "floor")
"""No WebSocket servers, but what there is no getting below."""

WIDTH = 760
"""The site's column is about as wide, so that letters have their size."""

STYLE = """\
:root { --page: #ffffff; --ink: #1b2733; --faint: #5b6875; --grid: #dbe3ea; --ours: #0b63a5; --others: #a9b4be; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12181f; --ink: #e8edf2; --faint: #a3b0bd; --grid: #2a3642; --ours: #58b2f0; --others: #5a6672; }
}
text { font: 13px system-ui, "DejaVu Sans", Helvetica, Arial, sans-serif; fill: var(--ink); }
.title { font-weight: 600; }
.note { fill: var(--faint); font-size: 12px; }
.name { text-anchor: end; }
.tick { text-anchor: middle; }
.page { fill: var(--page); }
.grid { stroke: var(--grid); }
.ours { fill: var(--ours); } .others { fill: var(--others); } .floor { fill: none; stroke: var(--faint); }
path.ours { fill: none; stroke: var(--ours); stroke-width: 2; }
path.others { fill: none; stroke: var(--others); stroke-width: 2; }
path.floor { stroke-width: 2; stroke-dasharray: 6 4; }
text.ours { fill: var(--ours); } text.others, text.floor { fill: var(--ink); stroke: none; }"""

MARGIN, NAMES, VALUES = 16, 200, 84
"""Widths: of the edge, of the names before the bars, of the figures behind them."""

HEAD, ROW, BAR = 50, 22, 14
"""Heights: of a panel's titles, of a row, of the bar in it."""


class Panel(NamedTuple):
    """Bars on one scale, the longest as wide as there is room."""

    title: str
    note: str
    figure: Figure
    values: Mapping[str, float]
    """By name, such as a server's."""


def write_plots(tables: Mapping[str, Table], folder: Path, name: str) -> list[Path]:
    """Write a picture of each scenario that has figures, of growth, and of memory; return their paths."""
    panels = {scenario: panel for scenario, table in tables.items() if (panel := _panel(scenario, table)).values}
    pictures = {
        scenario: bars([panel])
        for scenario, panel in panels.items()
        if scenario not in MEMORY and not scenario.startswith("connections-")
    }
    if any(scenario in panels for scenario in MEMORY):
        pictures["memory"] = bars([panels[scenario] for scenario in MEMORY if scenario in panels])
    growth = {count: panels[f"connections-{count}"].values for count in GROWTH if f"connections-{count}" in panels}
    if len(growth) > 1:
        pictures["growth"] = lines(growth)
    return [write_picture(folder / f"{name}-{picture}.svg", text) for picture, text in pictures.items()]


def write_picture(path: Path, text: str) -> Path:
    """Write a picture and return its path."""
    path.write_text(text, encoding="utf-8")
    return path


def _panel(scenario: str, table: Table) -> Panel:
    figure = SCENARIOS[scenario].figure
    values = {peer: median for peer, series in table.items() if (median := series.median(figure)) is not None}
    return Panel(scenario, SCENARIOS[scenario].about, FIGURES[figure], values)


def bars(panels: Sequence[Panel]) -> str:
    """Return a picture of panels below one another, in each of which the best stands first."""
    parts: list[str] = []
    top = MARGIN
    for panel in panels:
        parts += _bars(panel, top)
        top += HEAD + ROW * len(panel.values) + MARGIN
    return _picture(parts, top)


def _bars(panel: Panel, top: int) -> Iterator[str]:
    yield _text(MARGIN, top + 14, f"{panel.title}: {panel.figure.label}", "title")
    yield _text(MARGIN, top + 32, panel.note, "note")
    longest = max(panel.values.values()) or 1
    ranked = sorted(panel.values.items(), key=lambda pair: pair[1], reverse=panel.figure.more_is_better)
    for number, (name, value) in enumerate(ranked):
        y = top + HEAD + ROW * number
        length = value / longest * (WIDTH - 2 * MARGIN - NAMES - VALUES)
        kind = _kind(name)
        yield _text(MARGIN + NAMES - 8, y + 11, name, f"name {kind if kind == 'ours' else ''}".strip())
        yield f'<rect class="{kind}" x="{MARGIN + NAMES}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}"/>'
        yield _text(MARGIN + NAMES + length + 6, y + 11, f"{value:,.{panel.figure.decimals}f}")


TOP, BOTTOM, LEFT, RIGHT = 66, 340, 60, 545
"""Where the lines are drawn."""


def lines(growth: Mapping[int, Mapping[str, float]]) -> str:
    """Return a picture of CPU for each message by connections, on two logarithmic scales: equal slopes grow alike."""
    every = [value for values in growth.values() for value in values.values()]
    low, high = _power(min(every), math.floor), _power(max(every), math.ceil)
    most = math.log10(max(growth))

    def across(count: int) -> float:
        return LEFT + (RIGHT - LEFT) * math.log10(count) / most

    def down(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * math.log(value / low) / math.log(high / low)

    parts = [
        _text(MARGIN, MARGIN + 14, "Growth: CPU µs/message by connections", "title"),
        _text(
            MARGIN, MARGIN + 32, "2,000 messages a second in all connections together; equal slopes grow alike", "note"
        ),
    ]
    for value in _ticks(low, high):
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{down(value):.1f}" x2="{RIGHT}" y2="{down(value):.1f}"/>')
        parts.append(_text(LEFT - 8, down(value) + 4, f"{value:g}", "name"))
    parts += [_text(across(count), BOTTOM + 20, f"{count:,}", "tick") for count in growth]
    ends: list[tuple[float, str]] = []
    for name in dict.fromkeys(name for values in growth.values() for name in values):
        points = [(across(count), down(values[name])) for count, values in growth.items() if name in values]
        way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path class="{_kind(name)}" d="M{way}"/>')
        ends.append((points[-1][1], name))
    parts += [_text(RIGHT + 8, y + 4, name, _kind(name)) for y, name in _apart(ends, 15)]
    return _picture(parts, BOTTOM + 40)


def _power(value: float, to_whole: Callable[[float], int]) -> float:
    return 10.0 ** to_whole(math.log10(value))


def _ticks(low: float, high: float) -> Iterator[float]:
    """Yield 1, 2 and 5 of each power of ten."""
    power = low
    while power < high:
        yield from (power, 2 * power, 5 * power)
        power *= 10
    yield high


def _apart(ends: Iterable[tuple[float, str]], least: float) -> Iterator[tuple[float, str]]:
    """Move labels until none hides another: those that would are put side by side, around where they belong."""
    ranked = sorted(ends)
    # Without the distance that each must have from the one before, labels that hide another are out of order.
    groups: list[list[float]] = []
    for number, (y, _) in enumerate(ranked):
        groups.append([y - number * least])
        while len(groups) > 1 and statistics.fmean(groups[-2]) > statistics.fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    places = [statistics.fmean(group) for group in groups for _ in group]
    for number, ((_, name), place) in enumerate(zip(ranked, places, strict=True)):
        yield place + number * least, name


def _kind(name: str) -> str:
    if name.startswith("safews"):
        return "ours"
    return "floor" if name in FLOORS else "others"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x:g}" y="{y:g}">{html.escape(text, quote=False)}</text>'


def _picture(parts: Iterable[str], height: float) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img">'
    page = f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="12"/>'
    return "\n".join([head, f"<style>\n{STYLE}\n</style>", page, *parts, "</svg>"]) + "\n"
