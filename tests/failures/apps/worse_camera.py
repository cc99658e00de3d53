"""A camera that is read in a way that blocks: its loop awaits nothing but its sends."""

from __future__ import annotations

import asyncio
import time

from tests.failures.apps.worse_base import Receive, Send, echo, say, serve

FRAME = bytes(1024)
"""Small, so that a client that reads slowly for a while does not hold the app back."""

STARVED = 100
"""Frames in a row between which the event loop has had no turn."""


class Turns:
    """Counts frames, beginning anew at every turn of the event loop."""

    def __init__(self) -> None:
        self.frames = 0

    def count(self) -> int:
        """Count a frame; returns how many there were in this turn."""
        if not self.frames:
            asyncio.get_running_loop().call_soon(self._begin)
        self.frames += 1
        return self.frames

    def _begin(self) -> None:
        self.frames = 0


def blocking_read() -> bytes:
    """Wait for the next frame as a camera's driver does: with the whole thread."""
    time.sleep(0.002)
    return FRAME


async def camera(receive: Receive, send: Send) -> None:
    """Send frames for ever."""
    turns = Turns()
    try:
        while True:
            frame = blocking_read()
            await send({"type": "websocket.send", "bytes": frame})
            if turns.count() == STARVED:
                say(f"{STARVED} frames without a turn of the event loop")
    except OSError as error:
        say(f"camera ended with {type(error).__name__}")
        raise


app = serve(camera=camera, echo=echo)
