"""The application's side of a connection: its task, and the ``receive`` and ``send`` it is called with."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from ._app_errors import ClientDisconnected, is_disconnect
from ._close import ClosedBy
from ._connection import Connection
from ._effects import Gone
from ._flow import WriteGate
from ._inbox import ReceiveEvent
from ._messages import Message, close_code_and_reason, message_type
from ._options import Options
from ._report import Report
from ._state import Input, State

Application = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[object]]

WORK_PER_TURN = 64
"""What one app may send and receive before others have a turn: messages, and every ``WORK_SIZE`` bytes as one more."""

WORK_SIZE = 4096

DROP_SECONDS = 5.0
"""How long ``after_disconnect="drop"`` lets an app send into the void."""


class Link(Protocol):
    """What the app's side needs of the network's."""

    def settle(self) -> None:
        """Carry out what the connection has decided."""

    def gather(self) -> None:
        """Write the output, together with what else comes in this turn of the event loop."""

    def notice_loss(self) -> None:
        """Tell the connection, if the transport has been lost already."""

    def update_reading(self) -> None:
        """Read from the peer, or do not, as the connection wants it."""


class App:
    """One call of the application. ``gate`` holds its senders back while the transport has too much output."""

    __slots__ = (
        "_close_timeout",
        "_connection",
        "_drop",
        "_gone_since",
        "_link",
        "_loop",
        "_report",
        "_work",
        "gate",
        "receivers",
        "task",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, link: Link, report: Report, options: Options
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._link = link
        self._report = report
        self._close_timeout = options.close_timeout
        self._drop = options.after_disconnect == "drop"
        self.receivers: deque[asyncio.Future[None]] = deque()
        self._gone_since: float | None = None
        self._work = 0
        self.gate = WriteGate(loop)
        self.task: asyncio.Task[None] | None = None

    # The task

    def start(self, app: Application, scope: Any, *, own_context: bool) -> asyncio.Task[None]:
        """Call the application in a task; in a context of its own if ``reset_contextvars`` asks for it."""
        run = self._run(app, scope)
        try:
            self.task = self._create_task(run, own_context)
        except BaseException:
            run.close()
            raise
        return self.task

    def _create_task(self, run: Coroutine[Any, Any, None], own_context: bool) -> asyncio.Task[None]:
        if not own_context:
            return self._loop.create_task(run)
        if sys.version_info >= (3, 11):
            return self._loop.create_task(run, context=contextvars.Context())
        return contextvars.Context().run(self._loop.create_task, run)

    async def _run(self, app: Application, scope: Any) -> None:
        connection = self._connection
        try:
            result = await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._report.cancelled()
            connection.cancelled()
            raise
        except BaseException as exc:
            self._report_failure(exc)
            connection.crashed()
            if not isinstance(exc, Exception) and not is_disconnect(exc):
                raise
        else:
            self._report_return(result)
            connection.returned()
        finally:
            self._link.settle()

    def _report_failure(self, exc: BaseException) -> None:
        record, state = self._connection.record, self._connection.state
        gone = state in (State.CLOSING, State.DRAINING, State.CLOSED)
        if gone and is_disconnect(exc):
            return
        if gone and (record is None or record.by is not ClosedBy.APP):
            self._report.failed_after_end(exc)
        else:
            self._report.failed(exc)

    def _report_return(self, result: object) -> None:
        state = self._connection.state
        if state is State.CONNECTING:
            self._report.not_answered()
        elif state is State.DENYING:
            self._report.denial_cut()
        elif result is not None:
            self._report.wrong_result(result)

    # receive

    async def receive(self) -> ReceiveEvent:
        """Return the next event (ASGI 2.4); raise ``ClientDisconnected`` once the disconnect has been delivered."""
        connection = self._connection
        if self._work >= WORK_PER_TURN:
            await self._give_way()
        events = connection.inbox.events
        while not events:
            if connection.record is not None:
                self._work += 1
                raise self._disconnected(Gone(connection.state, connection.record)) from None
            await self._wait_for_event()
        left = len(events) - 1
        event = connection.take()
        self._work += 1 + len(event.get("text") or event.get("bytes") or "") // WORK_SIZE
        # Nothing else has changed where half of the inbox is still there and nothing has come into it.
        if connection.inbox.is_low or len(events) != left or connection.effects:
            self._link.settle()
        return event

    async def _wait_for_event(self) -> None:
        receiver = self._loop.create_future()
        self.receivers.append(receiver)
        connection = self._connection
        connection.reader.waiting += 1
        if not connection.is_clear:
            self._link.update_reading()
        try:
            await receiver
        except BaseException:
            # Cancelled after it was woken: what it was woken for is for another.
            self._connection.reader.waiting -= 1
            self.receivers.remove(receiver)
            self.wake()
            raise
        self._connection.reader.waiting -= 1
        self.receivers.remove(receiver)

    def wake(self) -> None:
        """Wake as many receivers as there are events; all, if there will be no more."""
        connection = self._connection
        count = len(self.receivers) if connection.record is not None else len(connection.inbox.events)
        for receiver in self.receivers:
            if count <= 0:
                return
            count -= 1
            if not receiver.done():
                receiver.set_result(None)

    # send

    async def send(self, message: Message) -> None:
        """Send a message (ASGI 2.4).

        Waits while the transport has more output than it likes. Raises ``TypeError`` or ``ValueError`` for what is
        wrong with the message, ``RuntimeError`` for one that has no place in this state, ``ClientDisconnected`` once
        the client is gone.
        """
        if self._work >= WORK_PER_TURN:
            await self._give_way()
        if self.gate.is_busy:
            if message_type(message) == "websocket.close":
                await self._close(message)
            else:
                await self._send_in_turn(message)
        else:
            self._send(message)
        if self._work >= WORK_PER_TURN:
            await self._give_way()

    async def _send_in_turn(self, message: Message) -> None:
        async with self.gate:
            self._send(message)

    async def _close(self, message: Message) -> None:
        """Send a close, which needs no room, only its place behind what is to be sent before it.

        Where a peer that takes nothing keeps it from that for ``close_timeout``, the peer is given up.
        """
        if not self.gate.has_queue:
            self._send(message)
            return
        close_code_and_reason(message)
        overdue = self._loop.call_later(self._close_timeout, self._close_overdue, message)
        try:
            await self._send_in_turn(message)
        finally:
            overdue.cancel()

    def _close_overdue(self, message: Message) -> None:
        if self._connection.state in (State.OPEN, State.ENDING):
            self._connection.send(message)
            self._connection.timed_out(Input.CLOCK_CLOSE_TIMEOUT)
            self._link.settle()

    def _send(self, message: Message) -> None:
        connection = self._connection
        self._link.notice_loss()
        outbox = connection.outbox
        before = outbox.size
        try:
            connection.send(message)
        except Gone as gone:
            if not self._may_drop():
                self._work += 1
                raise self._disconnected(gone) from None
            self._work = WORK_PER_TURN
            return
        self._work += 1 + (outbox.size - before) // WORK_SIZE
        if connection.effects:
            self._link.settle()
        else:
            self._link.gather()

    def _may_drop(self) -> bool:
        """Say whether a message to nobody may be dropped: the app has not been told yet, nor had long to find out."""
        now = self._loop.time()
        if self._gone_since is None:
            self._gone_since = now
        told = self._connection.record is not None and not self._connection.inbox.events
        return self._drop and not told and now - self._gone_since < DROP_SECONDS

    async def _give_way(self) -> None:
        self._work = 0
        await asyncio.sleep(0)

    def begin_turn(self) -> None:
        """The event loop has had a turn: nothing is owed to others."""
        self._work = 0

    @staticmethod
    def _disconnected(gone: Gone) -> ClientDisconnected:
        return ClientDisconnected(str(gone), gone.code, gone.reason)
