from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import servers
from benchmarks.load_program import Duration, LoadFailed, Outcome, check, compile_load, compiler, run_load
from benchmarks.measure import FIGURES, Cores, Job, Plan, Series, Table, choose_cores, figures_of, measure
from benchmarks.plots import Panel, bars, lines, write_plots
from benchmarks.report import Report, describe, write
from benchmarks.scenarios import KIB, SCENARIOS, Scenario
from benchmarks.servers import PEERS, Peer, Running, Settings, Unavailable, running

ROOT = Path(__file__).parent.parent

OURS = PEERS["safews-wsproto"]

SVG = "{http://www.w3.org/2000/svg}"

BRIEF = Duration(seconds=0, warmup=0, least=10)


def missing() -> str | None:
    """Say what a load needs and this machine does not have."""
    if sys.platform != "linux":
        return "the load program and /proc are Linux's"
    try:
        compiler()
        OURS.versions()
    except Unavailable as exc:
        return str(exc)
    return None


needs_load = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_load(tmp_path_factory.mktemp("load"))


@pytest.fixture(scope="module")
def cores() -> Cores:
    return choose_cores()


def small(name: str) -> Scenario:
    """A scenario with few connections and small messages, alike in all else."""
    scenario = SCENARIOS[name]
    fragment = scenario.fragment and 1000
    return dataclasses.replace(
        scenario, connections=min(scenario.connections, 3), size=min(scenario.size, 5000), fragment=fragment
    )


@pytest.fixture(scope="module")
def echoing(cores: Cores) -> Iterator[Running]:
    with running(OURS, Settings(), cores.server) as server:
        check(server, SCENARIOS["lockstep-32"], raw=False)
        yield server


@needs_load
@pytest.mark.parametrize("name", ["pipelined-32", "lockstep-32", "large-16m", "fragments-16m", "handshake"])
def test_a_load_is_done_and_counted(name: str, echoing: Running, program: Path, cores: Cores) -> None:
    outcome = run_load(program, echoing, small(name), BRIEF, core=cores.load, raw=False)
    assert outcome["messages"] >= BRIEF.least
    assert outcome["seconds"] > 0
    assert outcome["load_cpu"] > 0
    assert (outcome["p50"] > 0) is (SCENARIOS[name].window == 1)
    assert outcome["p99"] >= outcome["p50"]


@needs_load
def test_the_cpu_of_the_server_is_counted(echoing: Running, program: Path, cores: Cores) -> None:
    # More than a tick's work: the kernel counts the time of another process that is running by ticks.
    much = dataclasses.replace(BRIEF, least=5000)
    outcome = run_load(program, echoing, small("lockstep-32"), much, core=cores.load, raw=False)
    assert outcome["server_cpu"] > 0


@needs_load
def test_idle_connections_are_opened_and_nothing_is_asked(echoing: Running, program: Path, cores: Cores) -> None:
    idle = dataclasses.replace(SCENARIOS["idle-1000"], connections=50, settle=0.0)
    outcome = run_load(program, echoing, idle, BRIEF, core=cores.load, raw=False)
    assert outcome["messages"] == 0
    assert outcome["memory_open"] >= outcome["memory_before"] > 0


@needs_load
@pytest.mark.parametrize("name", ["broadcast-500", "broadcast-compressed-500", "compressed-54"])
def test_a_load_that_wants_other_settings(name: str, program: Path, cores: Cores) -> None:
    lines: list[str] = []
    plan = Plan(program, cores, rounds=1, duration=BRIEF, tell=lines.append)
    (tables,) = measure(plan, [Job(small(name), [OURS])])
    series = tables[name][OURS.name]
    assert series.failure is None
    assert series.rounds[0]["rate"] > 0
    assert len(lines) == 1


@needs_load
def test_pings_are_answered(program: Path, cores: Cores) -> None:
    scenario = dataclasses.replace(
        SCENARIOS["idle-pings-10000"], connections=3, settle=0.0, settings=Settings(ping_interval=1)
    )
    with running(OURS, scenario.settings, cores.server) as server:
        check(server, scenario, raw=False)
        outcome = run_load(program, server, scenario, Duration(seconds=1.5, warmup=0), core=cores.load, raw=False)
    assert outcome["pings"] >= 3


