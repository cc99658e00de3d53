"""``python -m tests.fuzz.table``: the table of all runs that are recorded, for docs/testing.md."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.fuzz.run import MAX_LENGTHS
from tests.records import recorded

HEAD = ["Target", "Runs", "Inputs", "Minutes", "Edges", "Features", "Memory", "Kept", "Found"]
CODECS = ["websockets", "wsproto"]


def table() -> str:
    """Return it in Markdown: the sums of each target and of all; the rest is as it is in the last."""
    runs = recorded("fuzzing")
    rows = [_row(target, [run for run in runs if run["target"] == target]) for target in MAX_LENGTHS]
    lines = [HEAD, ["---"] * len(HEAD), *rows, ["all", *_sums(runs), "", "", "", "", _found(runs)]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def depths() -> str:
    """Return the table of how far the inputs of ``codecs`` got."""
    reached: Counter[str] = Counter()
    for run in recorded("fuzzing"):
        if run["target"] == "codecs":
            reached.update(run["reached"])
    lines = [["Codec", "Inputs past the first frame", "Second event from the library itself"], ["---"] * 3]
    for codec in CODECS:
        counts = reached[f"past the first frame with {codec}"], reached[f"second event from {codec} itself"]
        lines.append([f"`{codec}`", *(f"{count:,}" for count in counts)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(target: str, runs: list[dict[str, Any]]) -> list[str]:
    if not runs:
        return [f"`{target}`", *_sums(runs), "", "", "", "", _found(runs)]
    last = runs[-1]["figures"]
    counts = [f"{last['edges']:,}", f"{last['features']:,}", f"{last['memory']} MiB", str(runs[-1]["kept"])]
    return [f"`{target}`", *_sums(runs), *counts, _found(runs)]


def _sums(runs: list[dict[str, Any]]) -> list[str]:
    inputs = sum(run["figures"]["inputs"] for run in runs)
    minutes = sum(run["seconds"] for run in runs) / 60
    return [str(len(runs)), f"{inputs:,}", f"{minutes:.0f}"]


def _found(runs: list[dict[str, Any]]) -> str:
    return str(sum(run["failed"] for run in runs)) if any(run["failed"] for run in runs) else "nothing"


if __name__ == "__main__":
    print(table(), depths(), sep="\n\n")
