"""``python -m tests.soak``: hundreds of connections that behave in every way; then nothing may be left of them."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from tests.conftest import CODECS
from tests.harness import LOOPS
from tests.installed import ROOT
from tests.soak.load import Load
from tests.soak.run import Soak

SHOWN = 5
"""So many problems are printed."""


def main(argv: list[str] | None = None) -> int:
    """Run a soak, write its results beside those of other codecs and event loops; returns 1 if anything is wrong."""
    options = _parser().parse_args(argv)
    print(f"{options.codec} on {options.loop}, seed {options.seed}", flush=True)
    load = Load(options.connections, options.seconds, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        results = Soak(options.codec, options.loop, load).run(Path(folder))
    _write(options.output, f"{options.codec}-{options.loop}", results)
    shown = ("echoes", "log", "processor_seconds", "before", "after")
    print(json.dumps({name: results[name] for name in shown}, indent=2))
    print("\n".join(results["problems"][:SHOWN]) or "nothing is wrong")
    return int(bool(results["problems"]))


def _write(file: Path, name: str, results: dict[str, object]) -> None:
    runs = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_as_json({**runs, name: results}) + "\n", encoding="utf-8")


def _as_json(value: object, depth: int = 2) -> str:
    """Write a line for each value at some depth."""
    if not depth or not isinstance(value, dict):
        return json.dumps(value)
    lines = (f"{json.dumps(key)}: {_as_json(inner, depth - 1)}" for key, inner in value.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=500, help="at once (default: %(default)s)")
    parser.add_argument("--codec", choices=CODECS, default="websockets", help="default: %(default)s")
    parser.add_argument("--loop", choices=LOOPS, default="uvloop", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="by default another one each time")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "soak.json", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
