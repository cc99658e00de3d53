"""The network's side of a connection: transport, timers, flow control, and what uvicorn calls.

uvicorn's HTTP protocol makes one object for each upgrade request, calls ``connection_made``, then ``data_received``
with the request, and puts the object in its own place; ``shutdown`` is uvicorn's call as well. What happens is told to
``Connection``; what it decides is carried out by ``settle``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, cast

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from . import _report, _shutdown
from ._admission import CENSUS, refusal
from ._app import App
from ._app_errors import ClientDisconnected
from ._close import ClosedBy, CloseRecord
from ._codecs._base import Codec
from ._connection import SHUTDOWN_DETAIL, Connection
from ._effects import Answered, Deadline, Effect, Ended, Finish, Settings
from ._events import Pong
from ._handshake import HandshakeRefused
from ._idle import idle_of
from ._info import ConnectionInfo, Remains
from ._keepalive import Keepalive
from ._options import Options
from ._outbox import Outbox
from ._output import Output
from ._report import Report, Totals
from ._socket import is_gone, peer_has_ended, set_user_timeout
from ._state import (
    APP_ACCEPT,
    APP_CLOSE,
    APP_DENY,
    CLOCK_ACCEPT_TIMEOUT,
    CLOCK_CLOSE_TIMEOUT,
    CLOCK_GRACE_OVER,
    CLOCK_PING_TIMEOUT,
    CLOCK_WRITE_TIMEOUT,
    CLOSED,
    CONNECTING,
    DENYING,
    DRAINING,
    ENDING,
    OPEN,
    Input,
    State,
)
from ._statistics import LEDGER, Account, Outcome, outcome_of
from ._takeover import address, is_answering, output_is_paused, stop_idle_timer, surplus_bytes
from ._timers import Timer, Timers
from ._turn import turn_of

__all__ = ["ClientDisconnected", "WebSocketProtocol"]

READ_SIZE = 256 * 1024
"""Bytes that are read at once."""

WRITE_MARK = 64 * 1024
"""Bytes of output that a transport holds before it calls ``pause_writing``; without TLS they are asyncio's default."""

FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _drop(data: bytes) -> None:
    """Stand where a method of the protocol stood, which would hold it."""


class _ReadBuffer(threading.local):
    """Where a read stays until it is copied: one for each thread, as an event loop reads one connection at a time."""

    def __init__(self) -> None:
        # asyncio's TLS fills what it is given in slices, which only those of a memoryview are not copies.
        self.data = memoryview(bytearray(READ_SIZE))


_READ = _ReadBuffer()


