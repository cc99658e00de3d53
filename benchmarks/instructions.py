"""Instructions of the processor for each message, counted by valgrind: ``make bench-instructions``.

No clock is read, so that a busy machine counts the same as an idle one. What is counted is what Python, the libraries
and the event loop do for a message (``driven``); the kernel, which is not seen, has its share in ``make bench``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import machine
from .driven import FLOOR
from .measure import Figure
from .plots import Panel, bars, write_picture
from .report import as_table, describe
from .scenarios import SCENARIOS
from .servers import PEERS, ROOT, Unavailable

RESULTS = Path(__file__).parent / "results"

PROTOCOLS = {
    "safews-websockets": "safews.websockets:Protocol",
    "safews-wsproto": "safews.wsproto:Protocol",
    "safews-websockets-compiled": "safews.websockets:Protocol",
    "safews-wsproto-compiled": "safews.wsproto:Protocol",
    "uvicorn-websockets-sansio": "websockets-sansio",
    "uvicorn-wsproto": "wsproto",
    FLOOR: FLOOR,
}
"""What can be driven, each as uvicorn's ``ws``; the names are those of the servers."""

ROUNDS = {
    "pipelined-32": 20,
    "lockstep-32": 60,
    "pipelined-4k": 20,
    "pipelined-1m": 4,
    "large-16m": 2,
    "fragments-16m": 2,
    "broadcast-500": 8,
    "broadcast-compressed-500": 8,
    "handshake": 15,
    "compressed-54": 20,
    "compressed-3500": 10,
}
"""How often each scenario is done, whose messages are many enough then for a steady figure."""

USUAL = ("pipelined-32", "lockstep-32", "handshake", "compressed-54", "compressed-3500", "broadcast-500")

REFERENCE = "uvicorn-websockets-sansio"

Counts = dict[str, dict[str, float]]
"""Instructions for each message, by scenario and protocol."""


def find_valgrind() -> str:
    """Return the path of valgrind; raise ``Unavailable`` if there is none."""
    found = shutil.which("valgrind")
    if found is None:
        raise Unavailable("instructions are counted by valgrind, which is not installed")
    return found


def valgrind_version() -> str:
    """Return valgrind's version."""
    result = subprocess.run([find_valgrind(), "--version"], capture_output=True, text=True, check=True)
    return result.stdout.strip()


def count(name: str, rounds: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """Yield a protocol's instructions for each message in scenarios that are done so often.

    Raises ``Unavailable`` where it is not installed.
    """
    peer = PEERS.get(name)
    if peer is not None:
        peer.versions()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "SAFEWS_DEFLATE_THRESHOLD": "0"}
    with tempfile.TemporaryDirectory() as folder:
        # The option is read when the process ends, which is how each of the forked ones has a file of its own.
        command = [
            *(find_valgrind(), "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/%p"),
            *(sys.executable, "-m", "benchmarks.driven", PROTOCOLS[name]),
            *(f"{scenario}:{many}" for scenario, many in rounds.items()),
        ]
        cwd = ROOT if peer is None else peer.folder
        result = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environ, check=False)
        if result.returncode:
            raise Unavailable(f"{name} fails: {result.stderr.strip()}")
        for line in result.stdout.splitlines():
            done = json.loads(line)
            few, many = (_read(Path(folder) / str(pid)) for pid in done["pids"])
            yield done["scenario"], (many - few) / done["messages"]


def _read(path: Path) -> int:
    found = re.search(r"^summary: (\d+)", path.read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def count_all(names: Collection[str], rounds: Mapping[str, int]) -> Counts:
    """Count everything; a protocol that is not installed is left out, and named on standard error."""
    counts: Counts = {scenario: {} for scenario in rounds}
    for name in names:
        try:
            for scenario, instructions in count(name, rounds):
                counts[scenario][name] = instructions
                print(f"{scenario} {name}: {instructions:,.0f}", file=sys.stderr)
        except Unavailable as exc:
            print(f"{name}: {exc}", file=sys.stderr)
    return counts


def as_markdown(facts: Mapping[str, Any], counts: Counts) -> str:
    """Return the table, and what is counted."""
    names = [name for name in PROTOCOLS if any(name in found for found in counts.values())]
    rows = [[name, *(_cell(found, name) for found in counts.values())] for name in names]
    parts = [
        "# Instructions",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        f"For each message, and times those of {REFERENCE}. {FLOOR} is the app with nothing around it.",
        "\n".join(as_table(["protocol", *counts], rows)),
        "\n".join(f"- {scenario}: {SCENARIOS[scenario].about}" for scenario in counts),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(found: Mapping[str, float], name: str) -> str:
    value, reference = found.get(name), found.get(REFERENCE)
    if value is None:
        return "-"
    return f"{value:,.0f}" + (f" ({value / reference:.2f})" if reference else "")


def write(facts: Mapping[str, Any], counts: Counts, folder: Path) -> str:
    """Write JSON, Markdown and a picture, and return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = as_markdown(facts, counts)
    named = {name for found in counts.values() for name in found}
    whole = {
        "facts": facts,
        "peers": describe(peer for peer in PEERS.values() if peer.name in named),
        "instructions": {
            scenario: {name: round(value) for name, value in found.items()} for scenario, found in counts.items()
        },
    }
    (folder / "instructions.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "instructions.md").write_text(text, encoding="utf-8")
    figure = Figure("instructions/message")
    panels = [Panel(name, SCENARIOS[name].about, figure, found) for name, found in counts.items() if found]
    if panels:
        write_picture(folder / "instructions.svg", bars(panels))
    return text


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=ROUNDS, metavar="NAME", help="may be repeated")
    parser.add_argument("--peer", action="append", choices=PROTOCOLS, metavar="NAME", help="may be repeated")
    parser.add_argument("--rounds", type=int, help="of each scenario")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the results: %(default)s")
    parsed = parser.parse_args(arguments)
    rounds = {name: parsed.rounds or ROUNDS[name] for name in parsed.scenario or USUAL}
    try:
        facts = {
            **machine.facts(),
            "valgrind": valgrind_version(),
        }
    except Unavailable as exc:
        print(exc, file=sys.stderr)
        return 1
    print(write(facts, count_all(parsed.peer or PROTOCOLS, rounds), parsed.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
