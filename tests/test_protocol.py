from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import socket
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from safews import _admission, _keepalive, _output, _protocol
from safews._admission import Census
from safews._app_errors import ClientDisconnected
from safews._close import ClosedBy
from safews._handshake import Handshake
from safews._idle import IDLE_SECONDS
from safews._output import FLUSH_SIZE, TLS_LINGER
from safews._protocol import READ_SIZE, WebSocketProtocol
from safews._pulse import BEAT
from safews._reader import FRAMES_PER_TURN
from safews._state import State
from safews._statistics import Ledger, Outcome
from tests.fakes import FakeLoop, FakeSocket, FakeTransport
from tests.harness import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    App,
    Frame,
    Start,
    close_frame,
    echo,
    eventually,
    frame,
    parse_frame,
    turns,
    upgrade_request,
)
from tests.harness.logs import Logs, captured

Event = dict[str, Any]

ACCEPT: Event = {"type": "websocket.accept"}
HELLO: Event = {"type": "websocket.send", "text": "hello"}

CLOSE_TIMEOUT = 10.0
CLOSE_GRACE = 1.0
WRITE_TIMEOUT = 30.0
PING_INTERVAL = 20.0
PING_TIMEOUT = 16.0

GONE: Event = {"type": "websocket.disconnect", "code": 1006}

UNKNOWN_OPCODE = frame(0x3)
"""A violation of the protocol: Close 1002."""


class HttpProtocol(asyncio.Protocol):
    """What stands in our place before: it has what the test gives it."""

    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)


class Side:
    """A connection on a transport that is not there, with an app that waits for the test to act in its place."""

    def __init__(
        self,
        loop: FakeLoop,
        cls: type[WebSocketProtocol],
        transport: FakeTransport,
        state: ServerState,
        request: bytes,
        **config: Any,
    ) -> None:
        self.loop = loop
        self.transport = transport
        self.state = state
        self.calls = 0
        settings = {"interface": "asgi3", "lifespan": "off", "log_config": None, "ws_ping_interval": None, **config}
        self.config = uvicorn.Config(self.app, **settings)
        self.protocol = cls(config=self.config, server_state=state, app_state={"pool": 1}, _loop=loop)
        self.request = request

    async def app(self, scope: Any, receive: Any, send: Any) -> object:
        self.calls += 1
        self.scope = scope
        self.receive_event = receive
        self.send_event = send
        self.verdict: asyncio.Future[object] = self.loop.create_future()
        return await self.verdict

    # uvicorn

    def begin(self) -> None:
        """What uvicorn's HTTP protocol does with an upgrade request; the app has not been called yet."""
        self.protocol.connection_made(self.transport)
        self.protocol.data_received(self.request)
        self.transport.set_protocol(self.protocol)

    # The app

    def send(self, event: Event = HELLO) -> asyncio.Task[None]:
        return self.loop.spawn(self.send_event(event))

    def receive(self) -> asyncio.Task[Event]:
        return self.loop.spawn(self.receive_event())

    def received(self) -> Event:
        """Receive what must be there."""
        return self.receive().result()

    def accept(self) -> None:
        """Receive the connect event, accept, and forget what was written."""
        assert self.received() == {"type": "websocket.connect"}
        self.send(ACCEPT)
        assert self.transport.taken().startswith(b"HTTP/1.1 101 ")

    def finish(self, result: object = None) -> None:
        """Let the app return, or raise."""
        if isinstance(result, BaseException):
            self.verdict.set_exception(result)
        else:
            self.verdict.set_result(result)
        self.loop.run()

    # The peer and the network

    def arrive(self, data: bytes) -> None:
        """The peer's bytes arrive, as reads of the size that is asked for; the loop is not run."""
        while data:
            buffer = self.protocol.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.protocol.buffer_updated(size)
            data = data[size:]

    def say(self, *texts: str) -> None:
        """The peer's messages arrive in one segment, and the loop runs."""
        self.arrive(b"".join(frame(TEXT, text.encode()) for text in texts))
        self.loop.run()

    def lose(self, exc: Exception | None = None) -> None:
        """The transport is lost."""
        self.transport.closing = True
        self.protocol.connection_lost(exc)
        self.loop.run()

    def frames(self) -> list[Frame]:
        """The frames that were written since this was last asked."""
        data = self.transport.taken()
        frames = []
        while (parsed := parse_frame(data)) is not None:
            frames.append(parsed[0])
            data = data[parsed[1] :]
        assert not data
        return frames

    @property
    def machine(self) -> State:
        """The state of the connection."""
        return self.protocol._connection.state

    @property
    def finished(self) -> list[str]:
        """How the transport was ended, in order."""
        return [call for call in self.transport.calls if not call.endswith("_reading")]


def close(code: int, reason: str = "") -> Frame:
    return Frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def event(content: str) -> Event:
    return {"type": "websocket.receive", "text": content}


@pytest.fixture
def logs() -> Iterator[Logs]:
    with captured(logging.DEBUG) as logs:
        yield logs


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLoop]:
    loop = FakeLoop()
    monkeypatch.setattr(_keepalive, "perf_counter", loop.time)
    yield loop
    loop.end()


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Census:
    """A census of this test's own."""
    census = Census()
    for module in (_admission, _protocol):
        monkeypatch.setattr(module, "CENSUS", census)
    return census


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The books of this test alone."""
    ledger = Ledger()
    monkeypatch.setattr(_protocol, "LEDGER", ledger)
    return ledger


Make = Callable[..., Side]


@pytest.fixture
def make(loop: FakeLoop, protocol: Any, census: Census, logs: Logs) -> Make:
    """Makes a ``Side`` by uvicorn's settings, ``options`` of ours, a ``transport``, and a ``state`` of the server."""

    def make(
        *,
        options: dict[str, Any] | None = None,
        transport: FakeTransport | None = None,
        state: ServerState | None = None,
        request: bytes | None = None,
        **config: Any,
    ) -> Side:
        return Side(
            loop,
            protocol.with_options(**(options or {})),
            transport or FakeTransport(),
            state or ServerState(),
            request or upgrade_request(b"/chat"),
            **config,
        )

    return make


@pytest.fixture
def begin(make: Make, loop: FakeLoop) -> Make:
    """Makes a ``Side`` whose app has been called."""

    def begin(**settings: Any) -> Side:
        side = make(**settings)
        side.begin()
        loop.run()
        return side

    return begin


@pytest.fixture
def open_(begin: Make) -> Make:
    """Makes a ``Side`` whose app has accepted."""

    def open_(**settings: Any) -> Side:
        side = begin(**settings)
        side.accept()
        return side

    return open_


@pytest.fixture
def side(open_: Make) -> Side:
    return open_()


class TestTakingOver:
    @pytest.fixture
    def full(self, make: Make, loop: FakeLoop) -> Side:
        """A connection on a transport that HTTP has been told to write no more to."""
        http = HttpProtocol(flow=SimpleNamespace(write_paused=True))
        side = make(transport=FakeTransport(protocol=http))
        side.transport.buffered = 1
        side.begin()
        loop.run()
        return side

    def test_of_a_transport_that_has_too_much_output_already(self, full: Side, loop: FakeLoop) -> None:
        sending = full.send(ACCEPT)
        assert not sending.done()
        full.transport.buffered = 0
        full.protocol.resume_writing()
        loop.run()
        assert sending.exception() is None

    def test_the_peer_must_take_that_output_in_time(self, full: Side, loop: FakeLoop, logs: Logs) -> None:
        sending = full.send(ACCEPT)
        loop.advance(WRITE_TIMEOUT)
        assert isinstance(sending.exception(), ClientDisconnected)
        assert full.finished == ["abort"]
        assert full.transport.written == b""
        assert [full.received(), full.received()] == [{"type": "websocket.connect"}, GONE]
        full.lose()
        full.finish()
        assert logs.warnings == []

    def test_of_one_that_has_a_request_to_answer_first(self, make: Make, loop: FakeLoop, logs: Logs) -> None:
        lost: list[Exception | None] = []
        http = HttpProtocol(cycle=SimpleNamespace(response_complete=False), connection_lost=lost.append)
        side = make(transport=FakeTransport(protocol=http))
        side.begin()
        loop.run()
        assert side.transport.written.startswith(b"HTTP/1.1 500 ")
        assert side.finished == ["close"]
        assert "behind one that has not been answered" in logs.warnings[0]
        assert [type(exc) for exc in lost] == [ConnectionAbortedError]
        assert side.calls == 0

    def test_of_one_whose_idle_timer_runs(self, make: Make, loop: FakeLoop) -> None:
        transport = FakeTransport()
        transport.set_protocol(HttpProtocol(timeout_keep_alive_task=loop.call_later(5, transport.close)))
        side = make(transport=transport)
        side.begin()
        loop.advance(5)
        assert side.finished == []

    def test_it_stands_in_the_servers_books(self, make: Make, census: Census) -> None:
        side = make()
        side.protocol.connection_made(side.transport)
        connections: set[Any] = set(side.state.connections)
        assert connections == {side.protocol}

    def test_it_is_counted_once_it_is_let_in(self, begin: Make, census: Census) -> None:
        side = begin()
        assert census.members == {side.protocol}

    def test_one_that_is_refused_is_not_counted(self, begin: Make, census: Census) -> None:
        side = begin(request=upgrade_request(omit=(b"sec-websocket-key",)))
        assert census.members == set()
        side.lose()
        assert census.members == set()

    def test_it_leaves_them_when_the_transport_is_lost(self, side: Side, census: Census) -> None:
        side.lose()
        assert side.state.connections == set()
        assert census.members == set()

    def test_a_configuration_that_is_not_loaded_is_loaded(self, make: Make) -> None:
        assert make().config.loaded

    def test_one_that_is_loaded_is_left_alone(self, make: Make, loop: FakeLoop) -> None:
        side = make()
        again = type(side.protocol)(config=side.config, server_state=side.state, app_state={}, _loop=loop)
        again.connection_made(FakeTransport())
        again.data_received(side.request)
        loop.run()
        assert side.calls == 1

    def test_how_it_ended_is_not_known_before(self, side: Side) -> None:
        protocol = side.protocol
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (None, None, None)

    @pytest.mark.parametrize(
        ("ending", "expected"),
        [
            (lambda side: side.arrive(close_frame(4000, "bye")), (4000, "bye", "peer")),
            (lambda side: side.send({"type": "websocket.close", "code": 4001}), (4001, "", "app")),
            (lambda side: side.arrive(UNKNOWN_OPCODE), (1002, "", "server")),
            (lambda side: side.lose(), (1006, "", "network")),
        ],
    )
    def test_how_it_ended(self, side: Side, ending: Callable[[Side], object], expected: object) -> None:
        ending(side)
        protocol = side.protocol
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == expected


