"""The quick set of Autobahn|Testsuite, by both codecs and on both event loops; ``make conformance`` runs all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.environment import Command, SuiteMissing, find_suite
from tests.conformance.expectations import expected_cases
from tests.conformance.run import OURS, Target, run_target


@pytest.fixture(scope="module")
def wstest() -> Command:
    """The suite."""
    try:
        return find_suite()
    except SuiteMissing as missing:
        pytest.skip(str(missing))


# A third of a minute each, and before the first the environment may have to be made.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", OURS, ids=str)
def test_every_case_gives_what_it_must(target: Target, wstest: Command, tmp_path: Path) -> None:
    result = run_target(target, wstest, tmp_path / "run", expected_cases(quick=True))
    assert result.problems == []
