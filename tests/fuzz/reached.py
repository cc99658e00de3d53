"""How far inputs have got. The fuzzer ends its process without a word, so this is written down as it goes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

REACHED: Counter[str] = Counter()
"""How many inputs there were, and how many got to the places that a target has counted."""

EVERY = 1000
"""So many inputs are between one time of writing it down and the next."""


def counting(check: Callable[[bytes], None], path: Path) -> Callable[[bytes], None]:
    """Return ``check``, with the inputs counted and the counts written to a file."""

    def counted(data: bytes) -> None:
        check(data)
        REACHED["inputs"] += 1
        if REACHED["inputs"] % EVERY == 0:
            path.write_text(json.dumps(REACHED), encoding="ascii")

    return counted


def reached(path: Path) -> dict[str, int]:
    """Read the counts of a run, which may be too short to have any."""
    counts: dict[str, int] = json.loads(path.read_text(encoding="ascii")) if path.exists() else {}
    return counts
