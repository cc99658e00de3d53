"""wsproto, used by hand over asyncio's streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from wsproto import ConnectionType, WSConnection, events
from wsproto.connection import ConnectionState
from wsproto.extensions import PerMessageDeflate

from tests.harness import Server

from .base import ALL, Can, Data, Driver, Ending, Rejected, Session, client_tls

READ_SIZE = 65536


class WsprotoSession(Session):
    """A connection of wsproto."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._websocket = WSConnection(ConnectionType.CLIENT)

    async def open(self, request: events.Request) -> None:
        """Do the handshake."""
        await self._send(request)
        answer = await self._event()
        if isinstance(answer, events.RejectConnection):
            raise Rejected(answer.status_code, await self._body() if answer.has_body else b"")
        assert isinstance(answer, events.AcceptConnection), answer
        self.subprotocol = answer.subprotocol
        self.extensions = ", ".join(extension.name for extension in answer.extensions)

    async def send(self, *messages: Data) -> None:
        for message in messages:
            await self.send_fragments([message])

    async def send_fragments(self, parts: Sequence[Data]) -> None:
        kind: type[events.Message] = events.TextMessage if isinstance(parts[0], str) else events.BytesMessage
        for number, part in enumerate(parts, 1):
            await self._send(kind(part, message_finished=number == len(parts)))

    async def receive(self) -> Data:
        parts = []
        while True:
            event = await self._event()
            assert isinstance(event, events.Message), event
            parts.append(event.data)
            if event.message_finished:
                return type(event.data)().join(parts)

    async def ping(self, payload: bytes) -> None:
        await self._send(events.Ping(payload))
        assert await self._event() == events.Pong(payload)

    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        assert code is not None
        await self._send(events.CloseConnection(code, reason))
        echo = await self._close()
        return Ending(echo.code, echo.reason)

    async def closed(self) -> Ending:
        close = await self._close()
        await self._send(close.response())
        return Ending(close.code, close.reason)

    async def _close(self) -> events.CloseConnection:
        close = await self._event()
        assert isinstance(close, events.CloseConnection), close
        return close

    async def _body(self) -> bytes:
        body = b""
        while True:
            part = await self._event()
            assert isinstance(part, events.RejectData), part
            body += part.data
            if part.body_finished:
                return body

    async def _send(self, event: events.Event) -> None:
        self._writer.write(self._websocket.send(event))
        await self._writer.drain()

    async def _event(self) -> events.Event:
        """Wait for an event; a Ping is answered."""
        while True:
            for event in self._websocket.events():
                if not isinstance(event, events.Ping):
                    return event
                if self._websocket.state is ConnectionState.OPEN:  # Behind its own Close it may send nothing.
                    await self._send(event.response())
            self._websocket.receive_data(await self._reader.read(READ_SIZE) or None)


class Wsproto(Driver):
    """wsproto by hand."""

    name = "wsproto"
    can = ALL - {Can.LEAVE, Can.SEND_BARE_CLOSE}

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        reader, writer = await asyncio.open_connection("localhost", server.address[1], ssl=client_tls(server))
        try:
            session = WsprotoSession(reader, writer)
            extensions = [PerMessageDeflate()]
            await session.open(events.Request("localhost", "/", extensions=extensions, subprotocols=list(subprotocols)))
            yield session
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