class WebSocketProtocol(asyncio.BufferedProtocol, asyncio.Protocol):
    """A WebSocket connection: RFC 6455 and RFC 7692 to the client, ASGI 2.4 to the application.

    It is a protocol of both kinds. asyncio then reads into a buffer of ours, where it would otherwise make room for
    256 KiB at each read; uvloop, which has such a buffer itself, hands over the bytes.

    ``uvicorn.Config(app, ws=safews.Protocol)`` makes uvicorn use it; ``with_options`` gives one with other options.
    """

    options: ClassVar[Options] = Options()
    gather: Callable[[], None]
    """Write the output, together with what else comes in this turn of the event loop."""
    codec: ClassVar[type[Codec]]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._connections = cast("set[object]", server_state.connections)
        self._app_state = app_state
        self._loop = _loop or asyncio.get_event_loop()
        self._timers = Timers(self._loop)
        self._keepalive: Keepalive | None = None
        self._read_handle: asyncio.Handle | None = None
        self._read_buffer = _READ.data
        self._opened_at: float | None = None
        self._outcome: Outcome | None = None
        self._is_reading = True
        self._user_timeout = 0.0
        self._bytes_in = 0
        self._answer_size = 0

    # What may be asked of a connection

    @property
    def close_code(self) -> int | None:
        """The code that the connection ended with (RFC 6455 section 7.1.5); ``None`` until that is known."""
        record = self._connection.record
        return None if record is None else record.code

    @property
    def close_reason(self) -> str | None:
        """The reason that the connection ended with (section 7.1.6); ``None`` until that is known."""
        record = self._connection.record
        return None if record is None else record.reason

    @property
    def closed_by(self) -> str | None:
        """Who ended the connection: ``peer``, ``app``, ``server`` or ``network``; ``None`` until that is known."""
        record = self._connection.record
        return None if record is None else record.by.value

    @property
    def close_record(self) -> CloseRecord | None:
        """All of how the connection ended; ``None`` until that is known."""
        return self._connection.record

    @property
    def state(self) -> State:
        """How far the connection has come."""
        return self._connection.state

    @property
    def buffered(self) -> int:
        """Bytes of output that have not left the process."""
        return self._output.unsent

    @property
    def round_trip(self) -> float | None:
        """Seconds that the last answered ping took; ``None`` before the first."""
        return None if self._keepalive is None else self._keepalive.round_trip

    @property
    def account(self) -> Account:
        """What there is to count, at this moment."""
        connection = self._connection
        if self._opened_at is None:
            return Account(connection.state, self._outcome)
        messages = connection.inbox.messages, connection.outbox.messages
        return Account(
            connection.state, self._outcome, *messages, self._bytes_in, self._output.size - self._answer_size
        )

    # uvicorn's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport of an upgrade request."""
        self.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._client = address(self.transport, "client", get_remote_addr)
        _report.connection_made(self._client)
        self._tls = is_ssl(self.transport)
        if self._tls:
            # TLS holds eight times as much before it says so.
            self.transport.set_write_buffer_limits(WRITE_MARK)
        self._output = Output(
            self._loop,
            self.transport,
            Outbox(self.options.deflate_threshold, turn_of(self._loop), idle_of(self._loop)),
            self._timers,
            write_timeout=self.options.write_timeout,
            on_stall=self._stalled,
            on_flush=self.update_reading if self._tls else None,
        )
        self.gather = self._output.gather

    def data_received(self, data: bytes) -> None:
        """Take the upgrade request; uvicorn calls this once, before the transport calls anything."""
        # What comes by this name from now on, it comes from the transport.
        self.data_received = self._receive  # type: ignore[method-assign]
        try:
            self._begin(data)
        except Exception as exc:
            self._fail(exc)

    def shutdown(self) -> None:
        """End the connection because the server goes down: at once, or within ``drain_spread``."""
        if not _shutdown.has_begun(self._server_state):
            _shutdown.begin(self._server_state)
            count = self._count_open()
            if count:
                # A log handler that fails is not to keep uvicorn from telling the others.
                self._loop.call_soon(_report.shutting_down, count, self.options.shutdown_code)
        spread = self.options.drain_spread
        if spread and self._connection.state is OPEN:
            self._timers.start(Timer.SPREAD, random.uniform(0, spread), self._shut_down)
        else:
            self._shut_down()

    def _count_open(self) -> int:
        others = [other for other in self._connections if isinstance(other, WebSocketProtocol)]
        return sum(other._connection.state is OPEN for other in others)

    def _shut_down(self) -> None:
        self._connection.shutdown()
        self.settle()

    # The handshake

    def _begin(self, request: bytes) -> None:
        config = self._config
        max_queue = sys.maxsize if config.ws_max_queue is None else max(1, config.ws_max_queue)
        settings = Settings(self.options, self.codec, config.ws_max_size, max_queue, config.ws_per_message_deflate)
        server_state = self._server_state
        connection = Connection(request, settings, self._output.outbox, lambda: server_state.default_headers)
        scope = connection.handshake.scope(
            scheme="wss" if self._tls else "ws",
            server=address(self.transport, "server", get_local_addr),
            client=self._client,
            root_path=config.root_path,
            asgi_version=config.asgi_version,
            state=self._app_state,
        )
        http_protocol = self.transport.get_protocol()
        if is_answering(http_protocol):
            pipelined = ConnectionAbortedError("the upgrade request came behind one that has not been answered")
            # The app that answers that one has lost its client.
            http_protocol.connection_lost(pipelined)
            raise pipelined
        stop_idle_timer(http_protocol)
        surplus = surplus_bytes(http_protocol)
        refused = refusal(connection.handshake, self.options, config, self._server_state)
        self._connection = connection
        self._info = ConnectionInfo(self)
        scope["extensions"]["safews"] = self._info
        LEDGER.begin(self)
        self._report = Report(scope)
        self._app = App(self._loop, connection, self, self._report, self.options)
        if output_is_paused(http_protocol):
            self.pause_writing()
            self._output.take_over()
        if refused is not None:
            self._refuse(refused)
        else:
            CENSUS.members.add(self)
            if surplus:
                self._bytes_in += len(surplus)
                connection.receive_data(surplus)
            if _shutdown.has_begun(self._server_state):
                connection.shutdown()
            # uvicorn has yet to put this object in its own place; until then nobody would tell it of back-pressure.
            self._loop.call_soon(self._start_app, scope)
        self.settle()

    def _refuse(self, refused: HandshakeRefused) -> None:
        self._connection.refuse(refused)
        if refused.status != 503 or CENSUS.may_warn():
            self._report.refused(refused.status, refused.detail)

    def _fail(self, exc: Exception) -> None:
        """Answer for an error of our own, and forget the connection."""
        LEDGER.fail(self)
        self._forget()
        # uvicorn puts this object in its own place, then one that does nothing takes over, then the transport ends.
        self._loop.call_soon(self.transport.set_protocol, asyncio.Protocol())
        if self._output.size:
            # The request has had its answer, or a part of it.
            self.transport.abort()
        else:
            self.transport.write(FAILED)
            self.transport.close()
        _report.handshake_failed(self._client, exc)

    def _start_app(self, scope: Any) -> None:
        self.notice_loss()
        if self._connection.state is not CONNECTING:
            return
        try:
            own_context = getattr(self._config, "reset_contextvars", False)
            task = self._app.start(self._config.loaded_app, scope, own_context=own_context)
        except Exception as exc:
            self._connection.refuse(HandshakeRefused(500, "the app cannot be called"))
            self.settle()
            _report.handshake_failed(self._client, exc)
        else:
            if not task.done():
                self._server_state.tasks.add(task)
                task.add_done_callback(self._app_ended)

    def _app_ended(self, task: asyncio.Task[None]) -> None:
        self._server_state.tasks.discard(task)
        if self._connection.state is CLOSED:
            self._app.part()

    # The transport's calls

    def _receive(self, data: bytes) -> None:
        """Take a read."""
        self._bytes_in += len(data)
        if self._connection.receive_data(data):
            self._app.wake()
        else:
            self.settle()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where the next read is to be put."""
        return self._read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take a read, which is in the buffer."""
        self._receive(bytes(self._read_buffer[:nbytes]))

    def eof_received(self) -> bool:
        """The peer has ended its side; keep ours open (which TLS cannot)."""
        self._connection.receive_eof()
        if self._tls and self._connection.state is ENDING:
            # The transport takes no output after this: what waits for its turn is said now or never.
            self._connection.timed_out(CLOCK_GRACE_OVER)
        self.settle()
        return not self._tls

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone; timers go with it."""
        _report.connection_lost(self._client)
        self._forget()
        # Before Python 3.11 a TLS transport that is lost does not know that it is closed.
        self.transport.close()
        self._connection.lost("" if exc is None else f"{type(exc).__name__}: {exc}")
        self._app.gate.resume()
        self.settle()
        task = self._app.task
        if task is None or task.done():
            self._app.part()
        else:
            _shutdown.outlive(self._server_state, self._loop, task, self.options.app_grace)

    def _forget(self) -> None:
        """Leave the server's books, stop every timer, and let go of what holds this object as it holds that.

        So a connection that was lost is freed without the garbage collector, which would stop others for it.
        """
        self._connections.discard(self)
        CENSUS.members.discard(self)
        self._stop_clocks()
        self._output.stop()
        self.data_received = _drop  # type: ignore[method-assign]

    def _stop_clocks(self) -> None:
        self._timers.cancel_all()
        self._output.stop_watching()
        if self._keepalive is not None:
            self._keepalive.stop()

    def pause_writing(self) -> None:
        """The transport has more output than it likes."""
        self._connection.pause_output()
        if self._connection.may_send:
            self._app.gate.pause()

    def resume_writing(self) -> None:
        """The transport takes output again."""
        self._connection.resume_output()
        self._app.gate.resume()
        self.settle()

    # Input

    def update_reading(self) -> None:
        """Read from the peer, or do not, as the connection wants it."""
        connection = self._connection
        if connection.is_at_ease(self._is_reading) and (self._is_reading or not self._tls):
            return
        if connection.is_behind and self._read_handle is None:
            self._read_handle = self._loop.call_soon(self._read_on)
        if connection.state is CLOSED:
            return
        # asyncio's TLS keeps the peer's end to itself while reading is paused, and drops what is written from then on.
        # What is to be read before it is no more than the kernel and TLS hold already.
        wanted = connection.wants_bytes(self._is_reading) or (self._tls and peer_has_ended(self.transport))
        if wanted is self._is_reading or is_gone(self.transport):
            return
        self._is_reading = wanted
        connection.is_at_ease(wanted)
        if wanted:
            self.transport.resume_reading()
            if self._keepalive is not None:
                self._keepalive.resume()
        else:
            self.transport.pause_reading()
            if self._keepalive is not None:
                self._keepalive.pause()

    def _read_on(self) -> None:
        self._read_handle = None
        self._connection.read_on()
        self.settle()

    def notice_loss(self) -> None:
        """Tell the connection, if the transport has been lost and has not said so yet."""
        if self.transport.is_closing() and self._connection.state not in (DRAINING, CLOSED):
            self._connection.lost("connection lost")
            self._stop_clocks()
            self.transport.abort()
            self.settle()

    # What the connection has decided

    def settle(self) -> None:
        """Carry out what the connection has decided: write, act, wake the app, read or not."""
        connection = self._connection
        if connection.effects or connection.deadline is not self._timers.deadline:
            self._settle_effects()
            return
        if connection.outbox.size:
            self._output.gather()
        if connection.inbox.receivers:
            self._app.wake()
        self.update_reading()

    def _settle_effects(self) -> None:
        connection = self._connection
        if connection.outbox.size:
            self._output.flush()
        effects, connection.effects = connection.effects, []
        try:
            self._carry_out_all(iter(effects))
        finally:
            # Whatever a log handler raises, the state has its deadline, and the app is told.
            if connection.deadline is not self._timers.deadline:
                self._bound(connection.deadline)
            self._app.wake()
            self.update_reading()

    def _carry_out_all(self, effects: Iterator[Effect]) -> None:
        """Carry out effects in their order; what a log handler raises keeps none of the others from it."""
        try:
            for effect in effects:
                self._carry_out(effect)
        except BaseException:
            self._carry_out_all(effects)
            raise

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Finish):
            if effect is Finish.ABORT:
                # What else is due in the same turn would find the connection closed.
                self._stop_clocks()
            self._output.finish(effect)
        elif isinstance(effect, Answered):
            self._answered(effect)
        elif isinstance(effect, Pong):
            seconds = None if self._keepalive is None else self._keepalive.pong(effect.payload)
            if seconds is not None:
                LEDGER.answered(seconds)
        else:
            self._ended(effect)

    def _bound(self, deadline: Deadline) -> None:
        """A state has been entered that ends by ``deadline``: what it has no use for ends at once."""
        if self._keepalive is not None and self._connection.state is not OPEN:
            self._keepalive.stop()
        if self._app.gate.is_busy and not self._connection.may_send:
            # Nobody has anything left to wait for.
            self._app.gate.resume()
        self._timers.bound(deadline, self._timed_out)

    def _answered(self, answered: Answered) -> None:
        self._server_state.total_requests += 1
        self._outcome = outcome_of(answered)
        if answered.input is APP_ACCEPT:
            self._opened_at = self._loop.time()
            self._answer_size = answered.size
            self._start_keepalive()
            self._report.accepted()
        elif answered.input in (APP_CLOSE, APP_DENY):
            self._report.rejected(answered.status)

    def _start_keepalive(self) -> None:
        interval, timeout = self._config.ws_ping_interval, self._config.ws_ping_timeout
        if interval:
            self._keepalive = Keepalive(self._loop, interval, timeout, self._ping, self._ping_timed_out)
            self._keepalive.start()
            if not self._is_reading:
                self._keepalive.pause()

    def _ended(self, ended: Ended) -> None:
        """Enter the end into the books; write the close record of a connection that was open.

        One line stands for all that a shutdown closes.
        """
        record = ended.record
        LEDGER.end(self, record, self._connection.way_out)
        self._info.source = Remains(record, self.round_trip)
        if self._opened_at is not None and (self._config.access_log or record.by is ClosedBy.SERVER):
            totals = Totals(self._loop.time() - self._opened_at, *self.account[2:], self.round_trip)
            level = logging.DEBUG if record.detail == SHUTDOWN_DETAIL else logging.INFO
            self._report.closed(record, totals, level)

    # The clock's calls

    def _timed_out(self, input: Input) -> None:
        answering = self._connection.state is DENYING
        self._connection.timed_out(input)
        self.settle()
        if input is CLOCK_ACCEPT_TIMEOUT:
            self._report.accept_timeout(self.options.accept_timeout, answering=answering)

    def _stalled(self) -> None:
        self._timed_out(CLOCK_WRITE_TIMEOUT)

    def _ping(self, payload: bytes) -> None:
        timeout = 0.0 if self._is_reading else self.options.write_timeout
        if timeout is not None and timeout != self._user_timeout:
            self._user_timeout = timeout
            set_user_timeout(self.transport, timeout)
        self._connection.outbox.put_ping(payload)
        self._output.flush()
        self.update_reading()

    def _ping_timed_out(self) -> None:
        unsent = self._output.unsent
        self._connection.timed_out(CLOCK_PING_TIMEOUT)
        if unsent:
            self._connection.timed_out(CLOCK_CLOSE_TIMEOUT)
        self.settle()
