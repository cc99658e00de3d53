"""The application's side of a connection: its task, and the ``receive`` and ``send`` it is called with."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, cast

from ._app_errors import ClientDisconnected, is_disconnect
from ._close import ClosedBy
from ._connection import Connection
from ._effects import Gone
from ._flow import WriteGate
from ._inbox import ReceiveEvent
from ._messages import Message, close_code_and_reason, message_type, sent_data
from ._options import Options
from ._output import FLUSH_SIZE
from ._report import Report
from ._state import CLOCK_CLOSE_TIMEOUT, CLOSED, CLOSING, CONNECTING, DENYING, DRAINING, ENDING, OPEN, State
from ._statistics import LEDGER
from ._turn import turn_of

Application = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[object]]

WORK_PER_TURN: Final = 64
"""What one app may send and receive before others have a turn: messages, and every ``WORK_SIZE`` bytes as one more."""

WORK_SIZE: Final = 4096

SHORT_TURN: Final = 0.0005
"""Seconds: in a turn that has taken less, an app may do more. What it sends goes out in fewer system calls then."""

WORK_PER_SHORT_TURN: Final = 3 * WORK_PER_TURN

DROP_SECONDS = 5.0
"""How long ``after_disconnect="drop"`` lets an app send into the void."""


class Link(Protocol):
    """What the app's side needs of the network's."""

    transport: asyncio.Transport

    def settle(self) -> None:
        """Carry out what the connection has decided."""

    def gather(self) -> None:
        """Write the output, together with what else comes in this turn of the event loop."""

    def notice_loss(self) -> None:
        """Tell the connection, if the transport has been lost already."""

    def update_reading(self) -> None:
        """Read from the peer, or do not, as the connection wants it."""


class _NoLink:
    """A network's side that is over: what can still be called of it by then, and nothing follows from that."""

    def settle(self) -> None:
        pass

    def notice_loss(self) -> None:
        pass


_NO_LINK: Final = _NoLink()


