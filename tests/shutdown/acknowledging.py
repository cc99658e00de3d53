"""The application of the rolling restart: it writes each message down, and only then acknowledges it.

It runs in processes that share a working directory, and so the two files there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from tests.failures.apps.worse_base import Receive, Send

KEPT = "kept"
"""The messages that have been written down."""

ACKNOWLEDGED = "acknowledged"
"""Those of them for which ``send`` has returned."""


def append(file: str, line: str) -> None:
    """Append a line, whole between those of others."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    with suppress(OSError):
        while (event := await receive())["type"] == "websocket.receive":
            append(KEPT, event["text"])
            await send({"type": "websocket.send", "text": event["text"]})
            append(ACKNOWLEDGED, event["text"])
