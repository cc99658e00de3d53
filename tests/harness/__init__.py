"""Tests against a real uvicorn, in the event loop of the test.

A test is a coroutine function; the fixture ``start`` (see ``conftest.py``) is ``serve`` with the protocol class and
the HTTP protocol at hand. The test acts as the application and as the peer by turns::

    from tests.harness import TEXT, App, Start

    async def test_an_accepted_connection_echoes(start: Start) -> None:
        app = App()
        async with start(app) as server, server.connect() as client:
            await client.request(b"/chat", [(b"Sec-WebSocket-Protocol", b"a")])
            call = await app.call()                      # the app was called: scope, receive, send
            await call.accept(subprotocol="a")
            response = await client.head()               # the 101, headers byte by byte
            assert response.one(b"sec-websocket-protocol") == b"a"
            await client.send_frame(TEXT, b"hello")      # or client.send(frame(TEXT, ..., rsv=4, fin=False))
            assert await call.receive() == {"type": "websocket.receive", "text": "hello"}
            await call.send("websocket.send", text="hello")
            await client.expect_text("hello")
            await client.send_close(4000, "bye")
            await call.disconnect(4000, "bye")           # just these keys
            await client.expect_close(4000, "bye")
            await client.expect_eof()
            await call.finish()                          # the app returns; finish(ValueError()) raises in it
        assert server.logs.infos                         # lines at info; also warnings, errors, tracebacks()

An application that must act in its own task is a script: ``App(echo)``, or any coroutine function of the ``Call``.
Leaving ``serve`` checks that nothing is left: connections, tasks, timers, unretrieved exceptions; and that as many
warnings and errors were logged as ``start(app, warnings=1, errors=1)`` announced, by default none. ``start`` takes
uvicorn's settings, ``tls=True``, ``uds=path``, and ``ws=protocol.with_options(close_timeout=0.1)``.

Every wait has a deadline. Nothing sleeps: ``eventually`` waits for what gives no sign, ``turns`` is for "nothing
happens" (with ``client.pending()``, what has arrived so far).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from .app import App, Call, Message, Scope, echo
from .client import ACCEPT, KEY, UPGRADE, Client, Headers, Response, upgrade_request
from .frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_frame, frame, masked, parse_frame
from .logs import Logs
from .loops import DEADLINE, LOOPS, UVLOOP_VERSION, eventually, run, turns, within
from .server import UVICORN_VERSION, Server, serve
from .wire import TLSWire, Wire

Start = Callable[..., AbstractAsyncContextManager[Server]]
"""What the fixture ``start`` is: ``serve`` with some of its keywords given."""

__all__ = [
    "ACCEPT",
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "DEADLINE",
    "KEY",
    "LOOPS",
    "PING",
    "PONG",
    "TEXT",
    "UPGRADE",
    "UVICORN_VERSION",
    "UVLOOP_VERSION",
    "App",
    "Call",
    "Client",
    "Frame",
    "Headers",
    "Logs",
    "Message",
    "Response",
    "Scope",
    "Server",
    "Start",
    "TLSWire",
    "Wire",
    "close_frame",
    "echo",
    "eventually",
    "frame",
    "masked",
    "parse_frame",
    "run",
    "serve",
    "turns",
    "upgrade_request",
    "within",
]