class App:
    """One call of the application. ``gate`` holds its senders back while the transport has too much output."""

    __slots__ = (
        "_clock",
        "_close_timeout",
        "_connection",
        "_drop",
        "_gone_since",
        "_inbox",
        "_link",
        "_loop",
        "_outbox",
        "_report",
        "_since",
        "_spent",
        "_turn",
        "_turn_began",
        "_work",
        "gate",
        "task",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        link: Link,
        report: Report,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        # uvloop's own stands still during a turn.
        self._clock = clock
        self._connection = connection
        self._inbox = connection.inbox
        self._outbox = connection.outbox
        self._link = link
        self._report = report
        self._close_timeout = options.close_timeout
        self._drop = options.after_disconnect == "drop"
        self._gone_since: float | None = None
        self._work = 0
        self._turn = turn_of(loop)
        self._since = self._turn.number
        # Of this turn: what was done until it was last counted anew, and when it began.
        self._spent = 0
        self._turn_began = 0.0
        self.gate = WriteGate(loop)
        self.task: asyncio.Task[None] | None = None

    def part(self) -> None:
        """Let go of the network's side, which is over. Whoever has kept ``receive`` or ``send`` may still call them."""
        self._link = cast("Link", _NO_LINK)
        # What it was cancelled by, a task keeps with all that was called then.
        self.task = None

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
            connection.cancelled()
            self._report.cancelled()
            raise
        except BaseException as exc:
            self._report_failure(exc, connection.crashed())
            if not isinstance(exc, Exception) and not is_disconnect(exc):
                raise
        else:
            self._report_return(result, connection.returned())
        finally:
            self._link.settle()

    def _report_failure(self, exc: BaseException, state: State) -> None:
        """Report what the app has raised in a state."""
        record = self._connection.record
        gone = state in (CLOSING, DRAINING, CLOSED)
        if gone and is_disconnect(exc):
            return
        if gone and (record is None or record.by is not ClosedBy.APP):
            self._report.failed_after_end(exc)
        else:
            self._report.failed(exc)

    def _report_return(self, result: object, state: State) -> None:
        """Report what is wrong with the app's return in a state, if anything is."""
        if state is CONNECTING:
            self._report.not_answered()
        elif state is DENYING:
            self._report.denial_cut()
        elif result is not None:
            self._report.wrong_result(result)

    # receive

    async def receive(self) -> ReceiveEvent:
        """Return the next event (ASGI 2.4); raise ``ClientDisconnected`` once the disconnect has been delivered."""
        inbox = self._inbox
        if self._work >= WORK_PER_TURN:
            await self._give_way()
        while not inbox.events:
            connection = self._connection
            if connection.record is not None:
                self._work += 1
                raise self._disconnected(Gone(connection.state, connection.record)) from None
            receiver = self._loop.create_future()
            inbox.receivers.append(receiver)
            if inbox.reserve:
                self._link.update_reading()
            try:
                await receiver
            except BaseException:
                # Cancelled after it was woken: what it was woken for is for another.
                inbox.receivers.remove(receiver)
                self.wake()
                raise
            inbox.receivers.remove(receiver)
        if len(inbox.events) > inbox.reserve:
            # It has been read already, and nothing more is read for it: its bytes need not be counted.
            self._work += 1
            return inbox.take()
        event = self._connection.take()
        self._work += 1 + len(event.get("text") or event.get("bytes") or "") // WORK_SIZE
        self._link.settle()
        return event

    def wake(self) -> None:
        """Wake as many receivers as there are events; all, if there will be no more."""
        receivers = self._inbox.receivers
        if self._connection.record is None:
            receivers = receivers[: len(self._inbox.events)]
        for receiver in receivers:
            if not receiver.done():
                receiver.set_result(None)

    # send

    async def send(self, message: Message) -> None:
        """Send a message (ASGI 2.4).

        Waits while the transport has more output than it likes. Raises ``TypeError`` or ``ValueError`` for what is
        wrong with the message, ``RuntimeError`` for one that has no place in this state, ``ClientDisconnected`` once
        the client is gone.
        """
        outbox = self._outbox
        before = outbox.size
        if (
            # (OPEN, APP_SEND) of the table: the state stays as it is.
            self._connection.state is OPEN
            and type(message) is dict
            and message.get("type") == "websocket.send"
            and not self.gate.is_busy
            # Where something is gathered already, the transport was there in this turn.
            and (before or not self._link.transport.is_closing())
        ):
            text = message.get("text")
            self._work += 1
            try:
                outbox.put_message(text if type(text) is str and message.get("bytes") is None else sent_data(message))
            except (TypeError, ValueError):
                # An app that ignores the exceptions it gets may have no other place to wait.
                if self._work >= WORK_PER_TURN:
                    await self._give_way()
                raise
            if outbox.size >= FLUSH_SIZE:
                self._work += outbox.size // WORK_SIZE
                self._link.gather()
            elif not before:
                self._link.gather()
                turn = self._turn.number
                if self._since != turn:
                    # In another turn than that in which the counting began it begins anew.
                    self._since = turn
                    self._work = 1
                    return
        else:
            await self._send_with_care(message)
        if self._work >= WORK_PER_TURN:
            await self._give_way()

    async def _send_with_care(self, message: Message) -> None:
        """Send what may have to wait, or to be refused, or may have more consequences than a message."""
        if not self.gate.is_busy:
            if self._work >= WORK_PER_TURN:
                await self._give_way()
            self._send(message)
        elif message_type(message) == "websocket.close":
            await self._close(message)
        else:
            await self._send_in_turn(message)

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
        if self._connection.state in (OPEN, ENDING):
            self._connection.send(message)
            self._connection.timed_out(CLOCK_CLOSE_TIMEOUT)
            self._link.settle()

    def _send(self, message: Message) -> None:
        connection = self._connection
        self._link.notice_loss()
        outbox = connection.outbox
        before = outbox.size
        # Whatever comes of it, for the same reason as in ``send``.
        self._work += 1
        try:
            connection.send(message)
        except Gone as gone:
            if not self._may_drop():
                raise self._disconnected(gone) from None
            LEDGER.dropped()
            self._work = WORK_PER_TURN
            return
        self._work += (outbox.size - before) // WORK_SIZE
        if connection.state is OPEN and not connection.effects:
            self._link.gather()
        else:
            self._link.settle()

    def _may_drop(self) -> bool:
        """Say whether a message to nobody may be dropped: the app has not been told yet, nor had long to find out."""
        now = self._loop.time()
        if self._gone_since is None:
            self._gone_since = now
        told = self._connection.record is not None and not self._connection.inbox.events
        return self._drop and not told and now - self._gone_since < DROP_SECONDS

    async def _give_way(self) -> None:
        """Let others have their turn, but for the rest of one that has been short so far."""
        self._spent += self._work
        self._work = 0
        if self._spent >= WORK_PER_SHORT_TURN or self._clock() - self._turn_began >= SHORT_TURN:
            await asyncio.sleep(0)
            self._since = self._turn.number
            self._spent = 0
            self._turn_began = self._clock()

    @staticmethod
    def _disconnected(gone: Gone) -> ClientDisconnected:
        error = ClientDisconnected(str(gone), gone.code, gone.reason)
        # Where this module is compiled, "from None" says nothing.
        error.__cause__ = None
        return error
