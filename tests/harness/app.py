"""The application of a test: driven step by step from the test itself, or a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .loops import DEADLINE, eventually, within

Message = dict[str, Any]
Scope = dict[str, Any]


class Call:
    """One call of the application: its scope, its ``receive`` and ``send``, what went through them, how it ended.

    The test may use ``receive`` and ``send`` itself: everything runs in one event loop. Both are bounded by
    ``DEADLINE``; give ``receive_event`` and ``send_event``, which are not, to what cancels or waits by itself.
    """

    def __init__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]):
        self.scope = scope
        self.received: list[Message] = []
        """What ``receive`` returned, in order."""
        self.errors: list[BaseException] = []
        """What ``receive`` and ``send`` raised, in order."""
        self.task = asyncio.current_task()
        self._receive = receive
        self._send = send
        self._verdict: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def receive_event(self) -> Message:
        """The application's ``receive``, noted in ``received`` or ``errors``; not bounded."""
        try:
            message: Message = await self._receive()
        except BaseException as error:
            self.errors.append(error)
            raise
        self.received.append(message)
        return message

    async def send_event(self, message: Message) -> None:
        """The application's ``send``, what it raises noted in ``errors``; not bounded."""
        try:
            await self._send(message)
        except BaseException as error:
            self.errors.append(error)
            raise

    async def receive(self) -> Message:
        """Receive one event."""
        return await within(self.receive_event())

    async def send(self, type: str, **keys: Any) -> None:
        """Send one event: ``await call.send("websocket.close", code=4000)``."""
        await within(self.send_event({"type": type, **keys}))

    async def connect(self) -> None:
        """Receive ``websocket.connect``."""
        assert await self.receive() == {"type": "websocket.connect"}

    async def accept(self, **keys: Any) -> None:
        """Receive ``websocket.connect``, send ``websocket.accept``."""
        await self.connect()
        await self.send("websocket.accept", **keys)

    async def disconnect(self, code: int, reason: str | None = None) -> None:
        """Receive ``websocket.disconnect`` with just this code and reason (``None``: no such key)."""
        expected: Message = {"type": "websocket.disconnect", "code": code}
        assert await self.receive() == (expected if reason is None else {**expected, "reason": reason})

    async def finish(self, result: object = None) -> None:
        """Let the application return, and wait until it has; a ``BaseException`` is raised instead."""
        self.let_return(result)
        await self.ended()

    def let_return(self, result: object = None) -> None:
        """Let the application return, unless it has been told how to end before."""
        if not self._verdict.done():
            self._verdict.set_result(result)

    async def ended(self) -> BaseException | None:
        """Wait until the call is over; returns what escaped from it."""
        return await within(asyncio.shield(self._ended))

    async def verdict(self) -> object:
        """What ``finish`` was given; the application's side of it."""
        result = await self._verdict
        if isinstance(result, BaseException):
            raise result
        return result


Script = Callable[[Call], Awaitable[object]]


class App:
    """An ASGI application that keeps its calls.

    With a ``script``, a coroutine function of the ``Call``, each call runs it. Without one a call does nothing until
    the test ends it by ``call.finish()``, or is over: then it returns.
    """

    def __init__(self, script: Script = Call.verdict) -> None:
        self.calls: list[Call] = []
        self._script = script

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> object:
        call = Call(scope, receive, send)
        self.calls.append(call)
        try:
            result = await self._script(call)
        except BaseException as error:
            call._ended.set_result(error)
            raise
        call._ended.set_result(None)
        return result

    async def call(self, index: int = 0, seconds: float = DEADLINE) -> Call:
        """Wait for a call of the application, by default the first."""
        await eventually(lambda: len(self.calls) > index, seconds)
        return self.calls[index]

    def let_return(self) -> None:
        """Let the calls return that no script runs."""
        for call in self.calls:
            call.let_return()


async def echo(call: Call) -> None:
    """A script: accept, send back every message, return on the disconnect."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    while (message := await call.receive_event())["type"] == "websocket.receive":
        await call.send_event({**message, "type": "websocket.send"})
