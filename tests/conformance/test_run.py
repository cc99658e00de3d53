from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.run import OURS, Target, run_target
from tests.conformance.samples import ECHOED, WSTEST, passed, result_of, wstest

CLIENT = """
import socket
from websockets.sync.client import connect

for case in spec["cases"]:
    address = server["url"].removeprefix("ws://").split(":")
    with connect(server["url"], sock=socket.create_connection(address)) as client:
        client.send(case)
        assert client.recv() == case
"""

KILLER = """
import os, re, signal

(log,) = pathlib.Path().glob("*.log")
os.kill(int(re.search(r"Started server process .(\\d+)", log.read_text())[1]), signal.SIGKILL)
"""


@pytest.mark.parametrize("target", OURS, ids=str)
def test_a_server_lives_as_long_as_the_suite_runs(target: Target, tmp_path: Path) -> None:
    cases = ("1.1.1", "2.3")
    suite = wstest(tmp_path, WSTEST + CLIENT)
    result = run_target(target, suite, tmp_path / "run", dict.fromkeys(cases, ECHOED))
    assert result.problems == []
    assert (result.target, result.version, result.cases) == (target, "1.2.3", {case: passed(id=case) for case in cases})
    assert "Finished server process" in result.log


def test_both_the_reports_and_the_log_are_judged(tmp_path: Path) -> None:
    suite = wstest(tmp_path, WSTEST.replace("passed(", "passed(wasClean=False, "))
    result = run_target(OURS[0], suite, tmp_path / "run", {"1.1.1": ECHOED})
    assert result.problems == [
        "1.1.1: not clean: None",
        "log: 0 connections accepted, not 1",
        "log: close records of {} that the suite has not seen, none of {1000: 1}",
    ]


def test_how_a_server_ends_is_judged(tmp_path: Path) -> None:
    result = run_target(OURS[0], wstest(tmp_path, WSTEST + KILLER), tmp_path / "run", {})
    assert result.problems == ["log: the server has ended with -9"]


def test_what_the_figures_count() -> None:
    cases = {"1": passed(), "2": passed(behavior="NON-STRICT", behaviorClose="UNCLEAN", wasClean=False), "3": passed()}
    log = "Traceback (most recent call last):\n  somewhere\nError\n" * 2
    result = result_of(OURS[0], cases=cases, log=log)
    assert result.verdicts == Counter({"OK": 2, "NON-STRICT": 1})
    assert (result.wrong_closes, result.without_close, result.tracebacks) == (1, 1, 2)
