"""A virtual environment for each framework, with its current release."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.ecosystem.frameworks import Framework
from tests.installed import make_environment, run_pip

INSTALL_SECONDS = 600

LIBRARIES = ("uvicorn", "websockets", "wsproto", "h11", "uvloop")
"""What safews itself stands on, of which each environment has the same."""

_VERSIONS = "import importlib.metadata, json, sys; print(json.dumps([*map(importlib.metadata.version, sys.argv[1:])]))"


def prepare(framework: Framework) -> None:
    """Make the environment if it is not there, and bring it to the current releases."""
    if framework.environment:
        return
    if not framework.python.exists():
        make_environment(framework.folder)
    install = ["install", "--upgrade", "--upgrade-strategy", "eager", "--editable", ".[uvloop]", "httptools"]
    run_pip("--python", framework.python, *install, *framework.requirements, seconds=INSTALL_SECONDS)


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages in an environment."""
    command = [str(python), "-c", _VERSIONS, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(zip(packages, json.loads(done.stdout), strict=True))
