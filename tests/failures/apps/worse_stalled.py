"""Sends more than the kernel takes for a peer that does not read, and goes on in one way or another."""

from __future__ import annotations

from tests.failures.apps.worse_base import Receive, Send, echo, say, serve

LARGE = bytes(8 * 2**20)
"""A message of which most stays in the server."""


async def waits(receive: Receive, send: Send) -> None:
    """Wait for the end of the connection."""
    await send({"type": "websocket.send", "bytes": LARGE})
    event = await receive()
    say(f"told of {event['type']} {event['code']}")


async def closes(receive: Receive, send: Send) -> None:
    """Close the connection, and return."""
    await send({"type": "websocket.send", "bytes": LARGE})
    await send({"type": "websocket.close", "code": 4000})
    say("has closed")


async def sends(receive: Receive, send: Send) -> None:
    """Send on, until that fails."""
    try:
        while True:
            await send({"type": "websocket.send", "bytes": LARGE})
    except OSError as error:
        say(f"send raised {type(error).__name__}")
        raise


async def fills(receive: Receive, send: Send) -> None:
    """Send on in pieces, so that little more is held than the kernel's buffers."""
    while True:
        await send({"type": "websocket.send", "bytes": bytes(16 * 1024)})


app = serve(waits=waits, closes=closes, sends=sends, fills=fills, echo=echo)
