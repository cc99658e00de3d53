"""What the applications of the worst failures share: a lifespan, an answer to HTTP, and lines in the server's log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Session = Callable[[Receive, Send], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def say(line: str) -> None:
    """Write a line for the test to read."""
    print("app:", line, flush=True)


def serve(**sessions: Session) -> Application:
    """Make an application with a session for each path; each WebSocket is accepted, each HTTP request answered 204."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})
        else:
            await receive()
            await send({"type": "websocket.accept"})
            await sessions[scope["path"][1:]](receive, send)

    return app


async def lifespan(receive: Receive, send: Send) -> None:
    """Start and end with the server, and say so at the end."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("lifespan shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive: Receive, send: Send) -> None:
    """Send back every message."""
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
