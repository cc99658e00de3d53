"""Bars of each scenario's main figure, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from .measure import FIGURES, Table
from .report import Report
from .scenarios import SCENARIOS

OURS, OTHERS = "#0072b2", "#999999"

# Text stays text, and the same run gives the same file.
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["svg.hashsalt"] = "safews"


def write_plots(report: Report, folder: Path, name: str) -> list[Path]:
    """Write a picture for each scenario that has figures, and return their paths."""
    paths = []
    for scenario, table in report.tables.items():
        if any(series.rounds for series in table.values()):
            path = folder / f"{name}-{scenario}.svg"
            _bars(scenario, table).savefig(path, metadata={"Date": None})
            paths.append(path)
    return paths


def _bars(scenario: str, table: Table) -> Figure:
    main = next(name for name in FIGURES if any(series.values(name) for series in table.values()))
    found = [(peer, median) for peer, series in table.items() if (median := series.median(main)) is not None]
    found.sort(key=lambda pair: pair[1])
    names, values = zip(*found, strict=True)
    figure = Figure(figsize=(8, 0.8 + 0.32 * len(found)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, values, color=[OURS if peer.startswith("safews") else OTHERS for peer in names])
    axes.bar_label(bars, labels=[f"{value:,.{FIGURES[main].decimals}f}" for value in values], padding=4, fontsize=9)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(FIGURES[main].label)
    axes.set_title(f"{scenario}: {SCENARIOS[scenario].about}", loc="left", fontsize=9)
    return figure