@needs_load
def test_a_reply_of_another_size_is_an_error(echoing: Running, program: Path, cores: Cores) -> None:
    class Wrong(Scenario):
        def reply_size(self, *, raw: bool = False) -> int:
            return self.size + 1

    with pytest.raises(LoadFailed, match="has not the size"):
        run_load(program, echoing, Wrong("wrong", ""), BRIEF, core=cores.load, raw=False)


@needs_load
def test_a_handshake_that_is_refused_is_an_error(echoing: Running, program: Path, cores: Cores) -> None:
    class Wrong(Scenario):
        @property
        def request(self) -> bytes:
            return b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"

    with pytest.raises(LoadFailed, match="refused the handshake"):
        run_load(program, echoing, Wrong("wrong", ""), BRIEF, core=cores.load, raw=False)


@needs_load
def test_a_peer_that_cannot_take_part_says_why(program: Path, cores: Cores) -> None:
    peers = [
        Peer("absent", ("no-such-package",), OURS.command),
        Peer("broken", (), lambda port, settings: ["-c", "raise SystemExit('out of order')"]),
        PEERS["raw"],
    ]
    plan = Plan(program, cores, rounds=2, duration=BRIEF, tell=lambda line: None)
    *_, tables = measure(plan, [Job(SCENARIOS["handshake"], peers)])
    assert {name: series.failure for name, series in tables["handshake"].items()} == {
        "absent": "the package no-such-package is not installed",
        "broken": "the server does not start: out of order",
        "raw": "is no WebSocket server",
    }


@needs_load
def test_the_command_line_writes_its_results(tmp_path: Path) -> None:
    options = ["--peer", "raw", "--scenario", "lockstep-32", "--rounds", "1", "--seconds", "0.01", "--warmup", "0"]
    command = [sys.executable, "-m", "benchmarks", *options, "--output", str(tmp_path), "--name", "some"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50)
    assert "lockstep-32 1/1 raw" in result.stderr
    assert "| raw |" in result.stdout
    found = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert len(found["scenarios"]["lockstep-32"]["peers"]["raw"]["rounds"]) == 1
    assert {"commit", "cpu", "kernel", "python"} <= found["facts"].keys()


def test_without_a_compiler_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(Unavailable, match="no C compiler"):
        compile_load(tmp_path)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_message_is_as_long_as_the_scenario_says(name: str) -> None:
    scenario = SCENARIOS[name]
    assert len(scenario.payload) == scenario.size
    if scenario.settings.compression:
        assert len(scenario.message()) < len(dataclasses.replace(scenario, settings=Settings()).message())


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_every_peer_has_a_command_for_the_settings(peer: Peer) -> None:
    command = peer.command(4711, Settings(app="broadcast", ping_interval=7))
    assert any("4711" in word for word in command)
    assert any("broadcast" in word for word in command)
    assert ("7" in command) is ("pings" not in peer.lacks or peer.name == "raw")
    assert command != peer.command(4711, Settings(app="broadcast", ping_interval=None)) or "pings" in peer.lacks


@needs_load
def test_messages_are_sent_at_a_rate_to_each_connection_in_its_turn(
    echoing: Running, program: Path, cores: Cores
) -> None:
    paced = dataclasses.replace(SCENARIOS["connections-10"], rate=200)
    outcome = run_load(program, echoing, paced, Duration(0.5, 0, least=30), core=cores.load, raw=False)
    assert 30 <= outcome["messages"] <= 1.2 * 200 * outcome["seconds"] + paced.connections
    assert outcome["p50"] > 0


@needs_load
def test_connections_that_have_been_used_once_say_nothing_more(program: Path, cores: Cores) -> None:
    scenario = dataclasses.replace(SCENARIOS["idle-compressed-1000"], connections=20)
    used = Duration(seconds=0, warmup=0, settle=0)
    # safews keeps no compressor for the one message.
    with running(PEERS["uvicorn-websockets-sansio"], scenario.settings, cores.server) as server:
        check(server, scenario, raw=False)
        outcome = run_load(program, server, scenario, used, core=cores.load, raw=False)
    assert outcome["messages"] == 0
    # Each has a compressor and an inflater by now.
    assert outcome["memory_open"] - outcome["memory_before"] > 20 * 16 * KIB


