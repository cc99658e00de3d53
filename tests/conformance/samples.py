"""Reports and logs like those of a run in which nothing is off, for tests to change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.conformance.environment import Command
from tests.conformance.expectations import Expectation
from tests.conformance.run import Result, Target
from tests.conformance.suite import Case

ECHOED = Expectation(closed_by_suite=True, code=None, verdict="OK")
REFUSED = Expectation(closed_by_suite=False, code=1002, verdict="OK")


def passed(**changes: Any) -> Case:
    """The suite's report about a case that the suite has closed with 1000."""
    return {
        "behavior": "OK",
        "behaviorClose": "OK",
        "result": "the result",
        "resultClose": "the result of the close",
        "closedByMe": True,
        "localCloseCode": 1000,
        "localCloseReason": None,
        "remoteCloseCode": 1000,
        "remoteCloseReason": None,
        "wasClean": True,
        "wasNotCleanReason": None,
        "wasOpenHandshakeTimeout": False,
        "wasCloseHandshakeTimeout": False,
        "wasServerConnectionDropTimeout": False,
        "failedByMe": False,
        "droppedByMe": False,
        **changes,
    }


def refused(**changes: Any) -> Case:
    """The suite's report about a case that the server has closed with 1002."""
    return passed(**{"closedByMe": False, "remoteCloseCode": 1002, "remoteCloseReason": "why", **changes})


def log_of(*codes: int) -> str:
    """The log of a server of which connections were closed with these codes, one after another."""
    who = 'INFO:     127.0.0.1:50000 - "WebSocket /"'
    connections = [f"{who} [accepted]\n{who} [closed] {code} name by peer, 0.1 s open, ping -" for code in codes]
    address = "Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)"
    first = ["INFO:     Started server process [1]", f"INFO:     {address}"]
    last = ["INFO:     Shutting down", "INFO:     Finished server process [1]"]
    return "".join(f"{line}\n" for line in [*first, *connections, *last])


def result_of(target: Target, **changes: Any) -> Result:
    """The result of a run of one case, in which nothing is off."""
    result = Result(target, "1.2.3", {"1.1.1": passed()}, {}, log_of(1000), [], 1.0)
    return result._replace(**changes)


WSTEST = """\
import json, pathlib, sys
from tests.conformance.samples import passed

assert sys.argv[1:-1] == ["-m", "fuzzingclient", "-s"]
spec = json.loads(pathlib.Path(sys.argv[-1]).read_text())
(server,) = spec["servers"]
reports = pathlib.Path(spec["outdir"])
reports.mkdir()
index = {}
for case in spec["cases"]:
    index[case] = {"reportfile": f"{case}.json"}
    (reports / f"{case}.json").write_text(json.dumps(passed(id=case)))
(reports / "index.json").write_text(json.dumps({server["agent"]: index}))
print("Fuzzing WebSocket Client (Autobahn Testsuite Version 1.2.3 / Autobahn Version 4.5.6)")
"""
"""A suite that finds nothing, since it looks at nothing."""


def wstest(folder: Path, script: str = WSTEST) -> Command:
    """A script to run instead of the suite; it is put into a folder."""
    file = folder / "wstest.py"
    file.write_text(f"import sys\nsys.path[:0] = {sys.path!r}\n{script}")
    return lambda _: [sys.executable, str(file)]
