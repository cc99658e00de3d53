"""A real uvicorn server in the event loop of the test."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trustme
import uvicorn

from .app import App
from .client import Client, Headers, Response
from .logs import Logs, captured
from .loops import DEADLINE, eventually, within
from .wire import TLSWire, Wire

UVICORN_VERSION = tuple(map(int, uvicorn.__version__.split(".")[:2]))
"""For what differs between the versions that the suite runs with."""


@functools.cache
def _certificates() -> tuple[trustme.CA, trustme.LeafCert]:
    authority = trustme.CA()
    return authority, authority.issue_cert("localhost")


@functools.cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make the TLS contexts of a server and of a client that trusts it, once."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate = _certificates()
    certificate.configure_cert(server)
    authority.configure_trust(client)
    return server, client


def write_certificate(file: Path) -> None:
    """Write the key and the certificate of the server, for one in another process."""
    _certificates()[1].private_key_and_cert_chain_pem.write_to_path(str(file))


class Server:
    """A running server: how to reach it, and what of it tests look at."""

    def __init__(self, server: uvicorn.Server, address: tuple[str, int] | str, logs: Logs) -> None:
        self.uvicorn = server
        self.address = address
        self.logs = logs
        self.state = server.server_state

    @property
    def protocol(self) -> Any:
        """The protocol object of the only connection."""
        (protocol,) = self.state.connections
        return protocol

    @property
    def idle(self) -> bool:
        """Whether no connection and no task of an application is left."""
        return not self.state.connections and not self.state.tasks

    async def became_idle(self, seconds: float = DEADLINE) -> None:
        """Wait until ``idle``."""
        await eventually(lambda: self.idle, seconds)

    async def shutdown(self, seconds: float = DEADLINE) -> None:
        """Shut the server down as uvicorn does it on a signal. Else ``serve`` does it in the end."""
        await within(self.uvicorn.shutdown(), seconds)

    @asynccontextmanager
    async def connect(
        self, *, receive_buffer: int | None = None, send_buffer: int | None = None
    ) -> AsyncIterator[Client]:
        """Connect, over TLS where the server has it; closed at the end.

        ``receive_buffer`` and ``send_buffer`` are ``SO_RCVBUF`` and ``SO_SNDBUF`` in bytes, which else grow.
        """
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        with socket.socket(family) as sock:
            sock.setblocking(False)
            set_buffers(sock, receive_buffer, send_buffer)
            await within(asyncio.get_running_loop().sock_connect(sock, self.address))
            if not self.uvicorn.config.ssl:
                yield Client(Wire(sock))
            else:
                wire = TLSWire(sock, tls_contexts()[1])
                await wire.handshake()
                yield Client(wire)

    @asynccontextmanager
    async def open(self, target: bytes = b"/", headers: Headers = ()) -> AsyncIterator[Client]:
        """Connect and do the handshake, which the application must accept by itself."""
        async with self.connect() as client:
            await client.open(target, headers)
            yield client

    async def get(self, target: bytes = b"/", headers: Headers = ()) -> Response:
        """Send an upgrade request that is not expected to succeed; returns the whole answer."""
        async with self.connect() as client:
            await client.request(target, headers)
            return await client.response()


@asynccontextmanager
async def serve(
    app: Any,
    *,
    ws: type[asyncio.Protocol],
    http: str = "httptools",
    tls: bool = False,
    errors: int | None = 0,
    warnings: int | None = 0,
    log_level: str = "info",
    send_buffer: int | None = None,
    receive_buffer: int | None = None,
    **config: Any,
) -> AsyncIterator[Server]:
    """Run uvicorn on a free port of the loopback interface (or ``uds=path``), in the running event loop.

    Further keywords are uvicorn's settings; ``lifespan`` is off unless given. ``send_buffer`` and ``receive_buffer``
    are ``SO_SNDBUF`` and ``SO_RCVBUF`` of the connections, in bytes. At the end the server must become idle, by itself
    or by its shutdown, and must leave nothing behind: no task, no timer (seen on asyncio's loop), and exactly so many
    log records at warning and at error as ``warnings`` and ``errors`` say (``None``: any number).
    """
    loop = asyncio.get_running_loop()
    tasks, timers = asyncio.all_tasks(), pending_timers(loop)
    settings = uvicorn.Config(
        app, ws=ws, http=http, log_config=None, log_level=log_level, **{"lifespan": "off", **config}
    )
    settings.load()
    settings.ssl = tls_contexts()[0] if tls else None
    server = uvicorn.Server(settings)
    with captured(logging.getLogger("uvicorn.error").level) as logs:
        listeners = None if settings.uds else [listen(receive_buffer, send_buffer)]
        server.lifespan = settings.lifespan_class(settings)
        await within(server.startup(sockets=listeners))
        await server.on_tick(0)  # Sets the default headers.
        running = Server(server, settings.uds or (listeners or [])[0].getsockname(), logs)
        try:
            yield running
        except BaseException:
            await stop(running, app)
            raise
        await stop(running, app)
        assert running.idle, (running.state.connections, running.state.tasks)
        await eventually(lambda: not asyncio.all_tasks() - tasks, 1)
        assert not pending_timers(loop) - timers, pending_timers(loop) - timers
        assert warnings in (None, len(logs.warnings)), logs.warnings
        assert errors in (None, len(logs.errors)), logs.errors


def listen(receive_buffer: int | None, send_buffer: int | None) -> socket.socket:
    """Bind a free port of the loopback interface."""
    listener = socket.socket()
    set_buffers(listener, receive_buffer, send_buffer)  # Connections inherit them.
    listener.bind(("127.0.0.1", 0))
    return listener


def set_buffers(sock: socket.socket, receive_buffer: int | None, send_buffer: int | None) -> None:
    """Fix the sizes of the kernel's buffers, in bytes, where given."""
    for option, size in ((socket.SO_RCVBUF, receive_buffer), (socket.SO_SNDBUF, send_buffer)):
        if size is not None:
            sock.setsockopt(socket.SOL_SOCKET, option, size)


async def stop(running: Server, app: object) -> None:
    """Wait a moment for the server to become idle by itself, then shut it down, unless the test has done so."""
    if isinstance(app, App):
        app.let_return()
    with suppress(AssertionError):  # Its shutdown ends what is left, or the checks that follow tell.
        await running.became_idle(1)
    server = running.uvicorn
    if any(listener.is_serving() for listener in server.servers):
        if running.idle:  # uvicorn's shutdown does just this then, after a fixed wait of 0.1 s.
            for listener in server.servers:
                listener.close()
            await within(server.lifespan.shutdown())
        else:
            await running.shutdown()


def pending_timers(loop: asyncio.AbstractEventLoop) -> set[asyncio.TimerHandle]:
    """The timers that will still fire. Only asyncio's loop shows them."""
    handles: list[asyncio.TimerHandle] = getattr(loop, "_scheduled", [])
    return {handle for handle in handles if not handle.cancelled()}
