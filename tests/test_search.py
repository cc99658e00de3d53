"""A search, with a pytest that is none."""

from __future__ import annotations

import pytest

from tests import records, search
from tests.records import recorded

LOG = """\
============================ Hypothesis Statistics =============================

tests/test_machine.py::TestLife::runTest:

  - during generate phase (6.50 seconds):
    - Typical runtimes: ~ 1-23 ms, of which ~ 0-9 ms in data generation
    - 400 passing, 0 failing, and 38 invalid test cases

  - Stopped because settings.max_examples=400


tests/test_framing.py::test_noise:

  - during reuse phase (0.10 seconds):
    - Typical runtimes: < 1ms
    - 3 passing examples, 0 failing examples, 1 invalid examples
  - during generate phase (1.20 seconds):
    - Typical runtimes: < 1ms
    - 20 passing examples, 1 failing examples, 0 invalid examples


=========================== short test summary info ============================
"""
TESTS = {
    "tests/test_machine.py::TestLife::runTest": {"passing": 400, "failing": 0, "invalid": 38},
    "tests/test_framing.py::test_noise": {"passing": 23, "failing": 1, "invalid": 1},
}


@pytest.fixture
def searches(monkeypatch, tmp_path):
    """The arguments that pytest was run with."""
    calls: list[tuple[object, ...]] = []

    def _pytest(*arguments):
        calls.append(arguments)
        return 1, LOG

    monkeypatch.setattr(search, "_pytest", _pytest)
    monkeypatch.setattr(records, "DATA", tmp_path)
    return calls


def test_examples_are_in_the_statistics():
    assert search.examples_of(LOG) == TESTS


def test_search_is_recorded(searches, capsys):
    assert search.main(["--times", "50", "--seed", "7", "--record", "tests/test_framing.py"]) == 1
    assert searches == [(50, 7, ["tests/test_framing.py"])]
    assert "423 examples in 2 tests" in capsys.readouterr().out
    (run,) = recorded("search")
    assert (run["times"], run["seed"], run["failed"], run["examples"], run["tests"]) == (50, 7, True, 423, TESTS)
    assert set(run["versions"]) == {"python", *search.PACKAGES}


def test_all_files_with_random_examples_are_searched(searches):
    search.main([])
    ((_, _, tests),) = searches
    assert {"tests/test_connection_machine.py", "tests/test_framing_properties.py"} < set(tests)
    assert "tests/test_search.py" not in tests


def test_search_that_nobody_wants_to_keep(searches):
    search.main([])
    assert recorded("search") == []


def test_seeds_are_other_ones_each_time(searches):
    for _ in range(2):
        search.main([])
    assert searches[0] != searches[1]


def test_search_is_a_pytest_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(search, "LOG", tmp_path / "build" / "search.log")
    monkeypatch.setattr(search.sys, "executable", "/bin/echo")
    status, log = search._pytest(20, 7, ["tests/test_framing.py"])
    assert status == 0
    assert "--hypothesis-seed=7 --hypothesis-show-statistics tests/test_framing.py" in log
