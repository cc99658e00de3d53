"""Inputs that are kept: one file for each target, one input a line, in hexadecimal digits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

KEPT = Path(__file__).with_name("corpus")
WORK = Path(__file__).parents[2] / "build" / "fuzz"
"""What the runs write: inputs, finds and logs."""


def kept(target: str) -> list[bytes]:
    """Return the inputs that are kept for a target."""
    path = KEPT / f"{target}.txt"
    return [bytes.fromhex(line) for line in path.read_text(encoding="ascii").split()] if path.exists() else []


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs, shortest first, and no others."""
    lines = [data.hex() for data in sorted(set(inputs), key=lambda data: (len(data), data)) if data]
    (KEPT / f"{target}.txt").write_text("\n".join([*lines, ""]), encoding="ascii")


def spread(inputs: Iterable[bytes], folder: Path) -> None:
    """Write inputs as libFuzzer wants them: a file each, named by its content."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def gathered(folder: Path) -> list[bytes]:
    """Return the inputs of a folder."""
    return [path.read_bytes() for path in folder.iterdir()]
