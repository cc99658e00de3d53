"""What is off: in the suite's report about a case, in a whole run, in the server's log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from tests.conformance.expectations import Expectation
from tests.conformance.suite import Case

NO_STATUS = 1005
"""What stands in the log for a Close without a code."""

MOST_LINES = 20
"""How many unexpected lines of a log are shown."""

DEADLINES = ("wasOpenHandshakeTimeout", "wasCloseHandshakeTimeout", "wasServerConnectionDropTimeout")

LOGGED = re.compile(
    r"""INFO:\ +(?:
        (?:Started|Finished)\ server\ process\ \[\d+\]
        | Uvicorn\ running\ on\ http://\S+\ \(Press\ CTRL\+C\ to\ quit\)
        | Shutting\ down
        | 127\.0\.0\.1:\d+\ -\ "WebSocket\ /"\ \[(?:(?P<accepted>accepted)\]|closed\]\ (?P<code>\d+)\ .*)
    )""",
    re.VERBOSE,
)
"""Any line that the log of a server may have."""


def problems_of_run(cases: Mapping[str, Case], expectations: Mapping[str, Expectation]) -> dict[str, list[str]]:
    """Return what is off, by case: what was not run or not asked for too."""
    found = {case: ["was not run"] for case in expectations.keys() - cases.keys()}
    found |= {case: ["is not in the table"] for case in cases.keys() - expectations.keys()}
    for case in cases.keys() & expectations.keys():
        problems = list(problems_of_case(cases[case], expectations[case]))
        if problems:
            found[case] = problems
    return {case: found[case] for case in sorted(found, key=lambda case: [*map(int, case.split("."))])}


def problems_of_case(case: Case, expectation: Expectation) -> Iterator[str]:
    """Yield what the suite's report about a case has that is not expected."""
    if case["behavior"] != expectation.verdict:
        yield f"{case['behavior']}: {case['result']}"
    if case["behaviorClose"] != expectation.verdict:
        yield f"close {case['behaviorClose']}: {case['resultClose']}"
    if case["closedByMe"] != expectation.closed_by_suite:
        yield f"closed by the {'suite' if case['closedByMe'] else 'server'}"
    yield from _problems_of_close(case, expectation)
    if not case["wasClean"]:
        yield f"not clean: {case['wasNotCleanReason']}"
    for deadline in DEADLINES:
        if case[deadline]:
            yield deadline
    if case["failedByMe"] or case["droppedByMe"]:
        yield "the suite has given up"


def _problems_of_close(case: Case, expectation: Expectation) -> Iterator[str]:
    received = case["remoteCloseCode"], case["remoteCloseReason"]
    if expectation.code is not None:
        if received[0] != expectation.code:
            yield f"Close {received[0]}, not {expectation.code}"
        return
    sent = case["localCloseCode"], case["localCloseReason"]
    if received != sent:
        yield f"Close {received}, not an echo of {sent}"


def problems_of_log(log: str, cases: Mapping[str, Case]) -> Iterator[str]:
    """Yield what the server has logged that it should not, and where its lines are not about what the suite saw."""
    lines = [(line, LOGGED.fullmatch(line)) for line in log.splitlines()]
    unexpected = [line for line, match in lines if match is None]
    yield from (f"unexpected: {line}" for line in unexpected[:MOST_LINES])
    if len(unexpected) > MOST_LINES:
        yield f"{len(unexpected) - MOST_LINES} more unexpected lines"
    accepted = sum(match is not None and match["accepted"] is not None for _, match in lines)
    if accepted != len(cases):
        yield f"{accepted} connections accepted, not {len(cases)}"
    codes = Counter(int(match["code"]) for _, match in lines if match is not None and match["code"])
    seen = Counter(case["remoteCloseCode"] or NO_STATUS for case in cases.values())
    if codes != seen:
        yield f"close records of {dict(codes - seen)} that the suite has not seen, none of {dict(seen - codes)}"
