"""What the command makes of a run."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import records
from tests.installed import ROOT
from tests.soak import load
from tests.soak.__main__ import main
from tests.soak.peers import LIVES, Tally
from tests.soak.run import Soak


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(records, "DATA", tmp_path)
    return tmp_path / "soak.json"


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str, **changes: object) -> int:
    """Run the command in whose soak nothing happens but what the changes say."""

    def run(soak: Soak, folder: Path) -> dict[str, Any]:
        results: dict[str, Any] = {
            name: {} for name in ("echoes", "log", "memory_mib", "processor_seconds", "before", "after")
        }
        return {**soak.facts(), **results, "problems": [], **changes}

    monkeypatch.setattr(Soak, "run", run)
    return main([*arguments, "--seed", "7"])


def test_run_is_recorded_if_that_is_asked_for(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(monkeypatch, "--codec", "wsproto", "--seconds", "3", "--record") == 0
    (run,) = json.loads(data.read_text())
    assert {"date", "commit", "cpu", "kernel", "load_average", "problems"} <= run.keys()
    assert (run["codec"], run["seed"], run["seconds"]) == ("wsproto", 7, 3)
    assert {"python", "uvicorn", "wsproto"} <= run["versions"].keys()


def test_else_it_is_not(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(monkeypatch) == 0
    assert not data.exists()


def test_problems_are_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, problems=["memory has grown"]) == 1
    assert capsys.readouterr().out.endswith("memory has grown\n")


async def test_failed_life_says_where_but_not_on_which_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async def visit(peer: object) -> None:
        raise AssertionError("odd")

    monkeypatch.setattr(load, "connected_socket", lambda port: socket.socket())
    tally = Tally()
    await load.live(dataclasses.replace(LIVES[0], visit=visit), 0, Random(0), tally, 0)
    (failure,) = tally.failures
    assert failure.endswith("AssertionError: odd\n")
    assert "tests/soak/test_command.py" in failure.replace("\\", "/")
    assert str(ROOT) not in failure
