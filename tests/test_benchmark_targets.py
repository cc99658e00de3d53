from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import targets
from benchmarks.load_program import compiler
from benchmarks.measure import FIGURES, Series, Table
from benchmarks.merging import DifferentRuns, merge
from benchmarks.report import Report, describe
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import PEERS, Unavailable
from benchmarks.targets import TARGETS, Target, Verdict, judge

ROOT = Path(__file__).parent.parent

OURS = "safews-wsproto"


def missing() -> str | None:
    if sys.platform != "linux":
        return "the load program is Linux's"
    try:
        compiler()
    except Unavailable as exc:
        return str(exc)
    return None


needs_load = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def of(figure: str, *values: float) -> Series:
    return Series([{figure: value} for value in values])


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_target_names_what_there_is(target: Target) -> None:
    assert set(target.scenarios) <= SCENARIOS.keys()
    assert {*target.peers, *target.against} <= PEERS.keys()
    assert target.figure in FIGURES
    if target.aim is not None:
        assert (target.aim > target.bound) is FIGURES[target.figure].more_is_better


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_what_a_target_is_about_can_be_measured_of_all_it_names(target: Target) -> None:
    for name in target.scenarios:
        for peer in (*target.peers, *target.against):
            assert SCENARIOS[name].needs not in PEERS[peer].lacks


def test_what_is_measured_is_what_the_targets_need() -> None:
    jobs = {job.scenario.name: [peer.name for peer in job.peers] for job in targets.jobs(SCENARIOS, PEERS)}
    assert jobs["pipelined-32"] == [*targets.OURS, "uvicorn-websockets-sansio", "uvicorn-wsproto", "picows"]
    assert jobs["connections-1"] == jobs["connections-10000"] == [*targets.OURS, "raw"]
    assert jobs.keys() == {name for target in TARGETS for name in target.scenarios}
    (job,) = targets.jobs(["handshake"], [OURS, "raw"])
    assert (job.scenario.name, [peer.name for peer in job.peers]) == ("handshake", [OURS])


def test_a_ratio_is_that_of_the_same_round() -> None:
    tables: dict[str, Table] = {
        "pipelined-32": {OURS: of("rate", 80, 60, 10), "picows": of("rate", 10, 20, 2), "raw": of("rate", 1)}
    }
    target = Target("pipelined-32", "rate", ("picows",), 5)
    assert judge(target, tables, OURS) == Verdict(5, 3, 8, 3, True)
    assert judge(Target("pipelined-32", "rate", ("picows",), 5.1), tables, OURS) == Verdict(5, 3, 8, 3, False)
    assert judge(target, tables, "safews-websockets") is None
    assert judge(Target("pipelined-32", "rate", ("daphne",), 5), tables, OURS) is None
    assert judge(Target("pipelined-32", "cpu", ("picows",), 5), tables, OURS) is None
    assert judge(Target("handshake", "rate", ("picows",), 5), tables, OURS) is None


def test_of_several_others_the_best_in_a_round_counts() -> None:
    table: Table = {OURS: of("rate", 10, 10), "granian": of("rate", 5, 1), "picows": of("rate", 2, 4, 9)}
    target = Target("pipelined-1m", "rate", ("granian", "picows", "daphne"), 2)
    assert judge(target, {"pipelined-1m": table}, OURS) == Verdict(2.25, 2, 2.5, 2, True)
    cheap: Table = {OURS: of("cpu", 10, 10), "granian": of("cpu", 5, 1), "picows": of("cpu", 2, 4)}
    lower = Target("pipelined-1m", "cpu", ("granian", "picows"), 7)
    assert judge(lower, {"pipelined-1m": cheap}, OURS) == Verdict(7.5, 5, 10, 2, False)


def test_growth_is_compared_with_growth() -> None:
    tables: dict[str, Table] = {
        "connections-1": {OURS: of("cpu", 10, 10), "raw": of("cpu", 2, 2)},
        "connections-100": {OURS: of("cpu", 15, 30), "raw": of("cpu", 3, 4)},
    }
    assert judge(Target("connections-100", "cpu", ("raw",), 1.3, base="connections-1"), tables, OURS) == Verdict(
        1.25, 1, 1.5, 2, True
    )
    alone = Target("connections-100", "cpu", (), 1.3, base="connections-1")
    assert judge(alone, tables, OURS) == Verdict(2.25, 1.5, 3, 2, False)


def run(*rounds: float, peers: tuple[str, ...] = (OURS, "raw"), **facts: str) -> dict:
    """A run in which raw takes 10 us and ours what is given."""
    table: Table = {OURS: of("cpu", *rounds), "raw": of("cpu", *[10 for _ in rounds])}
    described = describe(PEERS[peer] for peer in peers)
    report = Report(facts, described, ["raw"], {"lockstep-32": {peer: table[peer] for peer in peers}})
    found: dict = json.loads(report.as_json())
    return found


def test_the_verdicts_are_in_the_report() -> None:
    found = run(14, 15, 16)
    (target,) = found["targets"]
    assert (target["asked"], target["against"]) == ("1.75 or less, aim at 1.5", ["raw"])
    assert target["verdicts"] == {OURS: {"ratio": 1.5, "lowest": 1.4, "highest": 1.6, "rounds": 3, "reached": True}}
    text = merge([found]).as_markdown()
    row = "| `lockstep-32`: CPU µs/message | raw | 1.75 or less, aim at 1.5 | 1.50 (1.40 to 1.60) reached |"
    assert row in text
    assert "1.80 (1.80 to 1.80) **not reached**" in merge([run(18)]).as_markdown()


def test_runs_are_put_together_round_by_round() -> None:
    merged = merge([run(14, commit="a"), run(90, peers=(OURS,), commit="b"), run(16, commit="a")])
    table = merged.tables["lockstep-32"]
    assert table[OURS].by_round("cpu") == [14, 90, 16]
    assert table["raw"].by_round("cpu") == [10, None, 10]
    assert merged.facts == {"commit": "a, b"}
    assert merged.references == ["raw"]
    ((_, verdicts),) = merged.verdicts()
    assert verdicts[OURS] == Verdict(1.5, 1.4, 1.6, 2, True)


def test_runs_of_different_machines_or_servers_are_not_put_together() -> None:
    with pytest.raises(DifferentRuns, match="differ in cpu: slow, fast"):
        merge([run(14, cpu="slow"), run(14, cpu="fast")])
    other = run(14)
    other["peers"]["raw"]["versions"] = "uvloop 0.1"
    with pytest.raises(DifferentRuns, match="raw is not the same"):
        merge([run(14), other])


@needs_load
def test_a_part_that_no_target_needs_is_told(tmp_path: Path) -> None:
    # It is told before anything is measured, and nothing is written.
    options = ["--targets", "--scenario", "handshake", "--peer", "raw", "--output", str(tmp_path / "results")]
    command = [sys.executable, "-m", "benchmarks", *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=50)
    assert result.returncode == 1
    assert "no target needs these scenarios of these servers" in result.stderr
    assert not (tmp_path / "results").exists()


def test_the_command_line_puts_runs_together(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.json" for number in range(2)]
    for path in paths:
        path.write_text(json.dumps(run(14)), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", "--merge", *map(str, paths), "--output", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50)
    assert "## Targets" in result.stdout
    assert (tmp_path / "merged.md").read_text(encoding="utf-8") in result.stdout
    found = json.loads((tmp_path / "merged.json").read_text(encoding="utf-8"))
    assert len(found["scenarios"]["lockstep-32"]["peers"]["raw"]["rounds"]) == 2
