"""``python -m tests.fuzz``: fuzz, say how much was tried, and keep what has shown something new."""

from __future__ import annotations

import argparse

from tests.fuzz.corpus import kept
from tests.fuzz.run import MAX_LENGTHS, WORK, fuzz, minimise
from tests.records import record

PACKAGES = ["atheris", "h11", "websockets", "wsproto"]


def main(argv: list[str] | None = None) -> int:
    """Run the targets one after the other; returns 1 if anything was found."""
    options = _parser().parse_args(argv)
    WORK.mkdir(parents=True, exist_ok=True)
    failed = False
    for target in options.target or MAX_LENGTHS:
        fuzzed = fuzz(target, options.seconds)
        failed |= fuzzed.failed
        print(fuzzed, flush=True)
        if options.keep and not fuzzed.failed:
            print(f"{target}: {minimise(target)} inputs are kept", flush=True)
        if options.record:
            record("fuzzing", PACKAGES, {**fuzzed.data(), "kept": len(kept(target))})
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--target", action="append", choices=MAX_LENGTHS, help="which to run (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--keep", action="store_true", help="then minimise the inputs and put them into corpus/")
    parser.add_argument("--record", action="store_true", help="add the figures to docs/data/fuzzing.json")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
