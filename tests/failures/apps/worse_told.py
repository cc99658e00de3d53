"""Says what events it gets."""

from __future__ import annotations

from tests.failures.apps.worse_base import Receive, Send, say, serve


async def told(receive: Receive, send: Send) -> None:
    """Receive until the disconnect."""
    event = await receive()
    while event["type"] == "websocket.receive":
        say(f"told of {event['text']}")
        event = await receive()
    say(f"told of the end by {event['code']}")


app = serve(told=told)
