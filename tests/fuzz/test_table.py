"""The tables of what has been run, and that the docs have them."""

from __future__ import annotations

import pytest

from tests import records
from tests.fuzz.table import depths, table
from tests.installed import ROOT

RUN = {
    "target": "codecs",
    "seconds": 600,
    "figures": {"inputs": 1200, "edges": 690, "features": 3000, "memory": 70},
    "kept": 200,
}
REACHED = {"past the first frame with wsproto": 700, "second event from wsproto itself": 300}


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Two runs of a target, of which the second found something."""
    monkeypatch.setattr(records, "DATA", tmp_path)
    more = {"figures": {"inputs": 3000, "edges": 691, "features": 3010, "memory": 71}, "kept": 210}
    records.record("fuzzing", [], {**RUN, "failed": False, "reached": REACHED})
    records.record("fuzzing", [], {**RUN, **more, "failed": True, "reached": REACHED})


def test_runs_of_a_target_are_added_up(runs):
    assert "| `codecs` | 2 | 4,200 | 20 | 691 | 3,010 | 71 MiB | 210 | 1 |" in table()
    assert "| all | 2 | 4,200 | 20 |  |  |  |  | 1 |" in table()


def test_target_without_a_run(runs):
    assert "| `framing` | 0 | 0 | 0 |  |  |  |  | nothing |" in table()


def test_depths_of_a_codec_are_added_up(runs):
    assert "| `wsproto` | 1,400 | 600 |" in depths()
    assert "| `websockets` | 0 | 0 |" in depths()


@pytest.mark.parametrize("made", [table, depths])
def test_docs_have_it(made):
    assert made() in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
