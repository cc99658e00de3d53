"""``python -m tests.soak``: hundreds of connections that behave in every way; then nothing may be left of them."""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

from tests.conftest import CODECS
from tests.harness import LOOPS
from tests.records import record
from tests.soak.load import Load
from tests.soak.run import Soak

PACKAGES = ["httptools", "uvicorn", "uvloop", "websockets", "wsproto"]

SHOWN = 5
"""So many problems are printed."""


def main(argv: list[str] | None = None) -> int:
    """Run a soak, and return 1 if anything is wrong."""
    options = _parser().parse_args(argv)
    print(f"{options.codec} on {options.loop}, seed {options.seed}", flush=True)
    load = Load(options.connections, options.seconds, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        results = Soak(options.codec, options.loop, load).run(Path(folder))
    if options.record:
        record("soak", PACKAGES, results)
    shown = ("echoes", "log", "memory_mib", "processor_seconds", "before", "after")
    print(json.dumps({name: results[name] for name in shown}, indent=2))
    print("\n".join(results["problems"][:SHOWN]) or "nothing is wrong")
    return int(bool(results["problems"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=500, help="at once (default: %(default)s)")
    parser.add_argument("--codec", choices=CODECS, default="websockets", help="default: %(default)s")
    parser.add_argument("--loop", choices=LOOPS, default="uvloop", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="by default another one each time")
    parser.add_argument("--record", action="store_true", help="add the figures to docs/data/soak.json")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
