"""The figures of the runs: as data, as a table on the screen, and as ``docs/conformance.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.conformance.run import OURS, STOCK, Result, Target

WHAT = ["`--ws`", "`--loop`"]

COUNTED = [
    "Cases",
    "OK",
    "Informational",
    "Non-strict",
    "Failed",
    "Faulty ends",
    "Ends without Close",
    "Not as in our table",
    "Tracebacks",
]

PAGE = """\
<!-- `make conformance` writes this page. -->
# Conformance

[Autobahn|Testsuite](https://github.com/crossbario/autobahn-testsuite) is the customary judge of what speaks WebSocket:
a client that sends what RFC 6455 and RFC 7692 allow and what they forbid, and looks at what comes back.
`make conformance` runs it against an echo in a uvicorn of its own, by both codecs and on both event loops, and against
uvicorn's own implementations beside them. [Contributing](contributing.md) says what that needs.

These are the last whole runs of each. [data/conformance.json](data/conformance.json) has them with every verdict but OK
by case, and with the versions of all that took part.

## safews

{ours}

## uvicorn's own

{stock}

## What the columns say

- *OK*, *Informational*, *Non-strict* and *Failed* are the suite's verdicts. *Non-strict* is what it lets pass although
  something was lost: a message that came before a violation was not answered, or invalid text was noticed late.
- *Faulty ends* are connections in whose end the suite has found fault.
- *Ends without Close* are connections that the server has dropped without a Close frame, which the suite allows it in
  most cases.
- *Not as in our table*: where the suite leaves the server a choice, we do not. `tests/conformance/expected.txt` says
  for each case who begins to close and which code the server closes with; and every end must be clean.
- *Tracebacks* are those in the server's log. The log of safews may have nothing but a line when a connection is
  accepted and one when it is closed, as many as there are cases, with the close codes that the suite has seen.

## What is excepted

Nothing. Three cases are *informational* whatever a server does. What safews does there is in the table too:

- 7.1.6, a message of 256 KiB, another one, Close and a ping, back to back: Close 1000 comes back.
- 7.13.1 and 7.13.2, Close with the codes 5000 and 65535, of which no RFC speaks: Close 1002.
"""


Figures = Mapping[str, Any]


def figures(result: Result) -> dict[str, Any]:
    """Return what is counted of a run, and every case whose verdict is another than OK."""
    return {
        "ws": result.target.ws,
        "loop": result.target.loop,
        "suite": result.version,
        "seconds": round(result.seconds),
        "cases": len(result.cases),
        "verdicts": dict(result.verdicts),
        "not_ok": {name: case["behavior"] for name, case in result.cases.items() if case["behavior"] != "OK"},
        "wrong_closes": result.wrong_closes,
        "without_close": result.without_close,
        "off": len(result.off),
        "tracebacks": result.tracebacks,
    }


def table(runs: Iterable[Figures]) -> str:
    """Return the figures of runs as a table."""
    return _table([*WHAT, *COUNTED], ([*_what(run), *_counted(run)] for run in runs))


def page(runs: Mapping[Target, Figures]) -> str:
    """Return ``docs/conformance.md`` of the records of runs."""
    return PAGE.format(ours=_dated(runs[target] for target in OURS), stock=_dated(runs[target] for target in STOCK))


def latest(runs: Iterable[Figures]) -> dict[Target, Figures]:
    """Return the last of the recorded runs of each target."""
    return {Target(run["ws"], run["loop"]): run for run in runs}


def _dated(runs: Iterable[Figures]) -> str:
    rows = ([*_what(run), *_counted(run), run["date"][:10], run["commit"] or "a tree without git"] for run in runs)
    return _table([*WHAT, *COUNTED, "Run", "Commit"], rows)


def _what(run: Figures) -> list[str]:
    return [f"`{run['ws']}`", run["loop"]]


def _counted(run: Figures) -> list[str]:
    verdicts: Counter[str] = Counter(run["verdicts"])
    named = [verdicts.pop(verdict, 0) for verdict in ("OK", "INFORMATIONAL", "NON-STRICT")]
    ends = [run[name] for name in ("wrong_closes", "without_close", "off", "tracebacks")]
    return [str(count) for count in (run["cases"], *named, verdicts.total(), *ends)]


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
