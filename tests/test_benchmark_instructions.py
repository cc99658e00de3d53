from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvloop", reason="what is counted runs on uvloop")

from uvicorn.config import Config
from websockets.frames import Frame, Opcode

from benchmarks import instructions
from benchmarks.driven import FLOOR, Driver, count_messages
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import PEERS, Unavailable

ROOT = Path(__file__).parent.parent

MESSAGES = {"lockstep-32": 64, "compressed-54": 64, "handshake": 8, "broadcast-500": 500, "large-1m": 1}
"""How many are counted in a round."""


def missing() -> str | None:
    try:
        instructions.find_valgrind()
    except Unavailable as exc:
        return str(exc)
    return None


needs_valgrind = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.mark.parametrize("name", [name for name in instructions.PROTOCOLS if not name.endswith("compiled")])
def test_every_protocol_answers_every_message(name: str) -> None:
    todo = [f"{scenario}:2" for scenario in MESSAGES]
    command = [sys.executable, "-m", "benchmarks.driven", instructions.PROTOCOLS[name], *todo]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50)
    assert result.stderr == ""
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert {done["scenario"]: done["messages"] for done in found} == {name: 2 * many for name, many in MESSAGES.items()}
    assert len({pid for done in found for pid in done["pids"]}) == 2 * len(MESSAGES)


async def silent(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        pass


@pytest.mark.parametrize("ws", [FLOOR, "safews.wsproto:Protocol"])
def test_a_message_without_an_answer_is_seen(ws: str) -> None:
    config = Config(silent, ws=ws, interface="asgi3", lifespan="off", log_config=None, access_log=False)
    if ws == FLOOR:
        config.loaded_app = silent
    else:
        config.load()
    with pytest.raises(AssertionError, match="0 answers to 64 messages"):
        asyncio.run(Driver(config, SCENARIOS["lockstep-32"]).run(1))


def test_messages_are_counted_by_their_frames() -> None:
    frames = [
        Frame(Opcode.TEXT, b"a" * 125),
        Frame(Opcode.BINARY, b"b" * 126, fin=False),
        Frame(Opcode.PING, b"now"),
        Frame(Opcode.CONT, b"c" * 65536),
        Frame(Opcode.CLOSE, b"\x03\xe8"),
    ]
    assert count_messages(b"".join(frame.serialize(mask=False) for frame in frames)) == 2
    assert count_messages(b"") == 0


def test_every_scenario_that_is_counted_can_be_driven() -> None:
    assert set(instructions.USUAL) <= instructions.ROUNDS.keys()
    assert all(SCENARIOS[name].mode in ("echo", "broadcast", "handshake") for name in instructions.ROUNDS)
    assert instructions.PROTOCOLS.keys() - {FLOOR} <= PEERS.keys()


def test_the_table_has_the_ratios_to_the_reference(tmp_path: Path) -> None:
    counts = {
        "lockstep-32": {"uvicorn-websockets-sansio": 4000.2, "safews-wsproto": 1000.0},
        "handshake": {"safews-wsproto": 7000.0},
    }
    text = instructions.write({"python": "CPython 3"}, counts, tmp_path)
    for line in (
        "- python: CPython 3",
        "| protocol | lockstep-32 | handshake |",
        "| safews-wsproto | 1,000 (0.25) | 7,000 |",
        "| uvicorn-websockets-sansio | 4,000 (1.00) | - |",
    ):
        assert line in text.splitlines()
    assert (tmp_path / "instructions.md").read_text(encoding="utf-8") == text
    found = json.loads((tmp_path / "instructions.json").read_text(encoding="utf-8"))
    assert found["instructions"]["lockstep-32"] == {"uvicorn-websockets-sansio": 4000, "safews-wsproto": 1000}
    assert "uvicorn" in found["peers"]["safews-wsproto"]["versions"]


def test_without_valgrind_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main(["--output", str(tmp_path)]) == 1
    assert "valgrind, which is not installed" in capsys.readouterr().err


@needs_valgrind
@pytest.mark.timeout(300)
def test_instructions_are_counted(tmp_path: Path) -> None:
    options = ["--peer", FLOOR, "--peer", "safews-wsproto", "--scenario", "lockstep-32", "--rounds", "2"]
    command = [sys.executable, "-m", "benchmarks.instructions", *options, "--output", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=290)
    assert "| safews-wsproto |" in result.stdout
    found = json.loads((tmp_path / "instructions.json").read_text(encoding="utf-8"))
    counted = found["instructions"]["lockstep-32"]
    # A message wakes a task and takes some turns of Python, not the start of an interpreter.
    assert 1_000 < counted[FLOOR] < counted["safews-wsproto"] < 1_000_000
    assert found["facts"]["valgrind"].startswith("valgrind-")
