from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conformance import page as module
from tests.conformance.page import COLUMNS, commit, page, table
from tests.conformance.run import OURS, STOCK
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


def figures(text: str) -> list[list[str]]:
    """The cells of a table's rows."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_a_row_of_the_table() -> None:
    head, _, row = figures(table([WORSE]))
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
    assert head == COLUMNS


def test_the_page_names_what_was_tested() -> None:
    text = page([*map(result_of, OURS), WORSE])
    for words in (version("uvicorn"), version("wsproto"), version("websockets"), "Testsuite 1.2.3", commit()):
        assert words in text
    ours, stock = text.split("## uvicorn's own")
    assert [row[:2] for row in figures(ours)[2:]] == [[f"`{target.ws}`", target.loop] for target in OURS]
    assert [row[0] for row in figures(stock)[2:]] == ["`websockets-sansio`"]


class TestCommit:
    @pytest.mark.parametrize(("status", "words"), [("", ""), (" M safews/_state.py", " with changes")])
    def test_git_names_it(self, status: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_git", lambda command, *_: "0123456789ab" if command == "rev-parse" else status)
        assert commit() == f"commit 0123456789ab{words}"

    def test_no_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ROOT", tmp_path)
        assert commit() == "a tree without git"

    def test_no_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert commit() == "a tree without git"