@needs_load
def test_connections_are_opened_at_a_rate(echoing: Running, program: Path, cores: Cores) -> None:
    scenario = dataclasses.replace(SCENARIOS["idle-1000"], connections=10, opening_rate=50)
    begun = time.monotonic()
    run_load(program, echoing, scenario, Duration(seconds=0, warmup=0, settle=0), core=cores.load, raw=False)
    assert time.monotonic() - begun >= 9 / 50


@needs_load
def test_more_connections_than_files_may_be_open_are_refused(echoing: Running) -> None:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    scenario = dataclasses.replace(SCENARIOS["idle-1000"], connections=allowed)
    with pytest.raises(LoadFailed, match=rf"than the {allowed} allowed"):
        check(echoing, scenario, raw=False)


def test_every_scenario_is_done_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def once(plan: Plan, scenario: Scenario, peer: Peer, series: Series) -> None:
        done.append(f"{scenario.name} {peer.name}")
        series.rounds.append({"rate": len(done), "cpu": 1.0})

    monkeypatch.setattr("benchmarks.measure._measure_once", once)
    jobs = [Job(SCENARIOS[name], [OURS, PEERS["raw"]]) for name in ("lockstep-32", "pipelined-32")]
    plan = Plan(Path(), choose_cores(), 2, BRIEF, tell=lambda line: None)
    seen: list[dict[str, Table]] = list(measure(plan, jobs))
    assert done == 2 * [f"{job.scenario.name} {peer.name}" for job in jobs for peer in job.peers]
    assert seen[-1]["lockstep-32"]["raw"].values("rate") == [2, 6]
    assert len(seen) == 4


def test_how_long_a_run_takes() -> None:
    scenario = dataclasses.replace(SCENARIOS["idle-1000"], opening_rate=100, seconds=4.0, settle=3.0, needs="pings")
    jobs = [Job(scenario, [OURS, PEERS["raw"], PEERS["picows"]])]
    plan = Plan(Path(), choose_cores(), 5, Duration(None, 2.0), tell=lambda line: None)
    assert plan.seconds(jobs) == 5 * 2 * (1 + 10 + 2 + 3 + 4)
    brief = dataclasses.replace(plan, duration=Duration(0.5, 0, settle=0.25))
    assert brief.seconds(jobs) == 5 * 2 * (1 + 10 + 0.25 + 0.5)


OUTCOME: Outcome = {
    "messages": 100,
    "pings": 0,
    "seconds": 2.0,
    "server_cpu": 1.0,
    "load_cpu": 0.5,
    "p50": 0.001,
    "p99": 0.002,
    "memory_before": 0,
    "memory_open": 1 << 20,
    "memory_end": 1 << 21,
}

SHARES = {"memory": 2, "server_busy": 50, "load_busy": 25}


def test_figures_of_messages() -> None:
    figures = figures_of(SCENARIOS["lockstep-32"], OUTCOME)
    assert figures == {"rate": 50, "cpu": 10_000, "p50": 1000, "p99": 2000, **SHARES}


def test_figures_of_idle_connections() -> None:
    figures = figures_of(SCENARIOS["idle-1000"], {**OUTCOME, "messages": 0, "p50": 0, "p99": 0})
    assert figures == {"per_connection": 1.024, "idle_cpu": 500, **SHARES}
    of_pings = figures_of(SCENARIOS["idle-pings-10000"], {**OUTCOME, "messages": 0, "p50": 0, "pings": 10_000})
    assert of_pings["pings"] == 1


def test_medians_spreads_and_ratios_of_the_same_rounds() -> None:
    ours = Series([{"rate": 10.0}, {"rate": 2.0}, {"rate": 12.0}])
    theirs = Series([{"rate": 5.0}, {"rate": 1.0}, {"rate": 4.0}])
    assert ours.median("rate") == 10
    assert ours.spread("rate") == 1
    assert ours.ratio("rate", theirs) == 2
    theirs.rounds[1] = {}
    assert ours.ratio("rate", theirs) == 2.5
    assert ours.median("cpu") is ours.spread("cpu") is ours.ratio("cpu", theirs) is None


