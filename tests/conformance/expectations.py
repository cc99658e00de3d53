"""What every case of the suite must give: ``expected.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("expected.txt")

ECHO = "echo"
VERDICTS = ("OK", "INFORMATIONAL")


class Expectation(NamedTuple):
    """A row: whether the suite begins to close, the code of the server's Close, and the suite's verdict.

    ``code`` is ``None`` where the suite's own Close comes back.
    """

    closed_by_suite: bool
    code: int | None
    verdict: str


def read_table(text: str) -> dict[str, Expectation]:
    """Return what is expected of each case that a table names."""
    expectations: dict[str, Expectation] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        begins, close, verdict, *ranges = words
        if begins not in ("suite", "server") or verdict not in VERDICTS or not ranges:
            raise ValueError(f"not a row of the table: {line!r}")
        expectation = Expectation(begins == "suite", None if close == ECHO else int(close), verdict)
        for case in (case for cases in ranges for case in expand(cases)):
            if case in expectations:
                raise ValueError(f"case {case} stands in the table twice")
            expectations[case] = expectation
    return expectations


def expand(cases: str) -> Iterator[str]:
    """Yield the cases of a range: ``5.1-2`` are 5.1 and 5.2."""
    places: list[Iterable[int]] = []
    for place in cases.split("."):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", place)
        if match is None:
            raise ValueError(f"not a range of cases: {cases!r}")
        places.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return (".".join(map(str, numbers)) for numbers in product(*places))


def is_quick(case: str) -> bool:
    """Say whether a case belongs to the quick set: all but 12 and 13, of which it is the first of each group.

    The rest of these send a thousand messages each, and take forty times as long as everything else together.
    """
    return not case.startswith(("12.", "13.")) or case.endswith(".1")


def expected_cases(*, quick: bool) -> dict[str, Expectation]:
    """Return what is expected of each case, of all or of those in the quick set."""
    table = read_table(TABLE.read_text(encoding="utf-8"))
    return {case: expectation for case, expectation in table.items() if is_quick(case) or not quick}
