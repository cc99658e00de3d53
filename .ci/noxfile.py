"""The suite in other environments than ``.venv``.

``make test-all``: all of it on every Python that is found; ``make test-lowest``: with the oldest dependencies;
``make test-uvicorn``: what touches uvicorn and the libraries, with many versions of them.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from itertools import chain, product
from pathlib import Path

import nox

ROOT = Path(__file__).parent.parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
EXTRAS = ".[gunicorn,metrics,uvloop]"
PYTEST = ("python", "-m", "pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")

nox.needs_version = ">=2024.10"
nox.options.sessions = ["tests"]
nox.options.envdir = str(ROOT / ".nox")
nox.options.error_on_missing_interpreters = False

# pyenv's own commands refuse to run any version that is not selected, so look at what it has installed.
pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join([*map(str, sorted(pyenv.glob("versions/3.*/bin"))), os.environ["PATH"]])


@nox.session(python=PYTHONS, download_python="never")
def tests(session: nox.Session) -> None:
    """The suite with the newest of each dependency."""
    session.chdir(ROOT)
    session.install("--editable", EXTRAS, *nox.project.dependency_groups(PROJECT, "dev"))
    session.run(*PYTEST, *session.posargs)


@nox.session(python=PYTHONS[0], download_python="never")
def lowest(session: nox.Session) -> None:
    """The suite with the oldest of each dependency that pyproject.toml allows."""
    session.chdir(ROOT)
    requirements = [*PROJECT["project"]["dependencies"], *chain(*PROJECT["project"]["optional-dependencies"].values())]
    oldest = [requirement.replace(">=", "==") for requirement in requirements]
    session.install("--editable", EXTRAS, *oldest, *nox.project.dependency_groups(PROJECT, "dev"))
    session.run(*PYTEST, *session.posargs)


# make test-uvicorn

LIBRARIES = ("websockets", "wsproto")
NEWER_PYTHON = "3.14"
"""Run where it is found, though nothing is promised for it."""

LOWEST = {name: bound for name, _, bound in (line.partition(">=") for line in PROJECT["project"]["dependencies"])}
OLDEST_MINOR = int(LOWEST["uvicorn"].split(".")[1])
NEWEST_MINOR = int(version("uvicorn").split(".")[1])
"""Of the uvicorn beside this nox, which ``make`` has installed: the newest there is."""

TOO_OLD = {"uvicorn": "0.35.0", "h11": "0.11.0", "websockets": "12.0", "wsproto": "0.15.0"}
"""The last release below each bound. ``tests/test_requirements.py`` has what is said of it."""

# What stands on uvicorn: the attributes of its classes, its handing over of a connection, its counting, its shutdown.
HANDSHAKE = ("h_accept", "h_refuse", "h_denial", "h_server", "h_early_frames")
END = ("c_peer_close", "c_app_ends", "c_network", "c_shutdown")
ON_UVICORN = ["tests/test_smoke.py", *(f"tests/contract/test_{name}.py" for name in HANDSHAKE + END)]
# What stands on the libraries: messages, which these tests have read in their lane too.
ON_LIBRARIES = [f"tests/contract/test_{name}.py" for name in ("o_receiving", "o_compressed")]


@nox.session(download_python="never")
def uvicorn(session: nox.Session) -> None:
    """Every minor release of uvicorn, on the Python that runs nox, with the newest of the rest."""
    prepare(session)
    for minor in range(OLDEST_MINOR, NEWEST_MINOR + 1):
        run_with(session, f"uvicorn==0.{minor}.*", tests=ON_UVICORN)


@nox.session(python=[*PYTHONS, NEWER_PYTHON], download_python="never")
def bounds(session: nox.Session) -> None:
    """The oldest and the newest of uvicorn with the oldest and the newest of the libraries."""
    prepare(session)
    oldest = [f"{name}=={LOWEST[name]}" for name in (*LIBRARIES, "h11")]
    uvicorns = [f"uvicorn=={LOWEST['uvicorn']}", f"uvicorn==0.{NEWEST_MINOR}.*"]
    for choice, libraries in product(uvicorns, (oldest, [*LIBRARIES, "h11"])):
        run_with(session, choice, *libraries, tests=ON_UVICORN + ON_LIBRARIES)


@nox.session(download_python="never")
def refused(session: nox.Session) -> None:
    """A release below each bound, which uvicorn must not start with."""
    session.chdir(ROOT)
    for package, too_old in TOO_OLD.items():
        session.install("--upgrade", "--editable", ".")
        session.install("--no-deps", f"{package}=={too_old}")
        session.run("python", "tests/refused.py", package, too_old, LOWEST[package])


def prepare(session: nox.Session) -> None:
    """Install what the suite needs."""
    session.chdir(ROOT)
    session.install("--editable", EXTRAS, *nox.project.dependency_groups(PROJECT, "dev"))


def run_with(session: nox.Session, *versions: str, tests: list[str]) -> None:
    """Run tests with some versions."""
    session.install("--upgrade", *versions)
    session.run(*PYTEST, *(session.posargs or tests))
