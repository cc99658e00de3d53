"""A client that connects and vanishes."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct

LINGER_NOT = struct.pack("ii", 1, 0)
"""The value of ``SO_LINGER`` by which closing a socket sends an RST."""


async def vanish(server: tuple[str, int], target: str) -> None:
    """Open a WebSocket to a server, then cut TCP with an RST, without a Close."""
    host, port = server
    reader, writer = await asyncio.open_connection(host, port)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    finally:
        writer.transport.abort()
