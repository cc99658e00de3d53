"""Where the suite comes from: CPython 2.7 with an environment of its own, or Docker."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.installed import ROOT, run_pip

FOLDER = ROOT / ".venv-autobahn"
PINS = Path(__file__).with_name("requirements.txt")
VIRTUALENV = "virtualenv==20.21.1"
"""The last one that can make an environment for CPython 2.7."""

IMAGE = "crossbario/autobahn-testsuite"

Command = Callable[[Path], list[str]]
"""What runs in a folder: returns the beginning of the command line of ``wstest`` there."""


class SuiteMissing(Exception):
    """The suite cannot be had here; the text says what to install."""


def find_suite(folder: Path = FOLDER) -> Command:
    """Return how to run the suite, whose environment is made in a folder if it is not there or not up to date.

    Raises ``SuiteMissing`` where there is neither CPython 2.7 with a C compiler nor a Docker engine.
    """
    python = find_python()
    compiler = shutil.which("cc")
    if python is not None and (compiler is not None or is_ready(folder)):
        wstest = make_environment(folder, python)
        return lambda _: [str(wstest)]
    if has_docker():
        return docker_command
    missing = "a C compiler (no cc on PATH)" if python else "CPython 2.7 (no python2.7 on PATH or in pyenv's versions)"
    raise SuiteMissing(f"Autobahn|Testsuite needs {missing}, or else a Docker engine (docker info fails)")


def find_python() -> Path | None:
    """Return CPython 2.7, wherever it is."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which("python2.7")
    # What pyenv itself puts on PATH refuses to run any version that is not selected.
    found = [*([Path(on_path)] if on_path else []), *sorted(pyenv.glob("versions/2.7*/bin/python2.7"), reverse=True)]
    return next(filter(runs, found), None)


def runs(python: Path) -> bool:
    """Say whether an interpreter starts."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False, timeout=30).returncode == 0


def is_ready(folder: Path) -> bool:
    """Say whether the environment has been made, by these pins."""
    made_by = folder / "made-by.txt"
    return made_by.exists() and made_by.read_text(encoding="utf-8") == PINS.read_text(encoding="utf-8")


def make_environment(folder: Path, python: Path) -> Path:
    """Make the environment of the suite where it is not ready, and return the suite's command."""
    folder.mkdir(exist_ok=True)
    suite = folder / "suite"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Let go of when the file is closed.
        if not is_ready(folder):
            print(f"Installing Autobahn|Testsuite into {suite}", flush=True)
            tool = folder / "virtualenv"
            run_pip("install", "--upgrade", "--target", tool, VIRTUALENV)
            make = [sys.executable, "-m", "virtualenv", "--quiet", "--clear", "--python", str(python), str(suite)]
            install = [str(suite / "bin" / "python"), "-m", "pip", "--quiet", "install", "-r", str(PINS)]
            subprocess.run(make, check=True, timeout=120, env={**os.environ, "PYTHONPATH": str(tool)})
            subprocess.run(install, check=True, timeout=900, stdin=subprocess.DEVNULL)
            shutil.copyfile(PINS, folder / "made-by.txt")
    return suite / "bin" / "wstest"


def has_docker() -> bool:
    """Say whether a Docker engine answers."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def docker_command(folder: Path) -> list[str]:
    """Return how to run the image of the suite; it reaches the loopback of this machine, and writes as this user."""
    mount = ["--volume", f"{folder}:/suite", "--workdir", "/suite"]
    user = ["--user", f"{os.getuid()}:{os.getgid()}"]
    return ["docker", "run", "--rm", "--network", "host", *mount, *user, IMAGE, "wstest"]
