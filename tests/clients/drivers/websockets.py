"""The clients of websockets, and the one that picows has made in the image of websockets' asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import picows.websockets
import pytest
from websockets import exceptions
from websockets.asyncio.client import connect as connect_asyncio
from websockets.sync.client import connect as connect_sync
from websockets.version import version

from tests.harness import DEADLINE, Server

from .base import ALL, Can, Data, Driver, Ending, Rejected, Session, client_tls, connected_socket, url

IS_RECENT = int(version.split(".")[0]) >= 15
"""Older ones read no chunked body, and their blocking client loses what it has not handed on when a Close comes."""

CLOSED = (exceptions.ConnectionClosed, picows.websockets.ConnectionClosed)
REJECTED = (exceptions.InvalidStatus, picows.websockets.InvalidStatus)


class AsyncioSession(Session):
    """A connection of an asyncio client."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.subprotocol = connection.subprotocol
        self.extensions = connection.response.headers.get("Sec-WebSocket-Extensions", "")

    async def send(self, *messages: Data) -> None:
        for message in messages:
            await self._connection.send(message)

    async def receive(self) -> Data:
        message: Data = await self._connection.recv()
        return message

    async def send_fragments(self, parts: Sequence[Data]) -> None:
        await self._connection.send(parts)

    async def ping(self, payload: bytes) -> None:
        await (await self._connection.ping(payload))

    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        await self._connection.close(code, reason)
        return await self.closed()

    async def closed(self) -> Ending:
        with pytest.raises(CLOSED) as caught:
            await self._connection.recv()
        close = cast("Any", caught.value).rcvd
        return Ending(close.code, close.reason or "")


class SyncSession(AsyncioSession):
    """A connection of the blocking client, in threads."""

    async def ping(self, payload: bytes) -> None:
        pong = await self._connection.ping(payload)
        assert await asyncio.to_thread(pong.wait, DEADLINE)


class InThreads:
    """A blocking object whose methods are awaited."""

    def __init__(self, blocking: object) -> None:
        self._blocking = blocking

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._blocking, name)
        if not callable(found):
            return found

        async def method(*arguments: object) -> object:
            return await asyncio.to_thread(found, *arguments)

        return method


@asynccontextmanager
async def connected(connecting: Awaitable[Any]) -> AsyncIterator[Any]:
    """Wait for a connection, and close it in the end."""
    try:
        connection = await connecting
    except REJECTED as error:
        response: Any = error.response
        raise Rejected(response.status_code, response.body) from None
    try:
        yield connection
    finally:
        await connection.close()


def arguments(server: Server, subprotocols: Sequence[str]) -> dict[str, Any]:
    """What all three take: of their settings, only what they must be told."""
    return {
        "uri": url(server),
        "sock": connected_socket(server),
        "ssl": client_tls(server),
        "subprotocols": subprotocols or None,
    }


class Websockets(Driver):
    """The asyncio client of websockets."""

    name = "websockets"
    can = ALL - {Can.LEAVE, Can.SEND_BARE_CLOSE} - (frozenset() if IS_RECENT else {Can.SHOW_CHUNKED_BODY})

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        async with connected(connect_asyncio(**arguments(server, subprotocols))) as connection:
            yield AsyncioSession(connection)


class WebsocketsSync(Driver):
    """The blocking client of websockets."""

    name = "websockets-sync"
    can = Websockets.can
    loops = ("uvloop",)

    def missing(self) -> str | None:
        return None if IS_RECENT else "the blocking client of this websockets loses messages at a Close"

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        def blocking() -> InThreads:
            return InThreads(connect_sync(**arguments(server, subprotocols)).__enter__())

        async with connected(asyncio.to_thread(blocking)) as connection:
            yield SyncSession(connection)


class PicowsWebsockets(Driver):
    """The client of picows that looks like the asyncio one of websockets."""

    name = "picows-websockets"
    can = Websockets.can - {Can.SHOW_BODY, Can.SHOW_CHUNKED_BODY}

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        async with connected(picows.websockets.connect(**arguments(server, subprotocols))) as connection:
            yield AsyncioSession(connection)
