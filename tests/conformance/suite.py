"""One run of the suite: its fuzzing client against a server, and what it has written."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.conformance.environment import Command

SECONDS = 3600.0
"""Within how many seconds a run ends. All cases take ten minutes, the quick set a third of one."""

AGENT = "safews"
"""What the suite's own reports call the server."""

Case = dict[str, Any]
"""The suite's report about a case."""


class SuiteFailed(Exception):
    """The suite has not come to its end; the text says why, and what it has printed."""


class Reports(NamedTuple):
    """What a run of the suite has found: its version, and its report about each case."""

    version: str
    cases: dict[str, Case]


def run_suite(wstest: Command, folder: Path, url: str, cases: Iterable[str], seconds: float = SECONDS) -> Reports:
    """Run cases of the suite against a server; its reports are put into a folder.

    Raises ``SuiteFailed`` where it does not come to its end in time.
    """
    spec = {"outdir": "reports", "servers": [{"agent": AGENT, "url": url}], "cases": list(cases)}
    (folder / "spec.json").write_text(json.dumps({**spec, "exclude-cases": [], "exclude-agent-cases": {}}))
    command = [*wstest(folder), "-m", "fuzzingclient", "-s", "spec.json"]
    printed = folder / "wstest.txt"
    with printed.open("w") as output:
        status = _status(command, folder, output, seconds)
    text = printed.read_text(encoding="utf-8", errors="replace")
    version = re.search(r"Autobahn Testsuite Version (\S+)", text)
    index = folder / "reports" / "index.json"
    if status != 0 or version is None or not index.exists():
        raise SuiteFailed(
            f"wstest has {f'ended with {status}' if status is not None else 'not ended in time'}:\n{text}"
        )
    return Reports(version[1], read_reports(index))


def _status(command: list[str], folder: Path, output: IO[str], seconds: float) -> int | None:
    """Run a command in a folder and return its exit status, or end it and return ``None`` if it takes too long."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


def read_reports(index: Path) -> dict[str, Case]:
    """Return the report about each case that the suite's index names."""
    found = json.loads(index.read_text(encoding="utf-8"))[AGENT]
    return {
        case: json.loads((index.parent / entry["reportfile"]).read_text(encoding="utf-8"))
        for case, entry in found.items()
    }