class TestUserTimeout:
    """``TCP_USER_TIMEOUT``, by which the kernel ends a connection whose peer has vanished while it is not read."""

    @pytest.fixture
    def paused(self, open_: Make, loop: FakeLoop) -> Make:
        """Makes a ``Side`` that has sent a ping while its peer is not read."""

        def paused(sock: FakeSocket, **options: Any) -> Side:
            # Without a timeout a ping comes after each interval, whether or not the last one was answered.
            settings = {"ws_ping_interval": PING_INTERVAL, "ws_ping_timeout": None, "ws_max_queue": 1}
            side = open_(options=options, transport=FakeTransport(sock=sock), **settings)
            side.say("1", "2")
            loop.advance(PING_INTERVAL)
            assert [sent.opcode for sent in side.frames()] == [PING]
            return side

        return paused

    def test_it_is_set_with_a_ping_while_the_peer_is_not_read(self, paused: Make) -> None:
        sock = FakeSocket(socket.AF_INET)
        paused(sock, write_timeout=100)
        assert sock.options == [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 200_000)]

    def test_it_is_taken_back_once_the_peer_is_read_again(self, paused: Make, loop: FakeLoop) -> None:
        sock = FakeSocket(socket.AF_INET)
        side = paused(sock, write_timeout=100)
        assert [side.received()["text"] for _ in range(2)] == ["1", "2"]
        loop.advance(PING_INTERVAL)
        assert sock.options[-1] == (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)

    def test_it_is_not_set_while_the_peer_is_read(self, open_: Make, loop: FakeLoop) -> None:
        sock = FakeSocket(socket.AF_INET)
        side = open_(transport=FakeTransport(sock=sock), ws_ping_interval=PING_INTERVAL)
        assert sock.options == []
        loop.advance(PING_INTERVAL)
        assert [sent.opcode for sent in side.frames()] == [PING]
        assert sock.options == []

    def test_it_is_not_set_where_there_is_no_write_timeout(self, paused: Make) -> None:
        sock = FakeSocket(socket.AF_INET)
        paused(sock, write_timeout=None)
        assert sock.options == []

    async def test_a_real_unix_socket_is_served(self, start: Start, tmp_path: Path) -> None:
        async with start(App(echo), uds=str(tmp_path / "socket")) as server, server.open() as client:
            await client.send_text("hello")
            await client.expect_text("hello")


