"""Dash in the environment that ``make dash-env`` makes, and what its page says over its WebSocket."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.failures.server import ServerProcess, uvicorn
from tests.harness import TEXT, frame
from tests.installed import ROOT

PYTHON = ROOT / ".venv-dash" / "bin" / "python"
INSTALLED = pytest.mark.skipif(not PYTHON.exists(), reason="Dash is not installed: make dash-env")

PATH = "/_dash-ws-callback"

FAILED = "app failed after the client was gone: .*WebSocket is not connected"
UNAWAITED = "^Task exception was never retrieved"
PRINTED = "^Traceback .*WebSocketDisconnect"
"""What Dash itself prints of a callback that has failed."""


def dash(
    folder: Path, ws: str, loop: str, *, after_disconnect: str = "raise", pause: float = 0
) -> AbstractContextManager[ServerProcess]:
    """Run the dashboard; its callback reports all the time, or after a pause of so many seconds."""
    variables = {"SAFEWS_AFTER_DISCONNECT": after_disconnect, "PAUSE": str(pause)}
    return uvicorn(folder, "dashboard:app", ws, loop=loop, python=PYTHON, **variables)


def callback_request(number: int, output: str, component: str, prop: str) -> str:
    """Build what the page says to have a callback called: the one that sets ``children`` of ``output``."""
    payload = {
        "output": f"{output}.children",
        "outputs": {"id": output, "property": "children"},
        "inputs": [{"id": component, "property": prop, "value": number}],
        "changedPropIds": [f"{component}.{prop}"],
    }
    message = {"type": "callback_request", "rendererId": "page", "requestId": str(number), "payload": payload}
    return json.dumps(message)


WORK = callback_request(1, "result", "start", "n_clicks")
"""Begins a callback that reports its progress all the time."""

TICK = callback_request(2, "time", "clock", "n_intervals")
"""Calls another callback."""

TICKS = b"".join(frame(TEXT, callback_request(number, "time", "clock", "n_intervals").encode()) for number in (2, 3, 4))
"""Calls that one three times, as frames."""
