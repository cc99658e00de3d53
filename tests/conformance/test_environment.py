from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import environment
from tests.conformance.environment import IMAGE, PINS, SuiteMissing, find_python, find_suite


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH; pyenv has nothing."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return folder


def program(file: Path, status: int = 0) -> Path:
    """A program that does nothing but end with that status."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\nexit {status}\n")
    file.chmod(0o755)
    return file


def ready(folder: Path) -> Path:
    """An environment that has been made."""
    folder.mkdir()
    (folder / "made-by.txt").write_bytes(PINS.read_bytes())
    return folder


class TestPython:
    def test_on_path(self, path: Path) -> None:
        program(path.parent / "pyenv/versions/2.7.18/bin/python2.7")
        expected = program(path / "python2.7")
        assert find_python() == expected

    def test_in_pyenv_behind_a_shim_that_refuses(self, path: Path) -> None:
        program(path / "python2.7", status=127)
        program(path.parent / "pyenv/versions/3.11.7/bin/python2.7")
        expected = program(path.parent / "pyenv/versions/2.7.18/bin/python2.7")
        assert find_python() == expected

    def test_in_pyenv_at_home(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PYENV_ROOT")
        monkeypatch.setenv("HOME", str(path.parent))
        expected = program(path.parent / ".pyenv/versions/2.7.18/bin/python2.7")
        assert find_python() == expected

    def test_nowhere(self, path: Path) -> None:
        assert find_python() is None


class TestSuite:
    def test_an_environment_that_is_ready_is_used_as_it_is(self, path: Path, tmp_path: Path) -> None:
        program(path / "python2.7")
        folder = ready(tmp_path / "environment")
        assert find_suite(folder)(tmp_path) == [str(folder / "suite/bin/wstest")]

    def test_docker_where_there_is_no_python(self, path: Path, tmp_path: Path) -> None:
        program(path / "docker")
        command = find_suite(tmp_path / "environment")(Path("/run"))
        assert command[:2] == ["docker", "run"]
        assert command[-2:] == [IMAGE, "wstest"]
        assert command[command.index("--volume") + 1] == "/run:/suite"

    def test_nothing_at_all(self, path: Path, tmp_path: Path) -> None:
        with pytest.raises(SuiteMissing, match=r"needs CPython 2\.7 .* or else a Docker engine"):
            find_suite(tmp_path / "environment")

    def test_no_compiler_and_an_engine_that_does_not_answer(self, path: Path, tmp_path: Path) -> None:
        program(path / "python2.7")
        program(path / "docker", status=1)
        with pytest.raises(SuiteMissing, match=r"needs a C compiler .* or else a Docker engine"):
            find_suite(tmp_path / "environment")


class TestMaking:
    @pytest.fixture
    def commands(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """The commands that are run, of which only the one that tries Python really is."""
        commands: list[list[str]] = []
        really = subprocess.run

        def run(command: list[str], **how: object) -> object:
            if command[1] == "-c":
                return really(command, **how)  # type: ignore[call-overload]
            commands.append([*map(str, command)])
            return None

        monkeypatch.setattr(environment, "run_pip", lambda *arguments: run(["pip", *arguments]))
        monkeypatch.setattr(subprocess, "run", run)
        return commands

    def test_the_environment_is_made_once(self, path: Path, tmp_path: Path, commands: list[list[str]]) -> None:
        python = program(path / "python2.7")
        program(path / "cc")
        folder = tmp_path / "environment"
        assert find_suite(folder)(tmp_path) == find_suite(folder)(tmp_path) == [str(folder / "suite/bin/wstest")]
        pip, virtualenv, install = commands
        assert pip == ["pip", "install", "--upgrade", "--target", str(folder / "virtualenv"), environment.VIRTUALENV]
        assert virtualenv[:3] == [sys.executable, "-m", "virtualenv"]
        assert virtualenv[-2:] == [str(python), str(folder / "suite")]
        assert install[0] == str(folder / "suite/bin/python")
        assert install[-2:] == ["-r", str(PINS)]

    def test_other_pins_make_it_anew(self, path: Path, tmp_path: Path, commands: list[list[str]]) -> None:
        program(path / "python2.7")
        program(path / "cc")
        folder = ready(tmp_path / "environment")
        with (folder / "made-by.txt").open("a") as made_by:
            made_by.write("more\n")
        find_suite(folder)
        assert len(commands) == 3


def test_every_pin_is_exact() -> None:
    lines = [line for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert "autobahntestsuite==25.10.1" in lines
    assert all(line.count("==") == 1 for line in lines)


def test_what_docker_writes_belongs_to_this_user() -> None:
    command = environment.docker_command(Path("/run"))
    assert command[command.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
