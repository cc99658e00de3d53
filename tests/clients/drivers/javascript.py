"""What the clients in JavaScript share: ``session.mjs`` does what a session is asked for."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .base import Data, Ending, Rejected, Session

FOLDER = Path(__file__).parent.parent


class Remote(ABC):
    """Where the script runs."""

    @abstractmethod
    async def call(self, command: str, *values: Any) -> Any:
        """Let the script do something, and return the result. What the script waits for has a deadline."""


class JavaScriptSession(Session):
    """A connection of a script. It has one at a time."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def open(self, address: str, subprotocols: Sequence[str]) -> None:
        """Do the handshake."""
        answer = await self._remote.call("open", address, list(subprotocols))
        if "rejected" in answer:
            raise Rejected(answer["rejected"].get("status"), answer["rejected"].get("body", "").encode())
        self.subprotocol = answer["subprotocol"] or None
        self.extensions = answer["extensions"]

    async def send(self, *messages: Data) -> None:
        await self._remote.call("send", *map(encoded, messages))

    async def send_fragments(self, parts: Sequence[Data]) -> None:
        await self._remote.call("sendFragments", *map(encoded, parts))

    async def receive(self) -> Data:
        message = await self._remote.call("receive")
        return decoded(message)

    async def ping(self, payload: bytes) -> None:
        assert await self._remote.call("ping", payload.decode()) == payload.decode()

    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        return ending(await self._remote.call("close", code, reason))

    async def closed(self) -> Ending:
        return ending(await self._remote.call("closed"))


def encoded(message: Data) -> dict[str, str]:
    """A message in JSON."""
    return {"text": message} if isinstance(message, str) else {"base64": base64.b64encode(message).decode()}


def decoded(message: dict[str, str]) -> Data:
    """A message out of JSON."""
    return message["text"] if "text" in message else base64.b64decode(message["base64"])


def ending(close: dict[str, Any]) -> Ending:
    """A close event, which must be that of a closing handshake."""
    assert close["wasClean"], close
    return Ending(close["code"], close["reason"])