def test_the_report_has_figures_ratios_the_run_before_and_failures(tmp_path: Path) -> None:
    names = ("safews-wsproto", "uvicorn-wsproto", "gunicorn")
    table = {
        "safews-wsproto": Series([{"rate": 3000.0, "server_busy": 99.0}]),
        "uvicorn-wsproto": Series([{"rate": 1000.0, "server_busy": 98.0}]),
        "gunicorn": Series([], "out of order"),
    }
    peers = describe(PEERS[name] for name in names)
    before = json.loads(Report({"commit": "abc"}, peers, ["uvicorn-wsproto"], {"pipelined-32": table}).as_json())
    table["safews-wsproto"] = Series([{"rate": 4500.0, "server_busy": 99.0}])
    report = Report({"commit": "def"}, peers, ["uvicorn-wsproto"], {"pipelined-32": table}, before)
    paths = write(report, tmp_path / "new", "name")
    assert [path.name for path in paths] == ["name.json", "name.md"]
    text = paths[1].read_text(encoding="utf-8")
    for line in (
        "- commit: def",
        "| safews-wsproto | 4,500 | 99 | 0 |",
        "| times uvicorn-wsproto | messages/s |\n| --- | ---: |\n| safews-wsproto | 4.50 |\n",
        "| times abc | messages/s |\n| --- | ---: |\n| safews-wsproto | 1.50 |\n| uvicorn-wsproto | 1.00 |\n",
        "- gunicorn: out of order",
    ):
        assert line in text
    found = json.loads(paths[0].read_text(encoding="utf-8"))["scenarios"]["pipelined-32"]["peers"]
    assert found["safews-wsproto"]["ratios"] == {"uvicorn-wsproto": {"rate": 4.5}}
    assert found["gunicorn"]["failure"] == "out of order"


def test_the_pictures(tmp_path: Path) -> None:
    table = {
        "raw": Series([{"cpu": 8.0, "per_connection": 1.5}]),
        "safews-wsproto": Series([{"cpu": 12.25, "per_connection": 12.0}]),
        "gunicorn": Series([], "out of order"),
    }
    drawn = ("lockstep-32", "idle-1000", "idle-compressed-1000", "connections-1", "connections-10")
    tables: dict[str, Table] = {**dict.fromkeys(drawn, table), "handshake": {"gunicorn": table["gunicorn"]}}
    paths = write_plots(tables, tmp_path, "name")
    assert {path.name for path in paths} == {"name-lockstep-32.svg", "name-memory.svg", "name-growth.svg"}
    texts = {path.stem: [text.text for text in ElementTree.parse(path).iter(SVG + "text")] for path in paths}
    assert texts["name-lockstep-32"][2:] == ["raw", "8.00", "safews-wsproto", "12.25"]
    assert texts["name-memory"].count("12.0") == 2
    assert {"1", "10", "raw", "safews-wsproto"} <= set(texts["name-growth"])


def test_a_bar_is_as_long_as_its_value() -> None:
    many = Panel("title", "note", FIGURES["rate"], {"raw": 200.0, "safews-wsproto": 800.0, "granian": 0.0})
    picture = ElementTree.fromstring(bars([many]))
    drawn = [rect for rect in picture.iter(SVG + "rect") if rect.get("class") != "page"]
    assert [rect.get("class") for rect in drawn] == ["ours", "floor", "others"]
    longest, short, none = (float(rect.attrib["width"]) for rect in drawn)
    assert longest == pytest.approx(4 * short, rel=0.01)
    assert none == 1


def test_names_at_the_ends_of_lines_do_not_hide_each_other() -> None:
    growth = {1: {"raw": 8.0, "picows": 8.1, "granian": 8.2}, 10: {"raw": 9.0, "picows": 9.0, "granian": 9.0}}
    picture = ElementTree.fromstring(lines(growth))
    heights = sorted(float(text.attrib["y"]) for text in picture.iter(SVG + "text") if text.text in growth[1])
    assert min(after - before for before, after in pairwise(heights)) >= 14


def test_a_server_that_ignores_the_signal_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.0)
    stubborn = Peer(
        "stubborn",
        (),
        lambda port, settings: [
            "-c",
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()",
        ],
    )
    with running(stubborn, Settings(), choose_cores().server) as server:
        while "ready" not in server.log.read_text():
            assert server.process.poll() is None
        assert server.pids() == [server.process.pid]
    assert server.process.returncode == -9
