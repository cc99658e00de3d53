"""``python -m safews.demo``: serve the demo."""

from __future__ import annotations

import click
import uvicorn

import safews

from ._app import app


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 takes any free one."
)
def main(host: str, port: int) -> None:
    """Serve an echo over WebSocket, and a page to try it from a browser, whose address is printed."""
    uvicorn.run(app, host=host, port=port, ws=safews.Protocol, log_level="info")


if __name__ == "__main__":
    main()
