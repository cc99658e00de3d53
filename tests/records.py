"""The raw results of long runs, kept beside the docs: a list of runs in a file, each with what it was a run of."""

from __future__ import annotations

import datetime
import json
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from tests.installed import ROOT

DATA = ROOT / "docs" / "data"


def record(name: str, packages: Iterable[str], result: dict[str, Any]) -> None:
    """Add a run to ``docs/data/NAME.json``: when it was, of which commit and with which packages, and its result."""
    run = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        **result,
    }
    path = DATA / f"{name}.json"
    lines = [json.dumps(run) for run in [*recorded(name), run]]
    path.parent.mkdir(exist_ok=True)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the runs that are kept under that name."""
    path = DATA / f"{name}.json"
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return runs


def commit() -> str:
    """Return the commit that last changed the package, and ``+`` if it has been changed since; nothing without git."""
    last = _git("log", "-1", "--format=%h", "--", "safews")
    return last + ("+" if last and _git("status", "--porcelain", "--", "safews") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
