"""The client of aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import WSMsgType

from tests.harness import Server

from .base import ALL, Can, Data, Driver, Ending, Rejected, Session, client_tls, url

DEFLATE_BITS = 15
"""The window that aiohttp offers, as a power of two in bytes; by default it offers no compression."""


class AiohttpSession(Session):
    """A connection of aiohttp. It must answer Pings itself: else aiohttp keeps the Pongs to itself as well."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self.subprotocol = connection.protocol
        self.extensions = "permessage-deflate" if connection.compress else ""

    async def send(self, *messages: Data) -> None:
        for message in messages:
            if isinstance(message, str):
                await self._connection.send_str(message)
            else:
                await self._connection.send_bytes(message)

    async def _frame(self, *expected: WSMsgType) -> aiohttp.WSMessage:
        while (message := await self._connection.receive()).type is WSMsgType.PING:
            await self._connection.pong(message.data)
        assert message.type in expected, message
        return message

    async def receive(self) -> Data:
        data: Data = (await self._frame(WSMsgType.TEXT, WSMsgType.BINARY)).data
        return data

    async def ping(self, payload: bytes) -> None:
        await self._connection.ping(payload)
        pong = await self._frame(WSMsgType.PONG)
        assert pong.data == payload

    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        assert code is not None
        await self._connection.close(code=code, message=reason.encode())
        assert self._connection.close_code is not None
        return Ending(self._connection.close_code, None)

    async def closed(self) -> Ending:
        close = await self._frame(WSMsgType.CLOSE)
        return Ending(close.data, close.extra)


class Aiohttp(Driver):
    """The client of aiohttp."""

    name = "aiohttp"
    can = ALL - {
        Can.FRAGMENT,
        Can.LEAVE,
        Can.SEND_BARE_CLOSE,
        Can.SHOW_ECHO_REASON,
        Can.SHOW_BODY,
        Can.SHOW_CHUNKED_BODY,
    }

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        async with aiohttp.ClientSession() as session:
            try:
                connection = await session.ws_connect(
                    url(server),
                    protocols=subprotocols,
                    autoping=False,
                    compress=DEFLATE_BITS,
                    ssl=client_tls(server) or True,
                )
            except aiohttp.WSServerHandshakeError as error:
                raise Rejected(error.status) from None
            async with connection:
                yield AiohttpSession(connection)
