"""The client of picows that hands on frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import picows
from picows import WSCloseCode, WSFrame, WSMsgType, WSTransport

from tests.harness import Server

from .base import Can, Data, Driver, Ending, Rejected, Session, client_tls, url


class Pong(NamedTuple):
    """The answer to a Ping."""

    payload: bytes


Arrival = Data | Pong | Ending | None
"""What a frame says; ``None`` is the end of the connection."""


class Arrivals(picows.WSListener):
    """Keeps what arrives. Pings do not: picows answers them."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[Arrival] = asyncio.Queue()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Keep a frame."""
        self.queue.put_nowait(meaning(frame))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note the end."""
        self.queue.put_nowait(None)


def meaning(frame: WSFrame) -> Arrival:
    """Copy a frame's content: picows reuses the buffer."""
    assert frame.fin, "the server sends no fragments"
    if frame.msg_type == WSMsgType.CLOSE:
        return Ending(cast("int", frame.get_close_code()), frame.get_close_reason() or "")
    if frame.msg_type == WSMsgType.PONG:
        return Pong(frame.get_payload_as_bytes())
    if frame.msg_type == WSMsgType.TEXT:
        return frame.get_payload_as_utf8_text()
    assert frame.msg_type == WSMsgType.BINARY
    return frame.get_payload_as_bytes()


class PicowsSession(Session):
    """A connection of picows."""

    extensions = ""

    def __init__(self, transport: WSTransport, arrivals: Arrivals) -> None:
        self._transport = transport
        self._arrivals = arrivals
        self.subprotocol = transport.response.headers.get("Sec-WebSocket-Protocol")

    async def send(self, *messages: Data) -> None:
        for message in messages:
            await self.send_fragments([message])

    async def send_fragments(self, parts: Sequence[Data]) -> None:
        kind = WSMsgType.TEXT if isinstance(parts[0], str) else WSMsgType.BINARY
        for number, part in enumerate(parts, 1):
            self._transport.send(kind if number == 1 else WSMsgType.CONTINUATION, part, fin=number == len(parts))

    async def receive(self) -> Data:
        message = await self._arrivals.queue.get()
        assert isinstance(message, (str, bytes)), message
        return message

    async def ping(self, payload: bytes) -> None:
        self._transport.send_ping(payload)
        assert await self._arrivals.queue.get() == Pong(payload)

    async def close(self, code: int | None = None, reason: str = "") -> Ending:
        assert code is not None
        self._transport.send_close(WSCloseCode(code), reason)
        return await self._close()

    async def closed(self) -> Ending:
        close = await self._close()
        self._transport.send_close(WSCloseCode(close.code))
        return close

    async def _close(self) -> Ending:
        close = await self._arrivals.queue.get()
        assert isinstance(close, Ending), close
        return close


class Picows(Driver):
    """The client of picows that hands on frames."""

    name = "picows"
    can = frozenset({Can.FRAGMENT, Can.PING, Can.SHOW_ECHO_REASON, Can.SHOW_STATUS})

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        arrivals = Arrivals()
        headers = [("Sec-WebSocket-Protocol", ", ".join(subprotocols))] if subprotocols else []
        try:
            transport, _ = await picows.ws_connect(
                lambda: arrivals, url(server), ssl_context=client_tls(server), extra_headers=headers
            )
        except picows.WSInvalidStatusError as error:
            response: Any = error.response
            raise Rejected(response.status) from None
        try:
            yield PicowsSession(transport, arrivals)
        finally:
            transport.disconnect()
            await transport.wait_disconnected()
