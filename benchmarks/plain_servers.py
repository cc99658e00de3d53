"""Servers that are no ASGI servers, on uvloop: ``python -m benchmarks.plain_servers picows echo --port 8000``."""

from __future__ import annotations

import argparse
import asyncio
from typing import ClassVar, cast

import uvloop

HOST = "127.0.0.1"


class RawEcho(asyncio.Protocol):
    """What TCP and the event loop cost alone: bytes go back as they came."""

    members: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, so that the client knows when it is served."""
        self.transport = cast("asyncio.Transport", transport)
        self.members.add(self.transport)
        self.transport.write(b"\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self.members.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class RawBroadcast(RawEcho):
    """The same, to all."""

    def data_received(self, data: bytes) -> None:
        """Send it to all."""
        for member in self.members:
            member.write(data)


async def serve_raw(arguments: argparse.Namespace) -> None:
    """Bytes over TCP."""
    protocol = RawBroadcast if arguments.app == "broadcast" else RawEcho
    await asyncio.get_running_loop().create_server(protocol, HOST, arguments.port)


async def serve_picows(arguments: argparse.Namespace) -> None:
    """The server of picows, which need not be installed for the others."""
    from .picows_server import serve

    await serve(arguments.app == "broadcast", HOST, arguments.port, arguments.ping_interval)


async def serve_websockets(arguments: argparse.Namespace) -> None:
    """The server of websockets."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    members: set[ServerConnection] = set()

    async def echo(connection: ServerConnection) -> None:
        members.add(connection)
        try:
            async for message in connection:
                if arguments.app == "broadcast":
                    broadcast(members, message)
                else:
                    await connection.send(message)
        finally:
            members.discard(connection)

    compression = "deflate" if arguments.compression else None
    await serve(
        echo, HOST, arguments.port, compression=compression, max_size=None, ping_interval=arguments.ping_interval
    )


SERVERS = {"raw": serve_raw, "picows": serve_picows, "websockets": serve_websockets}


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("app", choices=["echo", "broadcast"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--compression", action="store_true")
    parser.add_argument("--ping-interval", type=float)
    arguments = parser.parse_args()
    loop = uvloop.new_event_loop()
    loop.run_until_complete(SERVERS[arguments.server](arguments))
    loop.run_forever()


if __name__ == "__main__":
    main()
