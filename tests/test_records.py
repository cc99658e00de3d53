"""The raw results of long runs."""

from __future__ import annotations

import json
import platform
import re

import pytest

from tests import records
from tests.records import commit, record, recorded


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """They are kept here."""
    monkeypatch.setattr(records, "DATA", tmp_path / "data")
    return tmp_path / "data"


def test_there_are_none_at_first():
    assert recorded("runs") == []


def test_runs_are_added_a_line_each(data):
    record("runs", ["wsproto"], {"inputs": 1})
    record("runs", ["wsproto"], {"inputs": 2})
    assert [run["inputs"] for run in recorded("runs")] == [1, 2]
    opening, *lines, closing = (data / "runs.json").read_text().splitlines()
    assert (opening, closing) == ("[", "]")
    assert [json.loads(line.rstrip(","))["inputs"] for line in lines] == [1, 2]


def test_run_says_what_it_was_a_run_of():
    record("runs", ["wsproto"], {})
    (run,) = recorded("runs")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run["date"])
    assert run["versions"]["python"] == platform.python_version()
    assert re.match(r"\d+\.", run["versions"]["wsproto"])


@pytest.mark.parametrize(("changed", "mark"), [("", ""), (" M safews/_framing.py", "+")])
def test_commit_says_whether_the_package_has_been_changed_since(monkeypatch, changed, mark):
    answers = {"status": changed, "log": "1234567"}
    monkeypatch.setattr(records, "_git", lambda command, *_: answers[command])
    assert commit() == "1234567" + mark


def test_no_repository_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "ROOT", tmp_path)
    assert commit() == ""


def test_no_git_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""
