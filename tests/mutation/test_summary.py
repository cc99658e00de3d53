"""What is said of the changes once they have been tried."""

from __future__ import annotations

import pytest

from tests.mutation.explained import EXPLAINED, REASONS
from tests.mutation.summary import Change, Outcome, Verdict, explain, merge, read, summarise, write

OF = {"date": "2026-01-31", "commit": "0123abc", "mutmut": "3"}
SURVIVOR = Change("_a.f", "x < 1", "x <= 1")


def verdict(outcome, module="_a.py"):
    return Verdict(module, SURVIVOR.function, SURVIVOR.before, SURVIVOR.after, outcome)


def survivor(module="_a.py", why=""):
    return {"module": module, **SURVIVOR._asdict(), "why": why}


def test_figures_and_survivors_of_a_module():
    outcomes = [Outcome.NOTICED] * 3 + [Outcome.TIMEOUT] * 2 + [Outcome.SURVIVED]
    summary = summarise(map(verdict, outcomes), OF)
    assert summary["modules"] == {"_a.py": {"changes": 6, "noticed": 3, "timeout": 2, "survived": 1}}
    assert summary["survivors"] == [survivor()]


def test_a_module_that_is_not_finished_is_left_out():
    summary = summarise([*map(verdict, [Outcome.SURVIVED, Outcome.UNTRIED]), verdict(Outcome.NOTICED, "_b.py")], OF)
    assert list(summary["modules"]) == ["_b.py"]
    assert summary["survivors"] == []


def test_a_module_that_was_not_tried_keeps_what_is_said_of_it():
    old = summarise([verdict(Outcome.SURVIVED, "_a.py"), verdict(Outcome.SURVIVED, "_b.py")], {})
    new = summarise([verdict(Outcome.NOTICED, "_c.py"), verdict(Outcome.NOTICED, "_a.py")], OF)
    merged = merge(old, new)
    assert [(module, figures["survived"]) for module, figures in merged["modules"].items()] == [
        ("_a.py", 0),
        ("_b.py", 1),
        ("_c.py", 0),
    ]
    assert merged["survivors"] == [survivor("_b.py")]
    assert merged["of"] == OF


@pytest.mark.parametrize(("explained", "why"), [({}, ""), ({SURVIVOR: "It is the same."}, "It is the same.")])
def test_a_survivor_has_its_explanation(explained, why):
    summary = summarise([verdict(Outcome.SURVIVED)], OF)
    unexplained = explain(summary, explained)
    assert summary["survivors"] == [survivor(why=why)]
    assert unexplained == ([] if why else summary["survivors"])


def test_what_is_written_is_read_back(tmp_path):
    summary = summarise([verdict(Outcome.SURVIVED)], OF)
    write(summary, tmp_path / "mutation.json")
    assert read(tmp_path / "mutation.json") == summary


class TestCommitted:
    def test_every_survivor_is_explained(self):
        assert explain(read(), EXPLAINED) == []

    def test_every_explanation_is_needed(self):
        survivors = {(survivor["function"], survivor["before"], survivor["after"]) for survivor in read()["survivors"]}
        assert set(EXPLAINED) - survivors == set()

    def test_no_change_is_explained_twice(self):
        assert sum(map(len, REASONS.values())) == len(EXPLAINED)
