"""``make test-all``: the suite on every Python that is found; ``make test-lowest``: with the oldest dependencies."""

from __future__ import annotations

import os
from itertools import chain
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
