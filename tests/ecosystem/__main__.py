"""``python -m tests.ecosystem``: make the environments, run the tests, and write ``docs/ecosystem.md``."""

from __future__ import annotations

import argparse
import subprocess
import sys

from tests.ecosystem.environments import LIBRARIES, prepare, versions
from tests.ecosystem.frameworks import FRAMEWORKS, Framework
from tests.ecosystem.page import page
from tests.installed import ROOT
from tests.records import record, recorded

PAGE = ROOT / "docs" / "ecosystem.md"
DATA = "ecosystem"
PYTEST = ("-m", "pytest", "-n", "2", "--dist", "load")


def main(argv: list[str] | None = None) -> int:
    """Run the tests and return pytest's exit status. What a whole run has passed with is recorded."""
    options = _parser().parse_args(argv)
    chosen = [framework for framework in FRAMEWORKS if framework.name in (options.only or _names())]
    for framework in chosen:
        print(f"Preparing {framework.name}", flush=True)
        prepare(framework)
    if options.environments:
        return 0
    tests = ["tests/ecosystem", *(["-k", " or ".join(options.only)] if options.only else [])]
    status = subprocess.run([sys.executable, *PYTEST, *tests], cwd=ROOT, check=False).returncode
    if status == 0 and chosen == [*FRAMEWORKS]:
        record(DATA, (), {"libraries": versions(chosen[0].python, LIBRARIES), "frameworks": _versions(chosen)})
        PAGE.write_text(page(recorded(DATA)[-1]), encoding="utf-8")
    return status


def _versions(frameworks: list[Framework]) -> dict[str, dict[str, str]]:
    return {framework.name: versions(framework.python, framework.packages) for framework in frameworks}


def _names() -> list[str]:
    return [framework.name for framework in FRAMEWORKS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.ecosystem", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=_names(), metavar="NAME", help=f"of {', '.join(_names())}")
    parser.add_argument("--environments", action="store_true", help="make the environments, and run nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
