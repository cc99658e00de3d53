"""A client and a server that are connected, and what each has to say of it in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.clients.drivers.base import Session
from tests.harness import App, Message, Server


class Exchange:
    """An accepted connection."""

    def __init__(self, server: Server, app: App, client: Session) -> None:
        self.server = server
        self.app = app
        self.client = client

    @property
    def received(self) -> list[Message]:
        """What the application has received since it accepted."""
        return self.app.calls[0].received[1:]

    async def record(self) -> logging.LogRecord:
        """Wait until the connection and the application have ended, by themselves; returns the close record.

        The closing handshake must be complete, and nothing else logged of the connection but that it was accepted.
        """
        await self.server.became_idle()
        accepted, record = [line for line in self.server.logs.records if '"WebSocket /"' in line.getMessage()]
        assert "[accepted]" in accepted.getMessage()
        assert vars(record)["websocket_close_clean"], record.getMessage()
        return record


Connected = Callable[..., AbstractAsyncContextManager[Exchange]]
"""What the fixture ``connected`` is: takes a script, the client's ``subprotocols``, and what ``serve`` takes."""
