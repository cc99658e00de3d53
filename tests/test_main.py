"""The command line."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

import safews
from safews import __main__ as command
from safews._check import Finding

ROOT = Path(__file__).parent.parent
ENVIRON = {"PYTHONPATH": ":".join(sys.path)}


def invoke(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(command.main, arguments)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the check finds."""
    found = [Finding("safews 1.0"), Finding("uvloop is not installed")]
    monkeypatch.setattr(command, "findings", lambda: iter(found))
    return found


@pytest.mark.parametrize("arguments", [(), ("check",), ("demo",)])
def test_the_help_keeps_the_lines_of_its_commands(arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments, "--help")
    assert result.exit_code == 0
    assert "\\b" not in result.output
    assert any(line.startswith("      ") for line in result.output.splitlines())


class TestCheck:
    def test_all_is_well(self, found: list[Finding]) -> None:
        result = invoke("check")
        assert (result.exit_code, result.output) == (0, "safews 1.0\nuvloop is not installed\n\nAll is well.\n")

    def test_what_is_wrong_is_said_last(self, found: list[Finding]) -> None:
        found[1:] = [Finding("h11 0.1", "safews needs more"), Finding("and so on")]
        result = invoke("check")
        expected = "safews 1.0\nh11 0.1\nand so on\n\nNot well:\n- h11 0.1\n  safews needs more\n"
        assert (result.exit_code, result.output) == (1, expected)

    @pytest.mark.parametrize(("variable", "status"), [("5", 0), ("soon", 1)])
    def test_as_a_command(self, variable: str, status: int) -> None:
        argv = [sys.executable, "-m", "safews", "check"]
        environ = {**ENVIRON, "SAFEWS_CLOSE_TIMEOUT": variable, "SAFEWS_NO_ALIAS": "1"}
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (status, "")
        assert done.stdout.startswith(f"safews {safews.__version__}\n")
        assert ("SAFEWS_CLOSE_TIMEOUT='soon'" in done.stdout) == (status == 1)


class TestHelp:
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_it_says_how_to_use_safews_and_what_commands_there_are(self, option: str) -> None:
        result = invoke(option)
        assert result.exit_code == 0
        assert "uvicorn app:app --ws safews:Protocol\n" in result.output
        assert re.findall(r"^  (\w+)  +[A-Z]", result.output, flags=re.MULTILINE) == ["check", "demo"]
        assert "..." not in result.output.partition("Commands:")[2]

    def test_without_a_command_it_is_the_same(self) -> None:
        assert "Commands:" in invoke().output

    @pytest.mark.parametrize("name", ["check", "demo"])
    def test_of_each_command(self, name: str) -> None:
        result = invoke(name, "--help")
        assert result.exit_code == 0
        assert result.output.startswith(f"Usage: main {name} ")

    def test_nothing_is_wider_than_a_terminal(self) -> None:
        for arguments in [["--help"], ["check", "--help"], ["demo", "--help"]]:
            assert max(map(len, invoke(*arguments).output.splitlines())) <= 80

    def test_version(self) -> None:
        assert invoke("--version").output == f"safews, version {safews.__version__}\n"


class TestNames:
    def test_python_m(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["__main__.py", "--help"])
        monkeypatch.delitem(sys.modules, "safews.__main__")
        with pytest.raises(SystemExit) as caught:
            runpy.run_module("safews", run_name="__main__")
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith("Usage: safews [OPTIONS] COMMAND")

    def test_the_script_is_the_same(self) -> None:
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert '[project.scripts]\nsafews = "safews.__main__:main"\n' in text
        script = Path(sys.executable).parent / "safews"
        done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == f"safews, version {safews.__version__}\n"
