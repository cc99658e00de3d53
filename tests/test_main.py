from __future__ import annotations

import runpy
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from uvicorn import config

import safews
from safews import __main__ as main
from safews import _configure, _masking


def test_the_versions_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_uvloop(package: str) -> str:
        if package == "uvloop":
            raise PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(main, "version", no_uvloop)
    lines = list(main.report())
    assert lines[0] == f"safews {safews.__version__}"
    assert lines[1].endswith(sys.version.partition(" ")[0])
    assert f"uvicorn {version('uvicorn')}" in lines
    assert f"websockets {version('websockets')}" in lines
    assert "uvloop is not installed" in lines


@pytest.mark.parametrize("name", ["websockets", "wsproto"])
def test_the_codec_that_is_taken(name: _configure.CodecName, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = _configure.codec_class(name)
    monkeypatch.setattr(_configure, "codec_class", lambda _: codec)
    assert f"safews:Protocol uses the codec: {name}" in main.report()


@pytest.mark.parametrize(("active", "text"), [(True, "active"), (False, "not active")])
def test_the_masking_in_c(active: bool, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_masking, "C_MASKING", active)
    assert f"masking in C (websockets.speedups): {text}" in main.report()


def test_names_that_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _configure.HOMES.values():
        monkeypatch.setitem(config.WS_PROTOCOLS, name, f"{name}:Protocol")
    assert list(main.report())[-3:] == [f"uvicorn --ws {name}: registered" for name in _configure.HOMES.values()]


def test_names_that_are_not_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _configure.HOMES.values():
        monkeypatch.delitem(config.WS_PROTOCOLS, name, raising=False)
    assert list(main.report())[-3:] == [
        f"uvicorn --ws {name}: not registered, use {name}:Protocol" for name in _configure.HOMES.values()
    ]


def test_the_report_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "safews.__main__")
    runpy.run_module("safews", run_name="__main__")
    assert capsys.readouterr().out == "\n".join(main.report()) + "\n"


def test_the_command_succeeds() -> None:
    command = [sys.executable, "-m", "safews"]
    environ = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.startswith(f"safews {safews.__version__}\n")
    assert done.stderr == ""
