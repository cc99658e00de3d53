from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.samples import WSTEST, passed, wstest
from tests.conformance.suite import AGENT, SuiteFailed, run_suite


def test_the_version_and_the_reports_of_a_run(tmp_path: Path) -> None:
    reports = run_suite(wstest(tmp_path, WSTEST), tmp_path, "ws://127.0.0.1:80", ["1.1.1", "2.3"])
    assert reports.version == "1.2.3"
    assert reports.cases == {"1.1.1": passed(id="1.1.1"), "2.3": passed(id="2.3")}


def test_the_spec_leaves_nothing_to_the_suite(tmp_path: Path) -> None:
    run_suite(wstest(tmp_path, WSTEST), tmp_path, "ws://127.0.0.1:80", ["1.1.1"])
    assert json.loads((tmp_path / "spec.json").read_text()) == {
        "outdir": "reports",
        "servers": [{"agent": AGENT, "url": "ws://127.0.0.1:80"}],
        "cases": ["1.1.1"],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"{WSTEST}\nraise SystemExit(3)", "ended with 3"),
        (WSTEST.replace("index.json", "other.json"), "ended with 0"),
        (WSTEST.replace("Version", "Edition"), "Testsuite Edition"),
    ],
)
def test_a_suite_that_does_not_come_to_its_end(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(SuiteFailed, match=words):
        run_suite(wstest(tmp_path, script), tmp_path, "ws://127.0.0.1:80", ["1.1.1"])


def test_a_suite_that_hangs(tmp_path: Path) -> None:
    hangs = wstest(tmp_path, "import time\ntime.sleep(60)")
    with pytest.raises(SuiteFailed, match="not ended in time"):
        run_suite(hangs, tmp_path, "ws://127.0.0.1:80", [], seconds=0.1)