class TestScope:
    def test_addresses_and_scheme(self, begin: Make) -> None:
        scope = begin(transport=FakeTransport(sock=FakeSocket(socket.AF_INET))).scope
        assert (scope["scheme"], scope["client"], scope["server"]) == ("ws", ("192.0.2.1", 4000), ("192.0.2.2", 80))

    def test_tls(self, begin: Make) -> None:
        assert begin(transport=FakeTransport(tls=True)).scope["scheme"] == "wss"

    def test_uvicorns_settings(self, begin: Make) -> None:
        scope = begin(root_path="/api").scope
        assert (scope["root_path"], scope["path"], scope["asgi"]["version"]) == ("/api", "/api/chat", "3.0")

    def test_the_servers_state(self, begin: Make) -> None:
        assert begin().scope["state"] == {"pool": 1}

    def test_it_tells_of_the_connection(self, begin: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        side = begin(ws_ping_interval=PING_INTERVAL)
        info = side.scope["extensions"]["safews"]
        assert (info.state, info.round_trip, info.close_record) == ("connecting", None, None)
        side.accept()
        side.transport.buffered = 7
        side.loop.create_task(side.send_event(HELLO))
        assert (info.state, info.buffered, info.round_trip) == ("open", 7, None)
        loop.advance(PING_INTERVAL)
        side.arrive(frame(PONG, side.frames()[-1].payload))
        assert info.round_trip == 0.0
        side.arrive(close_frame(4000, "bye"))
        assert info.source is side.protocol
        side.received()
        assert info.close_record == side.protocol.close_record
        side.lose()
        assert (info.state, info.buffered, info.round_trip) == ("closed", 0, 0.0)
        assert info.close_record == (4000, "bye", ClosedBy.PEER, True, "")
        assert info.source is not side.protocol

    def test_the_servers_default_headers_are_those_of_the_moment_of_the_answer(self, begin: Make) -> None:
        side = begin()
        side.state.default_headers = [(b"server", b"later")]
        side.send(ACCEPT)
        assert b"server: later\r\n" in side.transport.written


class TestCallingTheApp:
    def test_not_before_uvicorn_has_put_us_in_its_place(self, make: Make, loop: FakeLoop) -> None:
        side = make()
        side.begin()
        assert side.calls == 0
        loop.run()
        assert side.calls == 1

    def test_its_task_stands_in_the_servers_books_while_it_runs(self, side: Side) -> None:
        assert len(side.state.tasks) == 1
        side.finish()
        assert side.state.tasks == set()

    def test_an_eager_task_that_is_done_at_once_does_not(self, make: Make, loop: FakeLoop) -> None:
        side = make()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.close"})

        side.config.loaded_app = app
        loop.eager = True
        side.begin()
        loop.run()
        assert side.transport.written.startswith(b"HTTP/1.1 403 ")
        assert side.state.tasks == set()

    def test_not_where_the_transport_was_lost_meanwhile(self, make: Make, loop: FakeLoop) -> None:
        side = make()
        side.begin()
        side.transport.closing = True
        loop.run()
        assert side.calls == 0
        assert side.machine is State.CLOSED

    def test_not_where_the_server_goes_down_meanwhile(self, make: Make, loop: FakeLoop) -> None:
        side = make()
        side.begin()
        side.protocol.shutdown()
        loop.run()
        assert side.calls == 0
        assert side.transport.written.startswith(b"HTTP/1.1 503 ")

    @pytest.mark.parametrize(
        ("reset", "expected"), [(True, "unset"), (False, "of the server"), (None, "of the server")]
    )
    def test_its_context(self, make: Make, loop: FakeLoop, reset: bool | None, expected: str) -> None:
        side = make()
        vars(side.config).pop("reset_contextvars", None)  # Older versions of uvicorn have no such setting.
        if reset is not None:
            vars(side.config)["reset_contextvars"] = reset
        seen = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(SEEN.get())
            await send({"type": "websocket.close"})

        side.config.loaded_app = app

        def serve() -> None:
            SEEN.set("of the server")
            side.begin()
            loop.run()

        contextvars.copy_context().run(serve)
        assert seen == [expected]


SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN", default="unset")


class TestRefusal:
    def test_a_malformed_request_is_answered_and_the_app_not_called(self, begin: Make, logs: Logs) -> None:
        side = begin(request=upgrade_request(b"/a\tb", omit=(b"sec-websocket-key",)))
        assert side.calls == 0
        assert side.transport.written.startswith(b"HTTP/1.1 400 ")
        assert side.finished == ["write_eof"]
        assert len(logs.warnings) == 1

    def test_the_warning_names_client_path_and_status(self, begin: Make, logs: Logs) -> None:
        begin(
            request=upgrade_request(b"/%0A", omit=(b"sec-websocket-key",)),
            transport=FakeTransport(sock=FakeSocket(socket.AF_INET)),
        )
        (line,) = logs.warnings
        assert line.startswith('192.0.2.1:4000 - "WebSocket /%0A" 400 refused: sec-websocket-key')

    def test_one_too_many_is_a_503_with_few_warnings(self, begin: Make, logs: Logs, census: Census) -> None:
        census.members.add(object())
        for _ in range(3):
            side = begin(options={"max_connections": 1})
            assert side.transport.written.startswith(b"HTTP/1.1 503 ")
        assert len(logs.warnings) == 1

    def test_other_refusals_are_all_warned_of(self, begin: Make, logs: Logs) -> None:
        for _ in range(3):
            begin(request=upgrade_request(omit=(b"sec-websocket-key",)))
        assert len(logs.warnings) == 3

    def test_it_counts_as_a_request(self, begin: Make) -> None:
        side = begin(request=upgrade_request(omit=(b"sec-websocket-key",)))
        assert side.state.total_requests == 1

    def test_what_came_behind_the_request_is_dropped(self, make: Make, loop: FakeLoop) -> None:
        http = SimpleNamespace(conn=SimpleNamespace(trailing_data=(frame(TEXT, b"early"), False)))
        side = make(request=upgrade_request(omit=(b"sec-websocket-key",)), transport=FakeTransport(protocol=http))
        side.begin()
        loop.run()
        assert side.machine is State.DRAINING


class TestFailureOfOurOwn:
    @pytest.fixture(params=["get_local_addr", "surplus_bytes", "refusal", "scope"])
    def failed(self, make: Make, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Side:
        """A connection within which something has raised."""

        def fail(*args: Any, **kwargs: Any) -> None:
            raise LookupError("no such thing")

        if request.param == "scope":
            monkeypatch.setattr(Handshake, "scope", fail)
        else:
            monkeypatch.setattr(_protocol, request.param, fail)
        side = make(transport=FakeTransport(sock=FakeSocket(socket.AF_INET)))
        side.begin()
        side.loop.run()
        return side

    def test_it_is_answered_and_the_transport_closed(self, failed: Side) -> None:
        head, _, body = failed.transport.written.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 500 Internal Server Error"
        assert {line.lower() for line in lines[1:]} == {b"connection: close", b"content-length: 0"}
        assert body == b""
        assert failed.finished == ["close"]

    def test_nothing_is_left(self, failed: Side, loop: FakeLoop, census: Census) -> None:
        assert (failed.state.connections, failed.state.tasks, census.members) == (set(), set(), set())
        assert loop.timers == []
        assert failed.calls == 0

    def test_it_is_counted_once(self, failed: Side, ledger: Ledger) -> None:
        handshakes = ledger.snapshot().handshakes
        assert (handshakes["failed"], sum(handshakes.values()), ledger.is_empty) == (1, 1, True)

    def test_it_is_one_warning(self, failed: Side, logs: Logs) -> None:
        (line,) = logs.warnings
        assert line == "192.0.2.1:4000 - WebSocket handshake failed: LookupError: 'no such thing'"
        assert logs.errors == []

    def test_nothing_is_left_though_a_log_handler_fails(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise LookupError("no such thing")

        monkeypatch.setattr(Handshake, "scope", fail)
        monkeypatch.setattr("safews._report.handshake_failed", fail)
        side = make()
        with pytest.raises(LookupError):
            side.begin()
        assert side.finished == ["close"]
        assert side.state.connections == set()

    def test_after_an_answer_there_is_no_other(
        self, make: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any) -> None:
            raise LookupError("no such thing")

        side = make(request=upgrade_request(omit=(b"sec-websocket-key",)))
        monkeypatch.setattr(WebSocketProtocol, "_bound", fail)
        side.begin()
        loop.run()
        assert side.transport.written.count(b"HTTP/1.1") == 1
        assert side.finished[-1] == "abort"
        assert loop.timers == []

    def test_what_the_transport_still_says_goes_to_nobody(self, failed: Side) -> None:
        assert type(failed.transport.get_protocol()) is asyncio.Protocol

    async def test_in_a_real_server(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any, **kwargs: Any) -> None:
            raise LookupError("no such thing")

        monkeypatch.setattr(Handshake, "scope", fail)
        app = App(echo)
        async with start(app, warnings=1) as server, server.connect() as client:
            await client.request(then=frame(TEXT, b"early"))
            assert (await client.response()).status == 500
            assert await client.rest() == b""
            assert server.idle
        assert app.calls == []


class TestAppThatCannotBeCalled:
    @pytest.fixture
    def failed(self, make: Make, loop: FakeLoop) -> Side:
        side = make()
        del side.config.loaded_app
        side.begin()
        loop.run()
        return side

    def test_it_is_answered(self, failed: Side) -> None:
        assert failed.transport.written.startswith(b"HTTP/1.1 500 ")
        assert failed.finished == ["write_eof"]

    def test_it_is_answered_though_a_log_handler_fails(
        self, make: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.handshake_failed", fail)
        side = make()
        del side.config.loaded_app
        side.begin()
        with pytest.raises(LookupError):
            loop.run()
        assert side.transport.written.startswith(b"HTTP/1.1 500 ")

    def test_it_is_one_warning(self, failed: Side, logs: Logs) -> None:
        (line,) = logs.warnings
        assert "WebSocket handshake failed: AttributeError" in line
        assert logs.errors == []

    def test_nothing_is_left(self, failed: Side, loop: FakeLoop, census: Census) -> None:
        failed.lose()
        assert (failed.state.connections, failed.state.tasks, census.members) == (set(), set(), set())
        assert loop.timers == []


class TestAnswered:
    def test_a_101_is_one_line_and_a_request(self, side: Side, logs: Logs) -> None:
        assert side.state.total_requests == 1
        assert logs.infos == ['192.0.2.1:4000 - "WebSocket /chat" [accepted]']

    @pytest.mark.parametrize(
        ("answer", "status"),
        [({"type": "websocket.close"}, 403), ({"type": "websocket.http.response.start", "status": 401}, 401)],
    )
    def test_a_refusal_of_the_apps_is_one_line_and_a_request(
        self, begin: Make, logs: Logs, answer: Event, status: int
    ) -> None:
        side = begin()
        side.send(answer)
        assert side.state.total_requests == 1
        assert logs.infos == [f'192.0.2.1:4000 - "WebSocket /chat" {status}']

    def test_a_crash_has_no_line_of_its_own(self, begin: Make, logs: Logs) -> None:
        side = begin()
        side.finish(LookupError())
        assert side.state.total_requests == 1
        assert (logs.infos, logs.warnings, len(logs.errors)) == ([], [], 1)

    def test_an_app_that_does_not_answer_in_time(self, begin: Make, loop: FakeLoop, logs: Logs) -> None:
        side = begin(options={"accept_timeout": 3.0})
        loop.advance(2.9)
        assert side.transport.written == b""
        loop.advance(0.1)
        assert side.transport.written.startswith(b"HTTP/1.1 504 ")
        assert side.state.total_requests == 1
        assert logs.warnings == ['192.0.2.1:4000 - "WebSocket /chat" 504: the app has not answered within 3.0 s']

    def test_one_that_does_not_though_a_log_handler_fails(
        self, begin: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **kwargs: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.Report.accept_timeout", fail)
        side = begin(options={"accept_timeout": 3.0})
        with pytest.raises(LookupError):
            loop.advance(3.0)
        assert side.transport.written.startswith(b"HTTP/1.1 504 ")
        assert side.finished == ["write_eof"]

    def test_one_that_does_not_end_its_response_in_time(self, begin: Make, loop: FakeLoop, logs: Logs) -> None:
        side = begin(options={"accept_timeout": 3.0})
        side.send({"type": "websocket.http.response.start", "status": 401})
        loop.advance(3.0)
        assert side.transport.written.startswith(b"HTTP/1.1 401 ")
        assert side.finished == ["write_eof"]
        (line,) = logs.warnings
        assert line.endswith('"WebSocket /chat": the app has not ended its response within 3.0 s')

    def test_one_that_answers_in_time_is_left_alone(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"accept_timeout": 3.0})
        loop.advance(100.0)
        assert side.machine is State.OPEN

    def test_a_lost_one_is_no_request(self, begin: Make) -> None:
        side = begin()
        side.lose()
        assert side.state.total_requests == 0


class TestInput:
    def test_a_message_reaches_the_app(self, side: Side) -> None:
        side.say("hello")
        assert side.received() == event("hello")

    def test_one_in_several_reads(self, side: Side) -> None:
        for byte in frame(TEXT, b"hello"):
            side.arrive(bytes((byte,)))
        assert side.received() == event("hello")

    def test_one_larger_than_a_read(self, side: Side) -> None:
        task = side.receive()
        data = bytes(range(256)) * (3 * READ_SIZE // 256)
        side.arrive(frame(BINARY, data))
        side.loop.run()
        assert task.result() == {"type": "websocket.receive", "bytes": data}

    def test_a_read_is_not_touched_by_the_next(self, open_: Make) -> None:
        one, other = open_(), open_()
        one.say("one", "two")
        other.say("OTHERS")
        assert [one.received(), one.received()] == [event("one"), event("two")]

    def test_what_came_behind_the_request_is_kept(self, begin: Make) -> None:
        http = SimpleNamespace(conn=SimpleNamespace(trailing_data=(frame(TEXT, b"early"), False)))
        side = begin(transport=FakeTransport(protocol=http))
        assert side.transport.written == b""
        side.accept()
        assert side.received() == event("early")

    def test_what_comes_before_the_answer_is_kept(self, begin: Make) -> None:
        side = begin()
        side.say("early")
        side.accept()
        assert side.received() == event("early")

    def test_reading_pauses_where_too_much_comes_before_the_answer(self, begin: Make) -> None:
        side = begin(options={"receive_buffer": 1000})
        side.arrive(frame(BINARY, bytes(400)))
        assert side.transport.calls == []
        side.arrive(frame(BINARY, bytes(600)))
        assert side.transport.calls == ["pause_reading"]
        side.accept()
        side.received()
        side.received()
        assert side.transport.calls == ["pause_reading", "resume_reading"]

    def test_reading_pauses_at_the_number_of_messages(self, open_: Make) -> None:
        side = open_(ws_max_queue=4)
        side.say("a", "b", "c")
        assert side.transport.calls == []
        side.say("d")
        assert side.transport.calls == ["pause_reading"]
        side.received()
        assert side.transport.calls == ["pause_reading"]
        side.received()
        assert side.transport.calls == ["pause_reading", "resume_reading"]

    def test_an_unlimited_queue_is_limited_by_bytes(self, open_: Make) -> None:
        side = open_(ws_max_queue=None)
        for _ in range(50):
            side.say(*["x"] * 100)
        assert side.transport.calls == []
        side.arrive(frame(BINARY, bytes(65536)))
        assert side.transport.calls == ["pause_reading"]

    def test_a_queue_of_none_is_one_of_one(self, open_: Make) -> None:
        side = open_(ws_max_queue=0)
        side.say("a")
        assert side.transport.calls == ["pause_reading"]
        assert side.received() == event("a")
        assert side.transport.calls == ["pause_reading", "resume_reading"]

    def test_a_flood_gives_others_their_turn(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(ws_max_queue=None)
        side.arrive(frame(TEXT, b"x") * 3 * FRAMES_PER_TURN)
        connection = side.protocol._connection
        read = [connection.inbox.messages]
        while not loop.is_idle:
            loop.turn()
            read.append(connection.inbox.messages)
        assert read == [FRAMES_PER_TURN, 2 * FRAMES_PER_TURN, 3 * FRAMES_PER_TURN]

    def test_a_flood_is_not_read_on_twice_a_turn(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(ws_max_queue=None)
        side.arrive(frame(TEXT, b"x") * 3 * FRAMES_PER_TURN)
        side.protocol.update_reading()
        loop.turn()
        assert side.protocol._connection.inbox.messages == 2 * FRAMES_PER_TURN

    def test_nothing_is_done_to_the_reading_of_a_transport_that_is_closing(self, open_: Make) -> None:
        side = open_(ws_max_queue=1)
        side.transport.closing = True
        side.say("a")
        assert side.transport.calls == []

    def test_after_the_end_the_rest_is_read_and_thrown_away(self, side: Side) -> None:
        side.arrive(UNKNOWN_OPCODE + bytes(READ_SIZE))
        side.arrive(bytes(10 * READ_SIZE))
        assert side.finished == ["write_eof"]
        assert "pause_reading" not in side.transport.calls

    def test_but_not_without_end(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("safews._connection.DISCARD_LIMIT", 10 * READ_SIZE)
        side.arrive(UNKNOWN_OPCODE)
        side.arrive(bytes(11 * READ_SIZE))
        assert side.finished == ["write_eof", "abort"]


class TestOutput:
    @pytest.mark.parametrize(("tls", "mark"), [(False, None), (True, 64 * 1024)], ids=["TCP", "TLS"])
    def test_mark_is_that_of_tcp(self, begin: Make, tls: bool, mark: int | None) -> None:
        """TLS's own is eight times as high."""
        transport = FakeTransport(tls=tls)
        begin(transport=transport)
        assert transport.mark == mark

    def test_a_message_is_written_at_the_end_of_the_turn(self, side: Side, loop: FakeLoop) -> None:
        loop.create_task(side.send_event(HELLO))
        loop.turn()
        assert side.transport.writes == []
        loop.turn()
        assert side.frames() == [Frame(TEXT, b"hello")]

    def test_many_of_one_turn_are_one_write(self, side: Side, loop: FakeLoop) -> None:
        for _ in range(10):
            loop.create_task(side.send_event(HELLO))
        loop.run()
        assert len(side.transport.writes) == 1
        assert side.frames() == [Frame(TEXT, b"hello")] * 10

    def test_much_of_one_turn_is_written_at_once(self, side: Side, loop: FakeLoop) -> None:
        loop.create_task(side.send_event(HELLO))
        loop.create_task(side.send_event({"type": "websocket.send", "bytes": bytes(FLUSH_SIZE)}))
        loop.turn()
        assert side.frames() == [Frame(TEXT, b"hello"), Frame(BINARY, bytes(FLUSH_SIZE))]
        loop.run()
        assert side.transport.writes == []

    def test_a_large_message_is_not_copied_behind_its_header(self, side: Side) -> None:
        side.send({"type": "websocket.send", "bytes": bytes(FLUSH_SIZE)})
        assert [len(data) for data in side.transport.writes] == [10, FLUSH_SIZE]

    def test_what_ends_something_is_written_at_once_and_in_order(self, side: Side, loop: FakeLoop) -> None:
        loop.create_task(side.send_event(HELLO))
        loop.create_task(side.send_event({"type": "websocket.close", "code": 4000}))
        loop.turn()
        assert side.frames() == [Frame(TEXT, b"hello"), close(4000)]

    def test_a_pong_goes_out_with_the_rest_of_the_turn(self, side: Side) -> None:
        side.arrive(frame(PING, b"1") + frame(PING, b"2"))
        side.loop.run()
        assert len(side.transport.writes) == 1
        assert side.frames() == [Frame(PONG, b"1"), Frame(PONG, b"2")]

    def test_nothing_is_written_to_a_transport_that_is_closing(self, side: Side) -> None:
        side.arrive(frame(PING, b"1"))
        side.transport.closing = True
        side.loop.run()
        assert side.transport.writes == []

    def test_a_send_waits_while_the_transport_has_enough(self, side: Side) -> None:
        side.protocol.pause_writing()
        task = side.send()
        assert (task.done(), side.transport.writes) == (False, [])
        side.protocol.resume_writing()
        side.loop.run()
        assert (task.done(), side.frames()) == (True, [Frame(TEXT, b"hello")])

    def test_a_waiting_send_ends_with_the_transport(self, side: Side) -> None:
        side.protocol.pause_writing()
        task = side.send()
        side.lose()
        assert type(task.exception()).__name__ == "ClientDisconnected"

    @pytest.mark.parametrize(
        "ending", [lambda side: side.protocol.shutdown(), lambda side: side.arrive(UNKNOWN_OPCODE)]
    )
    def test_a_waiting_send_ends_once_nothing_can_be_said(self, side: Side, ending: Callable[[Side], object]) -> None:
        side.protocol.pause_writing()
        task = side.send()
        ending(side)
        side.loop.run()
        assert isinstance(task.exception(), ClientDisconnected)

    def test_nothing_waits_for_room_once_nothing_can_be_said(self, side: Side) -> None:
        side.arrive(UNKNOWN_OPCODE)
        side.protocol.pause_writing()
        assert isinstance(side.send().exception(), ClientDisconnected)

    def test_pings_are_not_read_while_the_transport_has_enough(self, side: Side) -> None:
        side.protocol.pause_writing()
        side.arrive(frame(PING, b"1") * 1000)
        side.loop.run()
        assert side.transport.calls == ["pause_reading"]
        assert len(side.frames()) <= FRAMES_PER_TURN
        side.protocol.resume_writing()
        side.loop.run()
        assert side.transport.calls == ["pause_reading", "resume_reading"]

    def test_a_tight_loop_of_sends_ends_with_a_transport_that_has_not_said_it(self, side: Side) -> None:
        side.transport.closing = True
        assert type(side.send().exception()).__name__ == "ClientDisconnected"
        assert side.received() == {"type": "websocket.disconnect", "code": 1006}

    def test_the_transports_own_word_then_changes_nothing(self, side: Side, logs: Logs) -> None:
        side.transport.closing = True
        side.send()
        side.lose(ConnectionResetError("reset"))
        assert len(logs.about("[closed]")) == 1

    def test_after_our_close_a_closing_transport_is_no_loss(self, side: Side) -> None:
        side.arrive(close_frame(4000))
        assert side.finished == ["close"]
        assert side.machine is State.DRAINING
        side.send({"type": "websocket.close"})
        assert side.machine is State.DRAINING


class TestEndingTheTransport:
    def test_after_both_closes_it_is_closed(self, side: Side) -> None:
        side.arrive(close_frame(4000, "bye"))
        assert side.frames() == [close(4000, "bye")]
        assert side.finished == ["close"]

    def test_after_ours_it_stays_for_the_peers(self, side: Side) -> None:
        side.send({"type": "websocket.close", "code": 4000})
        assert side.finished == []
        side.arrive(close_frame(4000))
        assert side.finished == ["close"]

    def test_after_a_violation_our_half_is_closed(self, side: Side) -> None:
        side.arrive(UNKNOWN_OPCODE)
        assert [sent.payload[:2] for sent in side.frames()] == [(1002).to_bytes(2, "big")]
        assert side.finished == ["write_eof"]

    def test_after_a_refusal_too(self, begin: Make) -> None:
        side = begin()
        side.send({"type": "websocket.close"})
        assert side.finished == ["write_eof"]

    def test_a_peer_that_is_gone_before_our_half_is_closed(self, side: Side) -> None:
        def write_eof() -> None:
            raise OSError("Transport endpoint is not connected")

        side.transport.write_eof = write_eof  # type: ignore[method-assign]
        side.arrive(UNKNOWN_OPCODE)
        assert side.finished == ["abort"]

    def test_a_loss_that_a_send_has_noticed_ends_it_at_once(self, side: Side, loop: FakeLoop) -> None:
        side.send()
        side.transport.closing = True
        assert isinstance(side.send().exception(), ClientDisconnected)
        assert side.finished == ["abort"]
        assert loop.timers == []

    def test_the_app_is_told_though_a_log_handler_fails(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.Report.closed", fail)
        receiving = side.receive()
        with pytest.raises(LookupError):
            side.protocol.connection_lost(None)
        side.loop.run()
        assert receiving.result() == {"type": "websocket.disconnect", "code": 1006}

    def test_the_transport_is_ended_though_a_log_handler_fails(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.Report.closed", fail)
        with pytest.raises(LookupError):
            side.protocol._stalled()
        assert side.finished == ["abort"]

    def test_a_refusal_ends_though_a_log_handler_fails(self, begin: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.Report.rejected", fail)
        side = begin()
        assert isinstance(side.send({"type": "websocket.close"}).exception(), LookupError)
        assert side.finished == ["write_eof"]

    def test_pings_are_sent_though_a_log_handler_fails(
        self, begin: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.Report.accepted", fail)
        side = begin(ws_ping_interval=1.0)
        assert isinstance(side.send(ACCEPT).exception(), LookupError)
        side.transport.taken()
        loop.advance(1)
        assert [frame.opcode for frame in side.frames()] == [PING]

    def test_a_transport_that_is_closing_is_left_alone(self, side: Side) -> None:
        side.transport.closing = True
        side.arrive(close_frame(4000))
        assert side.finished == []

    def test_the_peers_half_closes_ours(self, side: Side) -> None:
        assert side.protocol.eof_received() is True
        assert side.finished == ["close"]

    def test_over_tls_the_transport_closes_itself(self, open_: Make) -> None:
        side = open_(transport=FakeTransport(tls=True))
        assert side.protocol.eof_received() is False

    def test_over_tls_the_peers_close_is_answered_while_it_can_be(self, open_: Make) -> None:
        side = open_(transport=FakeTransport(tls=True))
        side.say("a")
        side.received()
        side.say("b")
        side.arrive(close_frame(4000))
        assert side.frames() == []
        assert side.protocol.eof_received() is False
        assert side.frames() == [close(4000)]
        assert side.finished == ["close"]

    def test_the_peers_half_while_its_close_stands_in_the_queue(self, side: Side) -> None:
        side.say("a")
        side.received()
        side.say("b")
        side.arrive(close_frame(4000))
        assert side.protocol.eof_received() is True
        assert side.finished == []
        side.send()
        side.received()
        side.received()
        assert side.frames() == [Frame(TEXT, b"hello"), close(4000)]
        assert side.finished == ["close"]

    def test_the_peers_half_after_an_abort(self, side: Side, loop: FakeLoop) -> None:
        side.send({"type": "websocket.close"})
        loop.advance(CLOSE_TIMEOUT)
        assert side.finished == ["abort"]
        side.protocol.eof_received()
        assert side.finished == ["abort"]


class TestTlsLinger:
    """TLS has no half-close by which the peer would know that we have finished."""

    @pytest.fixture
    def tls(self, open_: Make) -> Side:
        side = open_(transport=FakeTransport(tls=True))
        side.arrive(UNKNOWN_OPCODE)
        side.frames()
        return side

    def test_a_peer_that_has_taken_everything_is_read_a_little_longer(self, tls: Side, loop: FakeLoop) -> None:
        loop.advance(TLS_LINGER - 0.1)
        assert tls.finished == []
        tls.arrive(bytes(1000))
        loop.advance(0.1)
        assert tls.finished == ["close"]

    def test_then_its_end_is_awaited_within_the_bound(self, tls: Side, loop: FakeLoop) -> None:
        loop.advance(CLOSE_TIMEOUT)
        assert tls.finished == ["close", "abort"]

    def test_one_that_has_not_gets_the_time_to_do_so(self, tls: Side, loop: FakeLoop) -> None:
        tls.transport.buffered = 1000
        loop.advance(3 * TLS_LINGER + 0.5)
        assert tls.finished == []
        tls.transport.buffered = 0
        loop.advance(TLS_LINGER)
        assert tls.finished == ["close"]

    def test_but_no_more_than_any_other(self, tls: Side, loop: FakeLoop) -> None:
        tls.transport.buffered = 1000
        loop.advance(CLOSE_TIMEOUT - 0.1)
        assert tls.finished == []
        loop.advance(0.1)
        assert tls.finished == ["abort"]

    def test_both_times_are_over_in_the_same_turn(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(transport=FakeTransport(tls=True), options={"close_timeout": TLS_LINGER - 0.01})
        side.arrive(UNKNOWN_OPCODE)
        loop.advance(TLS_LINGER - 0.05)
        loop.stall(0.05)
        assert side.finished == ["abort"]

    def test_a_refusal_lingers_too(self, begin: Make, loop: FakeLoop) -> None:
        side = begin(transport=FakeTransport(tls=True))
        side.send({"type": "websocket.close"})
        assert side.finished == []
        loop.advance(TLS_LINGER)
        assert side.finished == ["close"]

    async def test_a_real_tls_peer_reads_all_and_then_the_end(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_output, "TLS_LINGER", 0.05)
        async with start(App(echo), tls=True) as server, server.open() as client:
            await client.send(UNKNOWN_OPCODE)
            assert (await client.frame()).payload[:2] == (1002).to_bytes(2, "big")
            await client.expect_eof()
            client.close()
            await server.became_idle()

    async def test_a_real_plain_peer_reads_the_end_at_once_and_may_still_send(self, start: Start) -> None:
        async with start(App(echo)) as server, server.open() as client:
            await client.send(UNKNOWN_OPCODE)
            assert (await client.frame()).payload[:2] == (1002).to_bytes(2, "big")
            await client.expect_eof()
            await client.send(bytes(1000))
            await turns()
            assert not server.idle
            client.close()
            await server.became_idle()


class TestBounds:
    """Every wait for a peer has an end, and its last step is an abort."""

    def aborted_after(self, side: Side, loop: FakeLoop, limit: float = 200.0) -> float:
        """In how many seconds the transport is aborted."""
        start = loop.time()
        while "abort" not in side.finished:
            assert loop.timers, "nothing will end it"
            assert loop.time() - start < limit
            loop.advance(loop.timers[0])
        return loop.time() - start

    def test_for_the_peers_close(self, side: Side, loop: FakeLoop) -> None:
        side.send({"type": "websocket.close"})
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT
        assert side.machine is State.CLOSED

    def test_for_the_end_of_its_stream(self, side: Side, loop: FakeLoop) -> None:
        side.arrive(UNKNOWN_OPCODE)
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT

    def test_for_the_close_of_the_transport(self, side: Side, loop: FakeLoop) -> None:
        side.arrive(close_frame(4000))
        assert side.finished == ["close"]
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT

    def test_from_one_of_our_states_to_the_next_they_do_not_add_up(self, side: Side, loop: FakeLoop) -> None:
        side.send({"type": "websocket.close"})
        loop.advance(6.0)
        side.arrive(UNKNOWN_OPCODE)
        assert side.machine is State.DRAINING
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT - 6.0

    def test_a_shutdown_does_not_put_them_off(self, side: Side, loop: FakeLoop) -> None:
        side.send({"type": "websocket.close"})
        loop.advance(6.0)
        side.protocol.shutdown()
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT - 6.0

    def test_for_the_app_to_reach_the_peers_close(self, side: Side, loop: FakeLoop) -> None:
        side.say("a")
        side.received()
        side.say("b")
        side.arrive(close_frame(4000))
        loop.advance(CLOSE_GRACE - 0.1)
        assert side.frames() == []
        loop.advance(0.1)
        assert side.frames() == [close(4000)]
        assert side.finished == ["close"]

    def test_a_stall_takes_no_time_from_the_app(self, side: Side, loop: FakeLoop) -> None:
        side.say("a")
        side.received()
        side.say("b")
        side.arrive(close_frame(4000))
        loop.stall(CLOSE_GRACE)
        assert side.received()["text"] == "b"
        side.send({"type": "websocket.send", "text": "the answer"})
        assert side.received()["type"] == "websocket.disconnect"
        assert side.frames() == [Frame(TEXT, b"the answer"), close(4000)]

    def test_nor_from_the_peers_close(self, side: Side, loop: FakeLoop) -> None:
        side.send({"type": "websocket.close"})
        loop.stall(CLOSE_TIMEOUT)
        side.arrive(close_frame(1000))
        assert side.finished == ["close"]

    def test_for_the_apps_own_response_on_a_shutdown(self, begin: Make, loop: FakeLoop) -> None:
        side = begin()
        side.send({"type": "websocket.http.response.start", "status": 401})
        loop.advance(1000.0)
        assert side.finished == []
        side.protocol.shutdown()
        assert self.aborted_after(side, loop) == CLOSE_TIMEOUT

    def test_for_a_peer_that_takes_nothing(self, side: Side, loop: FakeLoop, logs: Logs) -> None:
        side.transport.stuck = True
        side.send()
        assert self.aborted_after(side, loop) == WRITE_TIMEOUT
        side.lose()
        assert "slow peer" in logs.about("[closed]")[0]
        assert side.received() == {"type": "websocket.disconnect", "code": 1006}

    def test_for_one_that_takes_nothing_there_is_none_where_that_is_off(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"write_timeout": None})
        side.transport.stuck = True
        side.send()
        assert loop.timers == []
        side.lose()
        assert side.machine is State.CLOSED

    def test_two_that_are_over_in_the_same_turn(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"close_timeout": WRITE_TIMEOUT})
        side.transport.stuck = True  # Not every transport forgets what it holds when it is aborted.
        side.send({"type": "websocket.close"})
        loop.advance(WRITE_TIMEOUT - 0.1)
        loop.stall(0.1)
        assert side.finished == ["abort"]

    def test_another_value(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"close_timeout": 2.0})
        side.send({"type": "websocket.close"})
        assert self.aborted_after(side, loop) == 2.0


def stalled(side: Side) -> None:
    side.transport.stuck = True
    side.send()


def ending(side: Side) -> None:
    side.say("a")
    side.received()
    side.say("b")
    side.arrive(close_frame(4000))


def denying(side: Side) -> None:
    side.send({"type": "websocket.http.response.start", "status": 401})
    side.protocol.shutdown()


def pinged(side: Side) -> None:
    side.loop.advance(PING_INTERVAL)


def closing(side: Side) -> None:
    side.send({"type": "websocket.close"})


def draining(side: Side) -> None:
    side.arrive(UNKNOWN_OPCODE)


def shut_down(side: Side) -> None:
    side.protocol.shutdown()


def opened(*then: Callable[[Side], None]) -> Callable[[Side], None]:
    """The app accepts, ``then`` more happens."""

    def act(side: Side) -> None:
        for step in (Side.accept, *then):
            step(side)

    return act


BOUNDLESS = {"write_timeout": None}
"""Without a timer for the peer to take output."""

WAITS: dict[str, Callable[[Side], None]] = {
    "open": opened(),
    "stalled": opened(stalled),
    "pinged": opened(pinged),
    "ending": opened(ending),
    "closing": opened(closing),
    "draining": opened(draining),
    "shut down": opened(shut_down),
    "refused": closing,
    "denying": denying,
    "unanswered": lambda side: None,
}
"""What a connection can be waiting for."""


class TestNothingIsLeft:
    @pytest.mark.parametrize("wait", WAITS)
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_no_timer_runs_after_the_transport_is_lost(self, begin: Make, loop: FakeLoop, wait: str, tls: bool) -> None:
        side = begin(
            transport=FakeTransport(tls=tls),
            options={"accept_timeout": 50.0, "drain_spread": 5.0},
            ws_ping_interval=PING_INTERVAL,
            ws_ping_timeout=PING_TIMEOUT,
        )
        WAITS[wait](side)
        loop.run()
        assert loop.timers
        side.lose()
        assert loop.timers == []

    @pytest.mark.parametrize("wait", WAITS)
    @pytest.mark.parametrize("app_is_first", [True, False], ids=["app first", "app last"])
    @pytest.mark.parametrize("cancelled", [False, True], ids=["returns", "is cancelled"])
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_it_is_freed_without_the_garbage_collector(
        self, begin: Make, loop: FakeLoop, wait: str, app_is_first: bool, cancelled: bool, tls: bool
    ) -> None:
        side = begin(transport=FakeTransport(tls=tls), ws_ping_interval=PING_INTERVAL)
        WAITS[wait](side)
        loop.run()
        connection = weakref.ref(side.protocol)

        def end() -> None:
            if cancelled:
                side.verdict.cancel()
                loop.run()
            else:
                side.finish()

        gc.disable()
        try:
            for step in (end, side.lose) if app_is_first else (side.lose, end):
                step()
            side.transport.set_protocol(asyncio.Protocol())
            # What the app has been given it may keep.
            assert isinstance(side.send().exception(), ClientDisconnected)
            assert side.send({"type": "websocket.close"}).exception() is None
            while side.receive().exception() is None:
                pass
            del side.protocol
            assert connection() is None
        finally:
            gc.enable()

    @pytest.mark.parametrize("others", [0, 1])
    def test_nor_one_for_idle_compressors_after_the_last_connection(
        self, open_: Make, loop: FakeLoop, others: int
    ) -> None:
        offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]
        side, *rest = [open_(request=upgrade_request(headers=offer), options=BOUNDLESS) for _ in range(1 + others)]
        for each in (side, *rest):
            each.send({"type": "websocket.send", "text": "a" * 100})
            assert each.frames()[0].rsv1
        assert loop.timers == [IDLE_SECONDS]
        side.lose()
        assert loop.timers == [IDLE_SECONDS] * others
        for each in rest:
            each.lose()
        assert loop.timers == []

    def test_nor_does_the_app_need_it(self, side: Side) -> None:
        queue = weakref.ref(side.protocol._connection.inbox.events)
        gc.disable()
        try:
            side.lose()
            side.finish()
            side.transport.set_protocol(asyncio.Protocol())
            # A task that was cancelled keeps what was called then.
            assert side.send_event.__self__.task is None
            del side.protocol, side.send_event, side.receive_event
            assert queue() is None
        finally:
            gc.enable()

    def test_no_sender_waits_after_the_end_of_a_denial(self, begin: Make, loop: FakeLoop) -> None:
        side = begin()
        side.send({"type": "websocket.http.response.start", "status": 401})
        side.protocol.pause_writing()
        waiting = side.send({"type": "websocket.http.response.body", "body": b"more", "more_body": True})
        side.protocol.shutdown()
        loop.run()
        assert not waiting.done()
        side.protocol.eof_received()
        loop.run()
        assert waiting.done()

    @pytest.mark.parametrize("wait", WAITS)
    def test_one_disconnect_is_delivered(self, begin: Make, loop: FakeLoop, wait: str) -> None:
        side = begin()
        WAITS[wait](side)
        loop.run()
        side.lose()
        received = []
        while (task := side.receive()).exception() is None:
            received.append(task.result()["type"])
        assert received.count("websocket.disconnect") == 1
        assert received[-1] == "websocket.disconnect"

    @pytest.mark.parametrize("wait", WAITS)
    def test_a_message_is_not_written_after_the_end(self, begin: Make, loop: FakeLoop, wait: str) -> None:
        side = begin()
        WAITS[wait](side)
        side.lose()
        side.transport.taken()
        side.send()
        loop.advance(1000.0)
        assert side.transport.writes == []

    def test_output_of_the_turn_in_which_it_is_lost_is_dropped(self, side: Side, loop: FakeLoop) -> None:
        side.arrive(frame(PING, b"1"))
        side.lose()
        assert side.transport.writes == []

    def test_what_was_read_before_the_loss_is_still_delivered(self, open_: Make) -> None:
        side = open_(ws_max_queue=2)
        side.arrive(frame(TEXT, b"x") * 10)
        side.lose()
        assert [side.received() for _ in range(10)] == [event("x")] * 10
        assert side.received() == {"type": "websocket.disconnect", "code": 1006}


class TestKeepalive:
    @pytest.fixture
    def pinged(self, open_: Make, loop: FakeLoop) -> Side:
        """A connection with a ping under way."""
        side = open_(ws_ping_interval=PING_INTERVAL, ws_ping_timeout=PING_TIMEOUT)
        loop.advance(PING_INTERVAL)
        return side

    def answer(self, side: Side) -> None:
        (ping,) = side.frames()
        assert ping.opcode == PING
        side.arrive(frame(PONG, ping.payload))

    @pytest.mark.parametrize("interval", [None, 0])
    def test_it_can_be_off(self, open_: Make, loop: FakeLoop, interval: float | None) -> None:
        side = open_(ws_ping_interval=interval)
        loop.advance(WRITE_TIMEOUT)
        assert (side.frames(), loop.timers) == ([], [])

    def test_there_is_none_where_the_close_came_before_the_answer(self, begin: Make, loop: FakeLoop) -> None:
        side = begin(ws_ping_interval=PING_INTERVAL, options={"close_timeout": 3 * PING_INTERVAL})
        side.arrive(close_frame(1000))
        side.accept()
        loop.advance(2 * PING_INTERVAL)
        assert side.machine is State.DRAINING
        # The answer to the Close went out with the 101.
        assert side.frames() == []

    def test_a_pong_where_it_is_off_is_ignored(self, side: Side) -> None:
        side.arrive(frame(PONG, b"1"))
        assert side.machine is State.OPEN

    def test_a_peer_that_answers_stays(self, pinged: Side, loop: FakeLoop) -> None:
        for _ in range(3):
            self.answer(pinged)
            loop.advance(PING_INTERVAL)
        assert pinged.machine is State.OPEN

    def test_a_ping_does_not_wait_for_the_end_of_the_turn(self, pinged: Side, loop: FakeLoop) -> None:
        self.answer(pinged)
        loop.advance(PING_INTERVAL - BEAT)
        loop.create_task(pinged.send_event(HELLO))
        loop.turn()
        loop.stall(BEAT)
        assert [sent.opcode for sent in pinged.frames()] == [TEXT, PING]

    def test_a_peer_that_does_not_is_closed_and_cut_off_a_second_later(
        self, pinged: Side, loop: FakeLoop, logs: Logs
    ) -> None:
        pinged.frames()
        loop.advance(PING_TIMEOUT)
        assert pinged.frames() == [close(1011, "keepalive ping timeout")]
        assert pinged.finished == []
        loop.advance(1.0)
        assert pinged.finished == ["abort"]
        assert pinged.received() == {"type": "websocket.disconnect", "code": 1006}
        assert "keepalive ping timeout" in logs.about("[closed]")[0]

    @pytest.mark.parametrize("where", ["transport", "outbox"])
    def test_one_that_does_not_take_our_output_either_is_cut_off_at_once(
        self, pinged: Side, loop: FakeLoop, where: str
    ) -> None:
        loop.advance(PING_TIMEOUT - 0.5)
        if where == "transport":
            pinged.transport.buffered = 1
        else:
            loop.call_soon(pinged.arrive, frame(PING, b"1"))  # Read in the turn in which the time is over.
        loop.stall(0.5)
        assert pinged.finished == ["abort"]

    def test_it_stops_when_the_connection_is_no_longer_open(self, pinged: Side, loop: FakeLoop) -> None:
        pinged.send({"type": "websocket.close"})
        pinged.frames()
        loop.advance(CLOSE_TIMEOUT - 0.1)
        assert pinged.frames() == []
        assert loop.timers == pytest.approx([0.1])

    def test_an_unread_pong_is_not_held_against_the_peer(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(ws_max_queue=1, ws_ping_interval=PING_INTERVAL, ws_ping_timeout=PING_TIMEOUT)
        side.say("a")
        assert side.transport.calls == ["pause_reading"]
        loop.advance(1000.0)
        assert side.machine is State.OPEN

    def test_not_even_where_reading_was_paused_before_the_app_accepted(self, begin: Make, loop: FakeLoop) -> None:
        side = begin(ws_max_queue=1, ws_ping_interval=PING_INTERVAL, ws_ping_timeout=PING_TIMEOUT)
        side.arrive(frame(BINARY, bytes(65536)))
        assert side.transport.calls == ["pause_reading"]
        side.accept()
        assert side.transport.calls == ["pause_reading"]
        loop.advance(1000.0)
        assert side.machine is State.OPEN

    def test_once_it_is_read_again_it_counts(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(ws_max_queue=1, ws_ping_interval=PING_INTERVAL, ws_ping_timeout=PING_TIMEOUT)
        side.say("a")
        loop.advance(1000.0)
        side.received()
        assert side.transport.calls == ["pause_reading", "resume_reading"]
        loop.advance(PING_TIMEOUT + 2.0)
        assert side.received() == {"type": "websocket.disconnect", "code": 1006}

    def test_the_round_trip_is_counted(self, pinged: Side, loop: FakeLoop, ledger: Ledger) -> None:
        loop.advance(2.0)
        self.answer(pinged)
        pinged.arrive(frame(PONG, b"else"))
        trips = ledger.snapshot().round_trips
        assert (trips.count, trips.seconds) == (1, 2.0)

    def test_the_round_trip_is_in_the_close_record(self, pinged: Side, loop: FakeLoop, logs: Logs) -> None:
        loop.advance(2.0)
        self.answer(pinged)
        pinged.lose()
        assert logs.about("[closed]")[0].endswith("ping 2000.0 ms")


class TestCounted:
    """What there is to count; ``test_statistics.py`` has what is made of it."""

    def test_an_answer_is_awaited(self, begin: Make, ledger: Ledger) -> None:
        side = begin()
        side.arrive(frame(TEXT, b"early"))
        assert side.protocol.account == (State.CONNECTING, None, 0, 0, 0, 0)
        assert not ledger.is_empty

    def test_it_is_open(self, side: Side) -> None:
        side.say("hello", "you")
        side.send()
        received = 2 * 6 + len("hello") + len("you")
        assert side.protocol.account == (State.OPEN, Outcome.ACCEPTED, 2, 1, received, 2 + len("hello"))

    def test_its_end_is_known_once_what_came_before_is_read(self, begin: Make, ledger: Ledger) -> None:
        side = begin(ws_max_queue=1)
        side.accept()
        side.say("one", "two", "three")
        side.lose()
        assert ledger.snapshot().connections["closed"] == 1
        assert [side.received()["text"] for _ in range(3)] == ["one", "two", "three"]
        assert side.received() == GONE
        stats = ledger.snapshot()
        assert (stats.closes, stats.messages_in, ledger.is_empty) == ({(1006, "network"): 1}, 3, True)


class TestCloseRecord:
    def fields(self, logs: Logs, level: int = logging.INFO) -> dict[str, Any]:
        """The fields of the one close record."""
        (record,) = [record for record in logs.at(level) if "[closed]" in record.getMessage()]
        return vars(record)

    def test_it_tells_what_the_connection_did(self, side: Side, loop: FakeLoop, logs: Logs) -> None:
        side.say("hello", "you")
        side.send()
        loop.advance(3.0)
        side.arrive(close_frame(4000, "bye"))
        side.lose()
        fields = self.fields(logs)
        assert fields["websocket_client"] == "192.0.2.1:4000"
        assert fields["websocket_path"] == "/chat"
        assert fields["websocket_close_code"] == 4000
        assert fields["websocket_close_reason"] == "bye"
        assert fields["websocket_close_clean"] is True
        assert fields["websocket_closed_by"] == "peer"
        assert fields["websocket_seconds"] == 3.0
        assert fields["websocket_messages_in"] == 2
        assert fields["websocket_messages_out"] == 1
        assert fields["websocket_bytes_in"] == len(
            frame(TEXT, b"hello") + frame(TEXT, b"you") + close_frame(4000, "bye")
        )
        assert fields["websocket_round_trip"] is None

    def test_bytes_out_are_those_of_the_frames(self, side: Side, logs: Logs) -> None:
        side.send()
        side.arrive(frame(PING, b"1"))
        side.arrive(close_frame(4000))
        written = len(side.transport.written)
        side.lose()
        assert self.fields(logs)["websocket_bytes_out"] == written

    def test_bytes_out_include_what_goes_out_with_the_answer(self, begin: Make, logs: Logs) -> None:
        early = frame(PING, b"1") + frame(PING, b"2")
        http = SimpleNamespace(conn=SimpleNamespace(trailing_data=(early, False)))
        side = begin(transport=FakeTransport(protocol=http))
        side.accept()
        side.lose()
        # Two Pongs.
        assert self.fields(logs)["websocket_bytes_out"] == 6

    def test_bytes_in_include_what_came_behind_the_request(self, begin: Make, logs: Logs) -> None:
        early = frame(TEXT, b"early")
        http = SimpleNamespace(conn=SimpleNamespace(trailing_data=(early, False)))
        side = begin(transport=FakeTransport(protocol=http))
        side.accept()
        side.say("later")
        side.lose()
        assert self.fields(logs)["websocket_bytes_in"] == len(early) + len(frame(TEXT, b"later"))

    def test_it_is_written_when_the_transport_is_gone(self, side: Side, logs: Logs) -> None:
        side.arrive(close_frame(4000))
        assert logs.about("[closed]") == []
        side.lose()
        assert len(logs.about("[closed]")) == 1

    @pytest.mark.parametrize(
        ("error", "detail"),
        [(None, "connection lost"), (ConnectionResetError("by peer"), "ConnectionResetError: by peer")],
    )
    def test_it_says_how_the_transport_was_lost(
        self, side: Side, logs: Logs, error: Exception | None, detail: str
    ) -> None:
        side.lose(error)
        fields = self.fields(logs)
        assert fields["websocket_closed_by"] == "network"
        if error is not None:
            assert fields["websocket_close_detail"] == detail

    def test_it_needs_the_access_log(self, open_: Make, logs: Logs) -> None:
        side = open_(access_log=False)
        side.lose()
        assert logs.about("[closed]") == []

    def test_but_not_where_it_was_us_who_ended_it(self, open_: Make, logs: Logs) -> None:
        side = open_(access_log=False)
        side.arrive(UNKNOWN_OPCODE)
        side.lose()
        assert self.fields(logs)["websocket_close_code"] == 1002

    def test_a_shutdown_has_it_at_debug(self, side: Side, logs: Logs) -> None:
        side.protocol.shutdown()
        side.lose()
        assert logs.about("[closed]") == []
        assert self.fields(logs, logging.DEBUG)["websocket_close_code"] == 1012

    def test_a_connection_that_was_never_open_has_none(self, begin: Make, logs: Logs) -> None:
        side = begin()
        side.lose()
        assert self.records(logs) == []

    def records(self, logs: Logs) -> list[str]:
        return [record.getMessage() for record in logs.records if "[closed]" in record.getMessage()]


class TestShutdown:
    def test_an_open_connection_is_closed(self, side: Side) -> None:
        side.protocol.shutdown()
        assert side.frames() == [close(1012)]
        assert side.received() == {"type": "websocket.disconnect", "code": 1012}

    def test_the_code_is_an_option(self, open_: Make) -> None:
        side = open_(options={"shutdown_code": 1001})
        side.protocol.shutdown()
        assert side.frames() == [close(1001)]

    def test_what_was_sent_before_goes_first(self, side: Side, loop: FakeLoop) -> None:
        loop.create_task(side.send_event(HELLO))
        loop.turn()
        side.protocol.shutdown()
        assert side.frames() == [Frame(TEXT, b"hello"), close(1012)]

    def test_an_unanswered_one_is_a_503(self, begin: Make) -> None:
        side = begin()
        side.protocol.shutdown()
        assert side.transport.written.startswith(b"HTTP/1.1 503 ")

    def test_it_is_one_line_for_the_server(self, open_: Make, begin: Make, loop: FakeLoop, logs: Logs) -> None:
        state = ServerState()
        sides = [open_(state=state) for _ in range(3)]
        state.connections.add(asyncio.Protocol())  # type: ignore[arg-type] # One that speaks HTTP.
        sides.append(begin(state=state))  # One that the app has not answered.
        for side in sides:
            side.protocol.shutdown()
        loop.run()
        assert logs.about("Closing") == ["Closing 3 WebSocket connection(s) with code 1012"]

    def test_it_ends_all_though_a_log_handler_fails(
        self, open_: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        monkeypatch.setattr("safews._report.shutting_down", fail)
        side = open_()
        side.protocol.shutdown()
        assert side.frames() == [close(1012)]
        with pytest.raises(LookupError):
            loop.run()

    def test_another_server_has_its_own(self, open_: Make, loop: FakeLoop, logs: Logs) -> None:
        for _ in range(2):
            open_().protocol.shutdown()
        loop.run()
        assert len(logs.about("Closing")) == 2

    def test_one_who_comes_during_it_is_a_503(self, side: Side, begin: Make) -> None:
        side.protocol.shutdown()
        late = begin(state=side.state)
        assert late.transport.written.startswith(b"HTTP/1.1 503 ")
        assert late.finished == ["write_eof"]
        assert late.calls == 0

    def test_one_who_comes_to_another_server_is_served(self, side: Side, open_: Make) -> None:
        side.protocol.shutdown()
        assert open_().machine is State.OPEN

    @pytest.mark.parametrize("wait", WAITS)
    @pytest.mark.parametrize("lost", [False, True], ids=["connected", "lost"])
    def test_it_never_raises(self, begin: Make, loop: FakeLoop, wait: str, lost: bool) -> None:
        side = begin()
        WAITS[wait](side)
        if lost:
            side.lose()
        for _ in range(3):
            side.protocol.shutdown()
            loop.run()
        assert side.machine is not State.OPEN


class TestDrainSpread:
    @pytest.fixture
    def drawn(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
        """The limits between which a time was drawn; it is always a quarter of the way."""
        drawn: list[tuple[float, float]] = []

        def uniform(least: float, most: float) -> float:
            drawn.append((least, most))
            return least + (most - least) / 4

        monkeypatch.setattr(_protocol, "random", SimpleNamespace(uniform=uniform))
        return drawn

    def test_the_close_comes_after_a_share_of_it(
        self, open_: Make, loop: FakeLoop, drawn: list[tuple[float, float]]
    ) -> None:
        side = open_(options={"drain_spread": 8.0})
        side.protocol.shutdown()
        assert drawn == [(0, 8.0)]
        loop.advance(1.9)
        assert side.frames() == []
        loop.advance(0.1)
        assert side.frames() == [close(1012)]

    def test_until_then_the_connection_works(self, open_: Make, loop: FakeLoop, drawn: object) -> None:
        side = open_(options={"drain_spread": 8.0})
        side.protocol.shutdown()
        side.say("hello")
        assert side.received() == event("hello")
        side.send()
        assert side.frames() == [Frame(TEXT, b"hello")]

    def test_one_that_is_closed_meanwhile_is_not_closed_again(self, open_: Make, loop: FakeLoop, drawn: object) -> None:
        side = open_(options={"drain_spread": 8.0})
        side.protocol.shutdown()
        side.arrive(close_frame(4000))
        loop.advance(8.0)
        assert side.frames() == [close(4000)]

    def test_without_it_the_close_comes_at_once(self, side: Side, drawn: list[tuple[float, float]]) -> None:
        side.protocol.shutdown()
        assert side.frames() == [close(1012)]
        assert drawn == []

    def test_what_is_not_open_ends_at_once(self, begin: Make, drawn: list[tuple[float, float]]) -> None:
        side = begin(options={"drain_spread": 8.0})
        side.protocol.shutdown()
        assert side.transport.written.startswith(b"HTTP/1.1 503 ")
        assert drawn == []

    def test_it_is_at_most_the_whole(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"drain_spread": 8.0})
        side.protocol.shutdown()
        loop.advance(8.0)
        assert side.frames() == [close(1012)]


class TestAppGrace:
    GRACE = 4.0

    @pytest.fixture
    def lost(self, open_: Make) -> Side:
        """A connection that has ended on a shutdown while its app runs on."""
        side = open_(options={"app_grace": self.GRACE})
        side.protocol.shutdown()
        side.lose()
        return side

    def test_an_app_that_does_not_return_is_cancelled(self, lost: Side, loop: FakeLoop, logs: Logs) -> None:
        (task,) = lost.state.tasks
        loop.advance(self.GRACE - 0.1)
        assert not task.done()
        loop.advance(0.1)
        assert task.cancelled()
        assert [line.rpartition('" ')[2] for line in logs.warnings] == ["app cancelled"]

    def test_one_that_returns_in_time_is_not(self, lost: Side, loop: FakeLoop) -> None:
        (task,) = lost.state.tasks
        lost.finish()
        assert loop.timers == []
        assert not task.cancelled()

    def test_the_time_of_one_whose_client_had_gone_before_runs_from_the_shutdown(
        self, open_: Make, loop: FakeLoop
    ) -> None:
        gone = open_(options={"app_grace": self.GRACE})
        (task,) = gone.state.tasks
        other = open_(state=gone.state)
        gone.lose()
        loop.advance(1000.0)
        other.protocol.shutdown()
        loop.advance(self.GRACE - 0.1)
        assert not task.done()
        loop.advance(0.1)
        assert task.cancelled()

    def test_another_server_s_shutdown_does_not_concern_it(self, open_: Make, loop: FakeLoop) -> None:
        gone = open_(options={"app_grace": self.GRACE})
        gone.lose()
        open_().protocol.shutdown()
        loop.advance(1000.0)
        assert len(gone.state.tasks) == 1

    def test_one_that_has_returned_needs_no_timer(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"app_grace": self.GRACE})
        side.protocol.shutdown()
        side.finish()
        side.lose()
        assert loop.timers == []

    def test_one_that_was_never_called_needs_none(self, make: Make, loop: FakeLoop) -> None:
        side = make(options={"app_grace": self.GRACE})
        side.begin()
        side.protocol.shutdown()
        side.lose()
        assert loop.timers == []

    def test_by_default_it_may_go_on(self, side: Side, loop: FakeLoop) -> None:
        side.protocol.shutdown()
        side.lose()
        assert loop.timers == []
        assert len(side.state.tasks) == 1

    def test_it_is_for_shutdowns_alone(self, open_: Make, loop: FakeLoop) -> None:
        side = open_(options={"app_grace": self.GRACE})
        side.lose()
        loop.advance(1000.0)
        assert len(side.state.tasks) == 1


async def test_a_real_connection_from_the_handshake_to_the_close(start: Start) -> None:
    app = App(echo)
    async with start(app) as server, server.open(b"/chat") as client:
        protocol = server.protocol
        await client.send_text("hello")
        await client.expect_text("hello")
        await client.send_close(4000, "bye")
        await client.expect_close(4000, "bye")
        await client.expect_eof()
        await eventually(lambda: server.idle)
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (4000, "bye", "peer")
    assert len(server.logs.about("[closed] 4000")) == 1
