"""``safews demo``, or ``python -m safews.demo``: serve the demo."""

from __future__ import annotations

import contextlib
import logging
import socket

import click
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


@click.command("demo", short_help="Serve a page that shows what safews does, case by case.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 takes any free one."
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Another origin that may connect, such as https://demo.example where a proxy serves the page there.",
)
def main(host: str, port: int, origins: tuple[str, ...]) -> None:
    """Serve a page that shows what safews does, case by case; its address is printed."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {origin(host, port)}: {error}") from None
    with listener:
        # The origin of the page, under every name by which a browser on this machine may call it.
        own = {origin(name, listener.getsockname()[1]) for name in (host, "127.0.0.1", "::1", "localhost")}
        try:
            protocol = safews.Protocol.with_options(allowed_origins=[*sorted(own), *origins])
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--origin") from None
        config = uvicorn.Config(
            app, host=host, ws=protocol, ws_ping_interval=PING_INTERVAL, lifespan="on", proxy_headers=False
        )
        # After its shutdown uvicorn raises the signal again that has caused it.
        with contextlib.suppress(KeyboardInterrupt):
            DemoServer(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
