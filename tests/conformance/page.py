"""The figures of the runs: as a table on the screen, and as ``docs/conformance.md``."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version

import safews
from tests.conformance.run import OURS, Result
from tests.installed import ROOT

COLUMNS = [
    "`--ws`",
    "`--loop`",
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

{date}, {commit}: safews {safews}, uvicorn {uvicorn}, websockets {websockets}, wsproto {wsproto}, {python},
Autobahn|Testsuite {suite}.

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


def table(results: Iterable[Result]) -> str:
    """Return the figures of runs as a table."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> list[str]:
    verdicts = result.verdicts
    named = [verdicts.pop(verdict, 0) for verdict in ("OK", "INFORMATIONAL", "NON-STRICT")]
    ends = [result.wrong_closes, result.without_close, len(result.off), result.tracebacks]
    figures = [len(result.cases), *named, verdicts.total(), *ends]
    return [f"`{result.target.ws}`", result.target.loop, *map(str, figures)]


def page(results: Sequence[Result]) -> str:
    """Return ``docs/conformance.md``."""
    return PAGE.format(
        date=datetime.now(timezone.utc).date(),
        commit=commit(),
        safews=safews.__version__,
        **{name: version(name) for name in ("uvicorn", "websockets", "wsproto")},
        python=f"{platform.python_implementation()} {platform.python_version()}",
        suite=" and ".join(sorted({result.version for result in results})),
        ours=table(result for result in results if result.target in OURS),
        stock=table(result for result in results if result.target not in OURS),
    )


def commit() -> str:
    """Return what was tested, as git names it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "a tree without git"
    return f"commit {head}{' with changes' if _git('status', '--porcelain', '--', 'safews') else ''}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
