"""One WebSocket connection without a network: the owner of the state machine.

What happens comes in as calls: bytes and the end of the stream from the peer, messages from the app, timers, the
server's shutdown. What follows from it is left in four places for whoever holds the transport: ``outbox`` has the
bytes to write, ``inbox`` what the app has yet to receive, ``deadline`` when the state ends by itself, ``effects`` the
rest, in order.

Each call asks the table first and acts afterwards: an input that the state does not take has changed nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from ._close import ABNORMAL, MAX_REASON, NO_STATUS, Close, ClosedBy, CloseRecord
from ._deflate import DeflateParameters, Deflater
from ._effects import Answered, Deadline, Effect, Ended, Finish, Gone, Settings, deadlines_of
from ._events import Ping, Pong, Violation
from ._framing import Framing
from ._handshake import Handshake, HandshakeRefused
from ._headers import shown
from ._inbox import Inbox, ReceiveEvent
from ._messages import (
    Message,
    close_code_and_reason,
    denial_body,
    denial_status,
    header_list,
    message_type,
    sent_data,
)
from ._outbox import Outbox
from ._reader import DROP, FRAMES_PER_TURN, IGNORE, TAKE, Mode, Reader
from ._state import (
    APP_ACCEPT,
    APP_CANCELLED,
    APP_CLOSE,
    APP_CRASH,
    APP_DENY,
    APP_DENY_BODY,
    APP_DENY_END,
    APP_RETURN,
    APP_SEND,
    CLOCK_ACCEPT_TIMEOUT,
    CLOCK_CLOSE_TIMEOUT,
    CLOCK_GRACE_OVER,
    CLOCK_PING_TIMEOUT,
    CLOCK_WRITE_TIMEOUT,
    CLOSED,
    CLOSING,
    CONNECTING,
    DENYING,
    DRAINING,
    ENDING,
    NETWORK_LOST,
    OPEN,
    PEER_CLOSE,
    PEER_EOF,
    PEER_FLOOD,
    PEER_VIOLATION,
    QUEUE_ENDING_REACHED,
    SERVER_REFUSE,
    SERVER_SHUTDOWN,
    Input,
    Lifecycle,
    State,
)

DISCARD_LIMIT = 32 * 1024 * 1024
"""Bytes that are thrown away after our half of the close, before the peer is cut off."""

PING_TIMEOUT_GRACE = 1.0
"""Seconds that a peer has to answer the Close which says that it did not answer our ping."""

SHUTDOWN_DETAIL = "server shutdown"
KEEPALIVE_TIMEOUT = "keepalive ping timeout"

_SENT_BY_APPS = frozenset(
    {
        "websocket.accept",
        "websocket.send",
        "websocket.close",
        "websocket.http.response.start",
        "websocket.http.response.body",
    }
)


def _answered(record: CloseRecord) -> CloseRecord:
    """Return a record as it is once a Close has gone the other way as well."""
    return CloseRecord(record.code, record.reason, record.by, clean=True, detail=record.detail)


class Connection(Lifecycle):
    """See the module. ``request`` is the upgrade request as bytes (RFC 6455 section 4.2.1).

    ``record`` is ``None`` until it is known how the connection ends; ``way_out`` is the input that has made it CLOSED.
    ``deadline`` is that of the state, and another object for each state that is entered; DENYING keeps that of
    CONNECTING.
    """

    # mypyc makes attributes that are always there, but for these.
    __deletable__ = ("handshake",)
    __slots__ = (
        "_at_once",
        "_deadlines",
        "_deflate",
        "_discarded",
        "_framing",
        "_loss",
        "_settings",
        "_untaken",
        "deadline",
        "default_headers",
        "effects",
        "handshake",
        "inbox",
        "outbox",
        "reader",
        "record",
        "way_out",
    )

    def __init__(
        self,
        request: bytes,
        settings: Settings,
        outbox: Outbox,
        default_headers: Callable[[], Iterable[tuple[bytes, bytes]]] = tuple,
    ) -> None:
        super().__init__()
        options = settings.options
        self._settings = settings
        self.handshake = Handshake(request)
        self._deflate = self._negotiate()
        self._framing = Framing(
            partial(settings.codec, self._deflate, settings.max_size),
            max_size=settings.max_size,
            deflate=self._deflate,
            fast_lane=options.fast_lane,
        )
        self._untaken = 0
        self._discarded = 0
        self._loss: str | None = None
        self.default_headers = default_headers
        self.record: CloseRecord | None = None
        self.way_out: Input | None = None
        self.inbox = Inbox(settings.max_queue, options.receive_buffer)
        self.inbox.put_event({"type": "websocket.connect"})
        self._at_once = min(FRAMES_PER_TURN, self.inbox.sure_messages)
        self.reader = Reader(self._framing, self.inbox, options.receive_buffer)
        self.outbox = outbox
        self._deadlines = deadlines_of(options.accept_timeout, options.close_grace, options.close_timeout)
        self.deadline = self._deadlines[CONNECTING]
        self.effects: list[Effect] = []

    @property
    def may_send(self) -> bool:
        """Whether the app can still say something to the peer."""
        return self.state in (CONNECTING, OPEN, DENYING, ENDING)

    def _negotiate(self) -> DeflateParameters | None:
        options = self._settings.options
        if not self._settings.compression or self.handshake.refusal is not None:
            return None
        return self.handshake.negotiate(
            window_bits=options.deflate_window_bits, context_takeover=options.deflate_context_takeover
        )

    # From the app

    def send(self, message: Message) -> None:
        """Take a message from the app.

        Raises ``TypeError`` and ``ValueError`` for what is wrong with the message, ``RuntimeError`` for one that has no
        place in this state, and ``Gone`` for one that comes after the peer has gone.
        """
        type_ = message_type(message)
        if type_ == "websocket.send" and self.takes(APP_SEND):
            self.outbox.put_message(sent_data(message))
        elif type_ == "websocket.accept" and self.takes(APP_ACCEPT):
            self._accept(message)
        elif type_ == "websocket.close" and self.takes(APP_CLOSE):
            self._close(message)
        elif type_ == "websocket.http.response.start" and self.takes(APP_DENY):
            self._deny(message)
        elif type_ == "websocket.http.response.body" and self.takes(APP_DENY_BODY):
            self._deny_body(message)
        else:
            raise self._out_of_place(type_)

    def _out_of_place(self, type_: str) -> Exception:
        """Say why a message is not possible now: the app's mistake, unless it could not know that the peer is gone."""
        state, record = self.state, self.record
        app_closed = record is not None and record.by is ClosedBy.APP and not record.clean and self._loss is None
        gone = state is CLOSED or (state in (CLOSING, DRAINING) and not app_closed)
        if gone and type_ in _SENT_BY_APPS:
            return Gone(state, record)
        return RuntimeError(f"ASGI message {shown(type_)} is not possible in state {state.name}")

    def _accept(self, message: Message) -> None:
        answer = self.handshake.accept(
            subprotocol=message.get("subprotocol"),
            headers=header_list(message),
            default_headers=self.default_headers(),
        )
        self._apply(APP_ACCEPT)
        self.outbox.put_raw(answer)
        self.effects.append(Answered(101, APP_ACCEPT, len(answer)))
        del self.handshake
        if self._deflate is not None:
            options = self._settings.options
            self.outbox.compress_with(
                Deflater(self._deflate, level=options.deflate_level, mem_level=options.deflate_mem_level)
            )
        self._untaken = len(self.inbox)
        self.read_on()

    def _close(self, message: Message) -> None:
        if self.state in (CONNECTING, OPEN, ENDING):
            code, reason = close_code_and_reason(message)
            self._leave(APP_CLOSE, 403, CloseRecord(code, reason, ClosedBy.APP, clean=False))
        else:
            self._apply(APP_CLOSE)

    def _deny(self, message: Message) -> None:
        status = denial_status(message)
        self.handshake.deny_start(status, header_list(message), self.default_headers())
        self._apply(APP_DENY)
        self.effects.append(Answered(status, APP_DENY))

    def _deny_body(self, message: Message) -> None:
        body, more = denial_body(message)
        data = self.handshake.deny_body(body, more)
        self._apply(APP_DENY_BODY if more else APP_DENY_END)
        self.outbox.put_raw(data)
        if not more:
            self._finish_handshake(ClosedBy.APP)

    def returned(self) -> State:
        """The app has returned: 500 where it has not answered (RFC 6455 section 4.2.2), Close 1000 where it is open.

        Returns the state before.
        """
        return self._leave(APP_RETURN, 500, CloseRecord(1000, "", ClosedBy.APP, clean=False))

    def crashed(self) -> State:
        """The app has raised: 500 where it has not answered, Close 1011 where it is open. Returns the state before."""
        return self._leave(APP_CRASH, 500, CloseRecord(1011, "", ClosedBy.APP, clean=False))

    def cancelled(self) -> None:
        """The app's task has been cancelled: 503 or the shutdown code; without delay, if output is stuck already."""
        self._leave(APP_CANCELLED, 503, self._shutdown_record())
        if self.reader.output_paused and self.takes(CLOCK_CLOSE_TIMEOUT):
            self.timed_out(CLOCK_CLOSE_TIMEOUT)

    def take(self) -> ReceiveEvent:
        """Return the next event for the app; there must be one in ``inbox``."""
        event = self.inbox.take()
        if self.record is not None:
            if not self.inbox.events and self.state is ENDING:
                self._apply(QUEUE_ENDING_REACHED)
                self._answer_ending()
        elif not self._framing.wants_data and self.inbox.is_low:
            self.read_on()
        return event

    # From the peer

    def receive_data(self, data: bytes) -> bool:
        """Take bytes from the peer; say whether nothing follows but that the app can take what has come."""
        inbox = self.inbox
        if not inbox.reserve:
            # (OPEN, PEER_MESSAGE) of the table, for the whole messages that a read begins with: the state stays.
            framing = self._framing
            messages, size, end = framing.read_whole(data, self._at_once, inbox.sure_bytes)
            if end == len(data):
                return inbox.put_counted(messages, size)
            pong = None if end else framing.read_pong(data)
            if pong is not None:
                self.effects.append(pong)
                return False
            inbox.put_counted(messages, size)
            framing.feed(data, end)
            self.read_on(FRAMES_PER_TURN - len(messages))
        elif self.state is OPEN or self.state is CLOSING:
            framing = self._framing
            if self.state is OPEN and not inbox.events and framing.read_more(data):
                # For more of a message that the app waits for there is always room.
                if framing.wants_data and (inbox.receivers or self.reader.holds_less):
                    return True
            else:
                framing.feed(data)
            self.read_on()
        elif self.state is CONNECTING:
            self._framing.feed(data)
        else:
            self._discarded += len(data)
            if self._discarded > DISCARD_LIMIT and self.takes(PEER_FLOOD):
                self._apply(PEER_FLOOD)
                self.effects.append(Finish.ABORT)
        return False

    def receive_eof(self) -> None:
        """The peer has ended its side of the stream."""
        self._loss = self._loss or "end of stream"
        before = self._apply(PEER_EOF)
        if before in (ENDING, CLOSED):
            return
        self._end_unread(before)
        self.effects.append(Finish.CLOSE)

    def lost(self, detail: str) -> None:
        """The transport is gone; ``detail`` says why, for the log."""
        self._loss = self._loss or detail
        self._end_unread(self._apply(NETWORK_LOST))

    def _end_unread(self, before: State) -> None:
        """The peer sends no more: the end is known as soon as what it sent before has been read."""
        if before in (CONNECTING, DENYING):
            self._end_by_network()
            del self.handshake
        else:
            self.reader.forget_pong()
            self.read_on()

    def _end_by_network(self) -> None:
        self._end(CloseRecord(ABNORMAL, "", ClosedBy.NETWORK, clean=False, detail=self._loss or ""))

    def read_on(self, most: int = FRAMES_PER_TURN) -> None:
        """Read frames: as many as the app can take and as is fair to other connections; ``is_behind`` tells if more."""
        framing = self._framing
        while most > 0 and not framing.wants_data:
            frames, size = self.reader.allowance(self._mode, most)
            if not frames:
                break
            most -= frames
            events = framing.parse(frames, size)
            messages = [event for event in events if isinstance(event, (str, bytes))]
            # What ends the connection comes last of what is read at once, and its end behind the messages.
            if self.record is None:
                # (state, PEER_MESSAGE) of the table: the state stays as it is wherever messages are read.
                self.inbox.put_messages(messages)
            if len(messages) < len(events):
                for event in events:
                    if not isinstance(event, (str, bytes)):
                        self._handle(event)
        if self.record is None and framing.wants_data and self.state in (DRAINING, CLOSED):
            self._end_by_network()

    @property
    def _mode(self) -> Mode:
        if self.state is CLOSING:
            return DROP
        if self.record is not None or self.state in (CONNECTING, DENYING):
            return IGNORE
        return TAKE

    def is_at_ease(self, reading: bool) -> bool:
        """Say that the transport is read, or not, as it should be, if that is plain from ``reading``; else ask further.

        While OPEN the inbox learns so how far the app can empty it before that changes.
        """
        inbox = self.inbox
        at_ease = reading and self._framing.is_clear and inbox.is_low and not self.reader.pong_is_waiting
        if self.state is not OPEN:
            inbox.reserve = sys.maxsize
            return at_ease
        if at_ease:
            inbox.reserve = 0
            return True
        inbox.reserve = inbox.low_messages + 1
        return not (reading or self._framing.wants_data or inbox.is_low)

    @property
    def is_behind(self) -> bool:
        """Whether there is input to be read in another turn of the event loop."""
        # The reader asks the same; most often the mode need not be found out.
        return not self._framing.wants_data and self.reader.is_behind(self._mode)

    def wants_bytes(self, reading: bool) -> bool:
        """Say whether the transport is to be read; ``reading`` says whether it is."""
        if self.state is CONNECTING:
            return self.reader.holds_less
        return self.reader.wants_bytes(self._mode, reading)

    def _handle(self, event: Ping | Pong | Close | Violation) -> None:
        if isinstance(event, Ping):
            if self.state in (OPEN, CLOSING):
                self.outbox.put_pong(event.payload)
                self.reader.hold_after_pong()
        elif isinstance(event, Pong):
            self.effects.append(event)
        elif isinstance(event, Close):
            self._peer_closed(event)
        else:
            self._peer_violated(event)

    def _peer_closed(self, close: Close) -> None:
        before = self._apply(PEER_CLOSE)
        if self.record is not None and before is CLOSING:
            self.record = _answered(self.record)
            self.effects.append(Finish.CLOSE)
        else:
            code = NO_STATUS if close.code is None else close.code
            self._end(CloseRecord(code, close.reason, ClosedBy.PEER, clean=False))
            self._answer_if_awaited()

    def _peer_violated(self, violation: Violation) -> None:
        before = self._apply(PEER_VIOLATION)
        if before is CLOSING:
            self.effects.append(Finish.LINGER)
        else:
            self._end(CloseRecord(violation.code, "", ClosedBy.SERVER, clean=False, detail=violation.detail))
            self._answer_if_awaited()

    def _answer_if_awaited(self) -> None:
        """Answer at once if the app waits for just this, or does not receive at all."""
        inbox = self.inbox
        untaken = self._untaken + inbox.messages + 1
        awaited = len(inbox) == (1 if inbox.receivers else untaken)
        if awaited and self.state is ENDING:
            self._apply(QUEUE_ENDING_REACHED)
            self._answer_ending()

    # From the server, the network's flow control and the clock

    def refuse(self, refusal: HandshakeRefused) -> None:
        """Answer the request with an HTTP error before the app has seen it."""
        self._apply(SERVER_REFUSE)
        self._reject(refusal.status, SERVER_REFUSE, ClosedBy.SERVER, refusal.headers)

    def shutdown(self) -> None:
        """The server goes down: 503 where the app has not answered, else a Close with ``shutdown_code``."""
        self._leave(SERVER_SHUTDOWN, 503, self._shutdown_record())
        if self.state is DENYING:
            self.deadline = Deadline(self._settings.options.close_timeout, CLOCK_CLOSE_TIMEOUT)

    def _shutdown_record(self) -> CloseRecord:
        code = self._settings.options.shutdown_code
        return CloseRecord(code, "", ClosedBy.SERVER, clean=False, detail=SHUTDOWN_DETAIL)

    def timed_out(self, input: Input) -> None:
        """A bounded wait is over, the one that ``input`` names."""
        before = self._apply(input)
        if input is CLOCK_ACCEPT_TIMEOUT:
            self._give_up_answer(before)
        elif input is CLOCK_GRACE_OVER:
            self._answer_ending()
        elif input is CLOCK_PING_TIMEOUT:
            self.outbox.put_close(1011, KEEPALIVE_TIMEOUT)
            self._end(CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False, detail=KEEPALIVE_TIMEOUT))
            seconds = min(PING_TIMEOUT_GRACE, self._settings.options.close_timeout)
            self.deadline = Deadline(seconds, CLOCK_CLOSE_TIMEOUT)
        else:
            if before in (CONNECTING, DENYING):
                del self.handshake
            self._abort("slow peer: it takes no output" if input is CLOCK_WRITE_TIMEOUT else "close timeout")

    def _give_up_answer(self, before: State) -> None:
        """The app has not answered in time, or not to the end."""
        if before is CONNECTING:
            self._reject(504, CLOCK_ACCEPT_TIMEOUT, ClosedBy.SERVER)
        else:
            self._cut_denial(ClosedBy.SERVER)

    def _abort(self, detail: str) -> None:
        # After an end of the stream it is that which ended the connection, as soon as what came before it is read.
        if self.record is None and self._loss is None:
            self._end(CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False, detail=detail))
        self.effects.append(Finish.ABORT)

    def pause_output(self) -> None:
        """The transport has more output than it likes."""
        self.reader.output_paused = True

    def resume_output(self) -> None:
        """The transport takes output again."""
        if self.reader.resume_output():
            self.read_on()

    # What the above have in common

    def _apply(self, input: Input) -> State:
        """Move to the next state, set its deadline, and return the state before."""
        before = self.apply(input)
        if self.state is not before:
            self.deadline = self._deadlines.get(self.state, self.deadline)
            if self.state is CLOSED:
                self.way_out = input
                if self.record is not None:
                    self.effects.append(Ended(self.record))
        return before

    def _leave(self, input: Input, status: int, record: CloseRecord) -> State:
        """End the connection from our side, in the way that its state asks for, and return that state."""
        before = self._apply(input)
        if before is CONNECTING:
            self._reject(status, input, record.by)
        elif before is OPEN:
            self.outbox.put_close(record.code, record.reason)
            self._end(record)
        elif before is ENDING:
            self._answer_ending()
        elif before is DENYING and self.state is DRAINING:
            self._cut_denial(ClosedBy.APP)
        elif self.record is None and input is not SERVER_SHUTDOWN:
            # An app that is gone will not receive what is still unread.
            self._end_by_network()
        return before

    def _reject(self, status: int, input: Input, by: ClosedBy, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        # uvicorn's own classes give a 500 these words; what is wrong stands in the log.
        body = b"Internal Server Error" if status == 500 else b""
        if body:
            headers = (*headers, (b"Content-Type", b"text/plain; charset=utf-8"))
        default_headers = self.default_headers()
        self.outbox.put_raw(self.handshake.reject(status, headers=headers, default_headers=default_headers, body=body))
        self.effects.append(Answered(status, input))
        self._finish_handshake(by)

    def _cut_denial(self, by: ClosedBy) -> None:
        """Leave the app's response unfinished: what there is of it goes out, and no end that it does not have."""
        self.outbox.put_raw(self.handshake.deny_cut())
        self._finish_handshake(by)

    def _finish_handshake(self, by: ClosedBy) -> None:
        """The request has had its HTTP answer, and that was all."""
        del self.handshake
        self._end(CloseRecord(ABNORMAL, "", by, clean=False))
        self.effects.append(Finish.LINGER)

    def _answer_ending(self) -> None:
        """Send the Close that the queue has come to: the peer's (RFC 6455 section 5.5.1) or a violation's."""
        # What makes a connection ENDING has always left a record.
        record = cast("CloseRecord", self.record)
        if record.by is ClosedBy.PEER:
            self.outbox.put_close(None if record.code == NO_STATUS else record.code, record.reason)
            self.record = _answered(record)
            self.effects.append(Finish.CLOSE)
        else:
            self.outbox.put_close(record.code, record.detail[:MAX_REASON])
            self.effects.append(Finish.LINGER if self._loss is None else Finish.CLOSE)

    def _end(self, record: CloseRecord) -> None:
        """Take down how the connection ends and queue the one ``websocket.disconnect``. Nothing else does either."""
        self.record = record
        event: ReceiveEvent = {"type": "websocket.disconnect", "code": record.code}
        if record.by is ClosedBy.PEER or record.reason:
            event["reason"] = record.reason
        self.inbox.put_event(event)
        if self.state is CLOSED:
            self.effects.append(Ended(record))
