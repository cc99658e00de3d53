from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import records
from tests.conformance import __main__ as command
from tests.conformance.environment import SuiteMissing
from tests.conformance.expectations import Expectation
from tests.conformance.run import OURS, STOCK, Result, Target
from tests.conformance.samples import result_of
from tests.conformance.suite import SuiteFailed


class Runs:
    """What was run: the targets, and how many cases of each.

    ``off`` are the targets that are to have problems, ``broken`` those at which the suite is to fail.
    """

    def __init__(self) -> None:
        self.cases: dict[Target, int] = {}
        self.off: set[Target] = set()
        self.broken: set[Target] = set()

    def run(self, target: Target, wstest: object, folder: Path, expectations: Mapping[str, Expectation]) -> Result:
        self.cases[target] = len(expectations)
        if target in self.broken:
            raise SuiteFailed("wstest is broken")
        return result_of(target, off={"1.1.1": ["was not run"]} if target in self.off else {})


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr(command, "find_suite", lambda: None)
    monkeypatch.setattr(command, "run_target", runs.run)
    monkeypatch.setattr(command, "REPORTS", tmp_path)
    monkeypatch.setattr(command, "PAGE", tmp_path / "conformance.md")
    monkeypatch.setattr(records, "DATA", tmp_path)
    return runs


def test_a_complete_run_has_uvicorn_s_own_too_and_writes_the_page(runs: Runs) -> None:
    assert command.main([]) == 0
    assert runs.cases == dict.fromkeys([*OURS, *STOCK], 517)
    assert command.PAGE.read_text(encoding="utf-8").count("| 1 | 1 | 0 |") == len(OURS) + len(STOCK)
    assert [run["ws"] for run in records.recorded("conformance")] == [target.ws for target in [*OURS, *STOCK]]


@pytest.mark.parametrize(
    ("arguments", "targets", "cases"),
    [
        (["--quick"], OURS, 313),
        (["--quick", "--stock", "--jobs", "2"], [*OURS, *STOCK], 313),
        (["--codec", "wsproto"], OURS[:2], 517),
        (["--loop", "asyncio", "--codec", "websockets"], OURS[3:], 517),
    ],
)
def test_any_other_run_writes_no_page(arguments: list[str], targets: list[Target], cases: int, runs: Runs) -> None:
    assert command.main(arguments) == 0
    assert runs.cases == dict.fromkeys(targets, cases)
    assert not command.PAGE.exists()
    assert len(records.recorded("conformance")) == (len(targets) if cases == 517 else 0)


def test_what_is_off_is_said_and_fails(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.off = {OURS[1]}
    assert command.main(["--quick"]) == 1
    assert "1.1.1: was not run" in capsys.readouterr().out


def test_uvicorn_s_own_may_be_off(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.off = {*STOCK}
    assert command.main(["--quick", "--stock"]) == 0
    assert "was not run" not in capsys.readouterr().out


def test_a_suite_that_fails_at_one_server_is_run_at_the_others(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    runs.broken = {OURS[0]}
    assert command.main([]) == 1
    assert runs.cases.keys() == {*OURS, *STOCK}
    assert "safews.wsproto-uvloop: wstest is broken" in capsys.readouterr().out
    assert not command.PAGE.exists()


def test_without_the_suite_it_says_why(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_suite() -> None:
        raise SuiteMissing("there is none")

    monkeypatch.setattr(command, "find_suite", find_suite)
    assert command.main([]) == 2
    assert capsys.readouterr().err == "there is none\n"
    assert runs.cases == {}
