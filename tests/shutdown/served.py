"""The application of the crowd: a way into each state, and a report of what every connection sent and was told.

It runs in the server's processes and writes into their working directory.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.failures.apps.worse_base import Receive, Send

ARRIVALS = Path("arrivals")
"""A byte for each connection that is where it is meant to be, from whatever process."""

REPORTS = "report-*.json"
"""One for each process that has ended its lifespan."""

SERVICE_RESTART = 1012
"""The close code of a shutdown."""

CHUNK = 64 * 1024
PAUSE = 0.2
"""Seconds between two messages of those who send on and on: they are to be in the way, not to take the machine."""

FULL = 0.2
"""Seconds after which a ``send`` that has not returned is said to wait for the peer."""

GOING_DOWN = asyncio.Event()
"""Set when the first connection is told so; an app that is in the midst of a denial is not."""


class Session:
    """One connection: ``sent`` messages, and the ``codes`` of the disconnects that it was told of."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.sent = 0
        self.codes: list[int] = []

    async def receive(self) -> dict[str, Any]:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            self.codes.append(event["code"])
            if event["code"] == SERVICE_RESTART:
                GOING_DOWN.set()
        return event

    async def say(self, type: str, **keys: Any) -> None:
        await self._send({"type": type, **keys})

    async def send(self, **data: str | bytes) -> None:
        """Send a message; it counts once ``send`` has returned."""
        await self.say("websocket.send", **data)
        self.sent += 1

    def arrived(self) -> None:
        with ARRIVALS.open("ab", buffering=0) as file:
            file.write(b".")

    async def accept(self) -> None:
        await self.receive()
        await self.say("websocket.accept")

    async def until_told(self) -> None:
        """Receive all there is: a disconnect, and another one if there were such a thing."""
        with suppress(OSError):
            while True:
                await self.receive()


async def connecting(session: Session) -> None:
    await session.receive()
    session.arrived()


async def open_(session: Session) -> None:
    await session.accept()
    session.arrived()


async def feeding(session: Session) -> None:
    """Send numbers on and on."""
    await session.accept()
    session.arrived()
    with suppress(OSError):
        while True:
            await session.send(text=str(session.sent))
            await asyncio.sleep(PAUSE)


async def echoing(session: Session) -> None:
    await session.accept()
    session.arrived()
    with suppress(OSError):
        while (event := await session.receive())["type"] == "websocket.receive":
            await session.send(text=event["text"])


async def filling(session: Session) -> None:
    """Send until the peer takes no more, and wait."""
    await session.accept()
    while True:
        sending = asyncio.ensure_future(session.send(bytes=str(session.sent).zfill(CHUNK).encode()))
        done, _ = await asyncio.wait([sending], timeout=FULL)
        if not done:
            break
    session.arrived()
    with suppress(OSError):
        await sending


async def denying(session: Session) -> None:
    """Begin a denial."""
    await session.receive()
    await session.say("websocket.http.response.start", status=403)
    await session.say("websocket.http.response.body", body=b"a part", more_body=True)
    session.arrived()


async def denying_on(session: Session) -> None:
    """Begin a denial, and complete it after all."""
    await denying(session)
    await GOING_DOWN.wait()
    await session.say("websocket.http.response.body", body=b" and the rest")


async def refusing(session: Session) -> None:
    await session.receive()
    await session.say("websocket.close")
    session.arrived()


async def closing(session: Session) -> None:
    await session.accept()
    await session.say("websocket.close", code=4001)
    session.arrived()


async def receiving_late(session: Session) -> None:
    """Leave the peer's Close in the queue."""
    await session.accept()
    await session.receive()
    session.arrived()
    await GOING_DOWN.wait()


async def staying(session: Session) -> None:
    """Never return."""
    await session.accept()
    session.arrived()
    await session.until_told()
    await asyncio.Event().wait()


STATES = {
    state.__name__.rstrip("_"): state
    for state in (
        connecting,
        open_,
        feeding,
        echoing,
        filling,
        denying,
        denying_on,
        refusing,
        closing,
        receiving_late,
        staying,
    )
}

SESSIONS: dict[str, Session] = {}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    session = SESSIONS[scope["path"]] = Session(receive, send)
    await STATES[scope["path"].split("/")[1]](session)
    await session.until_told()


async def lifespan(receive: Receive, send: Send) -> None:
    """Start with the server, and report at its end."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    report()
    await send({"type": "lifespan.shutdown.complete"})


def report() -> None:
    """Write down what the sessions of this process have seen."""
    seen = {path: {"sent": session.sent, "codes": session.codes} for path, session in SESSIONS.items()}
    Path(REPORTS.replace("*", str(os.getpid()))).write_text(json.dumps(seen))
