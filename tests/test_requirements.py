from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from safews import _requirements
from safews._requirements import LOWEST, Unsupported, require
from tests.installed import DEADLINE, ROOT

Install = Callable[[str, str], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Let a package seem to be there in another version."""
    versions: dict[str, str] = {}
    real = importlib.metadata.version
    monkeypatch.setattr(_requirements, "version", lambda name: versions.get(name) or real(name))
    return versions.__setitem__


def test_the_bounds_are_those_that_pip_is_told() -> None:
    told = re.findall(r'^    "(\S+)>=(\S+)",$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert {name: ".".join(map(str, lowest)) for name, lowest in LOWEST.items()} == {
        name: bound for name, bound in told if name in ("h11", "uvicorn", "websockets", "wsproto")
    }


class TestRequire:
    def test_what_is_installed_here_will_do(self) -> None:
        require(*LOWEST)

    @pytest.mark.parametrize("version", ["0.36", "0.36.0", "0.36.1", "0.100", "1.0", "1", "0.36.0rc1", "0.37.dev1"])
    def test_the_bound_and_above(self, version: str, install: Install) -> None:
        install("uvicorn", version)
        require("uvicorn")

    @pytest.mark.parametrize("version", ["0.35", "0.35.99", "0.9", "0", "0.35.0.post1"])
    def test_below(self, version: str, install: Install) -> None:
        install("uvicorn", version)
        with pytest.raises(Unsupported, match=rf"^safews needs uvicorn 0\.36 or newer, found {re.escape(version)}$"):
            require("h11", "uvicorn")

    @pytest.mark.parametrize("error", [PackageNotFoundError("uvicorn"), None])
    def test_a_version_that_is_not_known(self, error: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in a program that was frozen without the metadata of its packages."""

        def version(name: str) -> str | None:
            if error is not None:
                raise error
            return None

        monkeypatch.setattr(_requirements, "version", version)
        require("uvicorn")

    def test_a_version_without_a_number(self, install: Install) -> None:
        install("uvicorn", "local")
        require("uvicorn")


def pretend(folder: Path, package: str, version: str) -> None:
    """Put the metadata of another version where they are found first."""
    metadata = folder / f"{package}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")


@pytest.mark.parametrize(
    ("ws", "package", "found", "needed"),
    [
        ("safews:Protocol", "uvicorn", "0.35.0", "0.36"),
        ("safews.wsproto:Protocol", "h11", "0.11.0", "0.12"),
        ("safews.websockets:Protocol", "websockets", "12.0", "13.0"),
        ("safews.wsproto:Protocol", "wsproto", "0.15.0", "1.0"),
    ],
)
def test_uvicorn_does_not_start(ws: str, package: str, found: str, needed: str, tmp_path: Path) -> None:
    pretend(tmp_path, package, found)
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "tests.conformance.app:app", "--ws", ws, "--port", "0"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"safews._requirements.Unsupported: safews needs {package} {needed} or newer, found {found}"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("check", "- uvicorn 0.35.0\n  safews needs 0.36 or newer: pip install --upgrade uvicorn\n"),
        ("demo", "Error: safews needs uvicorn 0.36 or newer, found 0.35.0\n"),
    ],
)
def test_the_commands_say_it_where_nothing_can_be_imported(command: str, said: str, tmp_path: Path) -> None:
    pretend(tmp_path, "uvicorn", "0.35.0")
    (tmp_path / "uvicorn.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "safews", command],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "SAFEWS_NO_ALIAS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 1
    assert (done.stdout + done.stderr).endswith(said)


def test_nothing_is_asked_at_the_import(tmp_path: Path) -> None:
    for package in LOWEST:
        pretend(tmp_path, package, "0.1.2")
    code = "import safews, safews.websockets, safews.wsproto; print(safews.Options(close_timeout=2).close_timeout)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    assert (done.stdout, done.stderr) == ("2.0\n", "")
