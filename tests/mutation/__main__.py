"""``python -m tests.mutation``: change the core, see what notices, and write ``docs/data/mutation.json``."""

from __future__ import annotations

import argparse
import platform
from datetime import datetime, timezone
from importlib.metadata import version

from tests.mutation import table
from tests.mutation.explained import EXPLAINED
from tests.mutation.run import run, survivors, verdicts
from tests.mutation.summary import Verdict, explain, merge, read, summarise, write
from tests.records import commit


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for, and report."""
    options = _parser().parse_args(argv)
    names = options.name + (survivors() if options.survivors else [])
    if not (options.report or options.table):
        run(names)
    return report(list(table.verdicts()) if options.table or not (names or options.report) else [])


def report(of_table: list[Verdict]) -> int:
    """Write the summary and name the survivors that nobody has explained; returns 1 if there are any."""
    summary = merge(read(), summarise([*of_table, *verdicts()], _made_with()))
    unexplained = explain(summary, EXPLAINED)
    write(summary)
    for survivor in unexplained:
        print(f"{survivor['function']}\n- {survivor['before']}\n+ {survivor['after']}\n")
    return int(bool(unexplained))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", nargs="*", help="mutmut's names of changes, with * (default: what is left to try)")
    parser.add_argument("--survivors", action="store_true", help="those that no test has noticed so far, again")
    parser.add_argument("--table", action="store_true", help="those to the table of the states")
    parser.add_argument("--report", action="store_true", help="try nothing, and write down what is known so far")
    return parser


def _made_with() -> dict[str, str]:
    """Return what the figures depend on."""
    packages = {name: version(name) for name in ("mutmut", "pytest", "websockets", "wsproto")}
    date = datetime.now(timezone.utc).date().isoformat()
    return {"date": date, "commit": commit(), "Python": platform.python_version(), **packages}


if __name__ == "__main__":
    raise SystemExit(main())
