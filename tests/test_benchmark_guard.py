from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import guard
from safews._outbox import Outbox
from tests.fakes import FakeTransport

ROOT = Path(__file__).parent.parent

Counted = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def counted() -> Counted:
    """Everything, counted in a process of its own: the measurement of coverage allocates as well."""
    command = [sys.executable, "-m", "benchmarks.guard", "--json"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50)
    found: Counted = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("figure", guard.FIGURES)
@pytest.mark.parametrize("codec", guard.CODECS)
def test_the_hot_path_costs_what_is_recorded(codec: str, figure: str, counted: Counted) -> None:
    recorded = guard.recorded(codec, figure)
    if recorded is None:
        pytest.skip(f"not recorded for Python {guard.PYTHON}: python -m benchmarks.guard --record")
    value = counted[codec][figure]
    assert value <= recorded * (1 + guard.TOLERANCE), "the hot path costs more than it did"
    assert value >= recorded * (1 - guard.TOLERANCE), "it costs less: python -m benchmarks.guard --record keeps that"


def test_a_call_more_for_each_message_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = guard.echo_calls("wsproto", 64)
    # Compiled under another name: what stands in this folder is not counted.
    namespace = {"put": Outbox.put_message}
    exec(compile("def more(self, data): return put(self, data)", "more.py", "exec"), namespace)
    monkeypatch.setattr(Outbox, "put_message", namespace["more"])
    assert before + 1 <= guard.echo_calls("wsproto", 64) <= before + 1.1


def test_a_copy_more_of_a_message_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = guard.large_bytes("wsproto", None)
    write = FakeTransport.write
    monkeypatch.setattr(FakeTransport, "write", lambda self, data: write(self, bytes(bytearray(data))))
    assert guard.large_bytes("wsproto", None) >= before + 0.9


def test_a_record_keeps_what_other_versions_of_python_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: {"2.7": 1.0} for name in guard.BY_PYTHON}
    monkeypatch.setattr(guard, "RECORD", tmp_path / "guard.json")
    guard.RECORD.write_text(json.dumps(dict.fromkeys(guard.CODECS, others)), encoding="utf-8")
    guard.record({codec: {"calls": 3.5, **dict.fromkeys(guard.BY_PYTHON, 2.0)} for codec in guard.CODECS})
    assert guard.recorded("wsproto", "calls") == 3.5
    for name in guard.BY_PYTHON:
        assert guard.recorded("wsproto", name) == 2.0
        assert guard.read_record()["websockets"][name] == {"2.7": 1.0, guard.PYTHON: 2.0}
