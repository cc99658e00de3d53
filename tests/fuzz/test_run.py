"""Runs and the inputs that are kept, with a fuzzer that is none."""

from __future__ import annotations

import pytest

from tests import records
from tests.fuzz import __main__ as command
from tests.fuzz import corpus, run
from tests.fuzz.run import Figures, Fuzzed
from tests.fuzz.seeds import SEEDS
from tests.records import recorded

LOG = """\
INFO: Instrumenting safews
#168\tINITED cov: 675 ft: 2674 corp: 59/804b exec/s: 0 rss: 71Mb
#2048\tpulse  cov: 680 ft: 2700 corp: 60/810b lim: 4 exec/s: 500 rss: 71Mb
#7688\tDONE   cov: 698 ft: 3014 corp: 77/1Kb lim: 14 exec/s: 300 rss: 72Mb
"""


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path):
    """Everything is written here."""
    for name in ("kept", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(corpus, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(run, "WORK", tmp_path / "work")
    monkeypatch.setattr(command, "WORK", tmp_path / "work")
    monkeypatch.setattr(records, "DATA", tmp_path / "data")
    monkeypatch.setattr(records, "version", lambda package: "1.0")
    return tmp_path


@pytest.fixture
def engine(monkeypatch):
    """The calls of the fuzzer, and the status that it ends with; where it minimises, it keeps one input."""
    calls: list[tuple[str, list[str]]] = []
    statuses = [0]

    def _engine(target, arguments, log_name):
        calls.append((target, arguments))
        (run.WORK / f"{target}.reached.json").write_text('{"inputs": 7000}')
        if "-merge=1" in arguments:
            corpus.spread([b"smallest"], run.WORK / f"{target}.smallest")
        return statuses[0], LOG

    monkeypatch.setattr(run, "_engine", _engine)
    return calls, statuses


def test_kept_inputs_are_read_back():
    corpus.keep("framing", [b"\xff\x00", b"b", b"a", b"b", b""])
    assert corpus.kept("framing") == [b"a", b"b", b"\xff\x00"]


def test_nothing_is_kept_at_first():
    assert corpus.kept("framing") == []


def test_inputs_are_spread_and_gathered(tmp_path):
    corpus.spread([b"a", b"b", b"a"], tmp_path / "new" / "folder")
    assert sorted(corpus.gathered(tmp_path / "new" / "folder")) == [b"a", b"b"]


def test_figures_are_the_last_of_the_log():
    assert run.figures_of(LOG) == Figures(7688, 698, 3014, 72)


def test_figures_of_a_run_that_never_began():
    assert run.figures_of("ModuleNotFoundError: no module named atheris") == Figures(0, 0, 0, 0)


def test_run_begins_with_seeds_and_what_is_kept(engine):
    corpus.keep("handshake", [b"kept"])
    fuzzed = run.fuzz("handshake", 5)
    assert (fuzzed.target, fuzzed.figures, fuzzed.failed) == ("handshake", Figures(7688, 698, 3014, 72), False)
    assert set(corpus.gathered(run.WORK / "handshake")) == {b"kept", *SEEDS["handshake"]}
    ((target, arguments),) = engine[0]
    assert target == "handshake"
    assert "-max_total_time=5" in arguments
    assert any(argument.startswith("-dict=") for argument in arguments)
    assert arguments[-1] == str(run.WORK / "handshake")


def test_result_says_what_was_tried():
    fuzzed = Fuzzed("framing", 21.7, Figures(7688, 698, 3014, 72), {"inputs": 7000}, failed=False)
    assert str(fuzzed) == "framing: 7688 inputs in 22 s, 698 edges, 3014 features, 72 MiB, nothing found"
    assert "FAILED" in str(fuzzed._replace(failed=True))


def test_command_runs_all_targets_and_keeps_what_is_new(engine, capsys):
    assert command.main(["--seconds", "1", "--keep"]) == 0
    assert recorded("fuzzing") == []
    assert [target for target, _ in engine[0]] == [target for target in SEEDS for _ in range(2)]
    assert all(corpus.kept(target) == [b"smallest"] for target in SEEDS)
    assert capsys.readouterr().out.count("7688 inputs") == len(SEEDS)


def test_command_runs_one_target_and_fails_with_it(engine):
    calls, statuses = engine
    statuses[0] = 77
    assert command.main(["--target", "connection", "--keep"]) == 1
    assert [target for target, _ in calls] == ["connection"]
    assert corpus.kept("connection") == []


def test_command_records_its_runs(engine):
    assert command.main(["--target", "codecs", "--seconds", "1", "--keep", "--record"]) == 0
    (run_of_codecs,) = recorded("fuzzing")
    assert run_of_codecs["target"] == "codecs"
    assert run_of_codecs["figures"] == {"inputs": 7688, "edges": 698, "features": 3014, "memory": 72}
    assert run_of_codecs["reached"] == {"inputs": 7000}
    assert (run_of_codecs["failed"], run_of_codecs["kept"]) == (False, 1)
    assert set(run_of_codecs["versions"]) == {"python", *command.PACKAGES}


@pytest.mark.parametrize("status", [0, 1])
def test_minimising_that_fails_keeps_what_there_was(monkeypatch, status):
    # libFuzzer also ends with 0 where it has not been able to start itself.
    monkeypatch.setattr(run, "_engine", lambda *_: (status, LOG))
    corpus.keep("framing", [b"kept"])
    with pytest.raises(RuntimeError):
        run.minimise("framing")
    assert corpus.kept("framing") == [b"kept"]


def test_engine_is_a_process_with_a_log(monkeypatch):
    monkeypatch.setattr(run.sys, "executable", "/bin/echo")
    status, log = run._engine("framing", ["-runs=1"], "framing.log")
    assert (status, log) == (0, "-m tests.fuzz.engine framing -runs=1\n")
