"""A client's socket with the control that tests need: half-close, reset, not reading; plain or TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import suppress

from .loops import DEADLINE, within

READ_SIZE = 65536


class Wire:
    """A connected, non-blocking socket. It reads when asked to and never otherwise, and waits for so many seconds."""

    def __init__(self, sock: socket.socket, deadline: float = DEADLINE) -> None:
        self.socket = sock
        self._deadline = deadline
        self._sending = asyncio.Lock()

    async def send(self, data: bytes) -> None:
        """Send all of ``data``, behind what another task of the test is sending."""
        async with self._sending:
            await within(asyncio.get_running_loop().sock_sendall(self.socket, data), self._deadline)

    async def receive(self) -> bytes:
        """Wait for data; ``b""`` at the end of the stream, ``ConnectionResetError`` on a reset."""
        return await within(asyncio.get_running_loop().sock_recv(self.socket, READ_SIZE), self._deadline)

    def sealed(self, data: bytes) -> bytes:
        """Return what goes over the network for ``data``; it must be sent, and before anything else."""
        return data

    def pending(self) -> bytes:
        """What has arrived so far, without waiting; ``b""`` also at the end of the stream."""
        try:
            return self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return b""

    def half_close(self) -> None:
        """Send FIN; reading goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both ways: FIN, or RST where data lies unread."""
        self.socket.close()

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class TLSWire(Wire):
    """The same over TLS. ``half_close`` ends TCP's half, without TLS's own close alert."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, deadline: float = DEADLINE) -> None:
        super().__init__(sock, deadline)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    async def handshake(self) -> None:
        """Do TLS's handshake."""
        while True:
            try:
                return self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._feed()
            finally:
                await self._flush()

    async def send(self, data: bytes) -> None:
        await super().send(self.sealed(data))

    def sealed(self, data: bytes) -> bytes:
        self.tls.write(data)
        return self._outgoing.read()

    async def receive(self) -> bytes:
        while True:
            try:
                return self.tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                await self._feed()
            except ssl.SSLZeroReturnError:
                return b""

    def pending(self) -> bytes:
        self._incoming.write(super().pending())
        try:
            return self.tls.read(READ_SIZE)
        except ssl.SSLWantReadError:
            return b""

    async def close_alert(self) -> None:
        """Send TLS's close alert, as a client does that ends TLS properly."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        await self._flush()

    async def _feed(self) -> None:
        await self._flush()
        data = await super().receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await super().send(self._outgoing.read())
