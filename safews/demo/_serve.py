"""The server of the demo."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterable

import uvicorn

import safews

from . import app

PING_INTERVAL = 1.0
"""Seconds between two pings: short, so that a connection need not be open for long to show a round trip."""

logger = logging.getLogger("uvicorn.error")


def origin(host: str, port: int) -> str:
    """Return the origin of a page that is served there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class DemoServer(uvicorn.Server):
    """Says where it is as soon as it answers there: uvicorn leaves that to whoever has made its socket."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, on the one socket that it is given."""
        await super().startup(sockets)
        (listener,) = sockets or []
        address = origin(self.config.host, listener.getsockname()[1])
        logger.info("The demo is at %s (press Ctrl+C to end it)", address)


def listen(host: str, port: int) -> socket.socket:
    """Return the socket for a server. Raises ``OSError`` where there can be none."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def serve(listener: socket.socket, host: str, protocol: type[safews.Protocol], origins: Iterable[str]) -> None:
    """Serve the demo to its own page and to those of ``origins``, until a signal comes."""
    # The origin of the page, under every name by which a browser on this machine may call it.
    own = {origin(name, listener.getsockname()[1]) for name in (host, "127.0.0.1", "::1", "localhost")}
    config = uvicorn.Config(
        app,
        host=host,
        ws=protocol.with_options(allowed_origins=[*sorted(own), *origins]),
        ws_ping_interval=PING_INTERVAL,
        lifespan="on",
        proxy_headers=False,
    )
    # After its shutdown uvicorn raises the signal again that has caused it.
    with contextlib.suppress(KeyboardInterrupt):
        DemoServer(config).run(sockets=[listener])
