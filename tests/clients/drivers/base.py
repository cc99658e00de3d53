"""What the exchanges ask of a client, whichever it is."""

from __future__ import annotations

import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import ClassVar, NamedTuple

from tests.harness import LOOPS, Server
from tests.harness.server import tls_contexts

Data = str | bytes


class Can(Enum):
    """What not every client does or shows."""

    DEFLATE = auto()
    """It agrees on permessage-deflate, and inflates."""
    DEFLATE_SENDS = auto()
    """It deflates what it sends as well."""
    FRAGMENT = auto()
    LEAVE = auto()
    """It has a page, whose origin it sends, and which a user can leave."""
    PING = auto()
    SEND_BARE_CLOSE = auto()
    """It can send a Close without a code."""
    SHOW_ECHO_REASON = auto()
    """It shows the reason of the Close that answers its own."""
    SHOW_STATUS = auto()
    """It shows the status of an answer other than 101."""
    SHOW_BODY = auto()
    SHOW_CHUNKED_BODY = auto()


ALL = frozenset(Can)


class Ending(NamedTuple):
    """The Close that came from the server; ``reason`` is ``None`` where the client does not show it."""

    code: int
    reason: str | None


class Rejected(Exception):
    """The answer to the handshake was no 101. ``None`` stands for what the client does not show of it."""

    def __init__(self, status: int | None, body: bytes | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class Session(ABC):
    """An open connection, seen from its client."""

    subprotocol: str | None
    extensions: str
    """What was agreed on, in the client's words, which begin with the extension's name; ``""`` for nothing."""

    @abstractmethod
    async def send(self, *messages: Data) -> None:
        """Send messages, without waiting for anything between them."""

    @abstractmethod
    async def receive(self) -> Data:
        """Receive a message."""

    @abstractmethod
    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        """Send a Close, and return the one that answers it."""

    @abstractmethod
    async def closed(self) -> Ending:
        """Wait until the server closes."""

    async def send_fragments(self, parts: Sequence[Data]) -> None:
        """Send one message, each part in a frame of its own."""
        raise NotImplementedError

    async def ping(self, payload: bytes) -> None:
        """Send a Ping, and wait for the Pong that answers it."""
        raise NotImplementedError


class Driver(ABC):
    """A client, and what it can do."""

    name: ClassVar[str]
    can: ClassVar[frozenset[Can]] = ALL
    loops: ClassVar[Collection[str]] = LOOPS
    """The event loops to run it on: for a client with a thread or process of its own, one is enough."""

    def missing(self) -> str | None:
        """Say why the client cannot be run here."""
        return None

    @abstractmethod
    def connect(self, server: Server, subprotocols: Sequence[str]) -> AbstractAsyncContextManager[Session]:
        """Connect; in the end nothing is left of it. Raises ``Rejected``."""

    def end(self) -> None:  # noqa: B027
        """End the processes that were started for it, where there are any."""


def url(server: Server) -> str:
    """Where the server is."""
    return f"{'wss' if server.uvicorn.config.ssl else 'ws'}://localhost:{server.address[1]}/"


def client_tls(server: Server) -> ssl.SSLContext | None:
    """How to trust the server, where it has TLS."""
    return tls_contexts()[1] if server.uvicorn.config.ssl else None


def connected_socket(server: Server) -> socket.socket:
    """A connection for a client that, without being given one, may ask a proxy."""
    assert isinstance(server.address, tuple)
    return socket.create_connection(server.address)
