from __future__ import annotations

from typing import Any

from tests.conformance.page import COUNTED, WHAT, figures, latest, page, table
from tests.conformance.run import OURS, STOCK, Result
from tests.conformance.samples import passed, result_of

WORSE = result_of(
    STOCK[1],
    cases={
        "1": passed(),
        "2": passed(behavior="NON-STRICT"),
        "3": passed(behavior="FAILED", behaviorClose="WRONG CODE"),
        "4": passed(behavior="INFORMATIONAL", behaviorClose="INFORMATIONAL", wasClean=False),
        "5": passed(behavior="UNIMPLEMENTED"),
    },
    off={"2": ["a", "b"], "3": ["c"], "5": ["d"]},
    log="Traceback (most recent call last):\n" * 4,
)


def cells(text: str) -> list[list[str]]:
    """The cells of a table's rows."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_a_row_of_the_table() -> None:
    head, _, row = cells(table([figures(WORSE)]))
    assert dict(zip(head, row, strict=True)) == {
        "`--ws`": "`websockets-sansio`",
        "`--loop`": "uvloop",
        "Cases": "5",
        "OK": "1",
        "Informational": "1",
        "Non-strict": "1",
        "Failed": "2",
        "Faulty ends": "1",
        "Ends without Close": "1",
        "Not as in our table": "3",
        "Tracebacks": "4",
    }
    assert head == [*WHAT, *COUNTED]


def recorded(result: Result, commit: str = "1234567") -> dict[str, Any]:
    """A run as it is recorded."""
    return {**figures(result), "date": "2026-11-21T12:00:00+00:00", "commit": commit}


def test_the_page_has_a_row_for_each_target() -> None:
    runs = {target: recorded(result_of(target)) for target in [*OURS, *STOCK]}
    ours, stock = page(runs).split("## uvicorn's own")
    assert [row[:2] for row in cells(ours)[2:]] == [[f"`{target.ws}`", target.loop] for target in OURS]
    assert [row[:2] for row in cells(stock)[2:]] == [[f"`{target.ws}`", target.loop] for target in STOCK]
    assert {tuple(row[-2:]) for row in cells(ours)[2:]} == {("2026-11-21", "1234567")}


def test_a_tree_without_git_has_no_commit() -> None:
    assert page({target: recorded(result_of(target), "") for target in [*OURS, *STOCK]}).count("without git") == 6


def test_the_last_run_of_a_target_counts() -> None:
    first, second, other = recorded(WORSE, "1"), recorded(WORSE, "2"), recorded(result_of(OURS[0]))
    assert latest([first, other, second]) == {STOCK[1]: second, OURS[0]: other}


def test_the_data_have_what_is_off() -> None:
    found = figures(WORSE)
    assert found["verdicts"] == {"OK": 1, "NON-STRICT": 1, "FAILED": 1, "INFORMATIONAL": 1, "UNIMPLEMENTED": 1}
    assert found["not_ok"] == {"2": "NON-STRICT", "3": "FAILED", "4": "INFORMATIONAL", "5": "UNIMPLEMENTED"}
    counted = ("cases", "wrong_closes", "without_close", "off", "tracebacks")
    assert [found[name] for name in counted] == [5, 1, 1, 3, 4]
