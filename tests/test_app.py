from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections import UserDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from safews import _app
from safews._app import DROP_SECONDS, SHORT_TURN, WORK_PER_SHORT_TURN, WORK_PER_TURN, WORK_SIZE, App
from safews._app_errors import ClientDisconnected
from safews._codecs.websockets import WebsocketsCodec
from safews._connection import Connection
from safews._effects import Effect, Finish, Settings
from safews._options import Options
from safews._outbox import Outbox
from safews._output import FLUSH_SIZE
from safews._report import Report
from safews._state import Input, State
from safews._turn import turn_of
from tests.fakes import FakeLoop, FakeTransport
from tests.harness import BINARY, CLOSE, TEXT, Frame, close_frame, frame, parse_frame, upgrade_request
from tests.harness.logs import Logs, captured

Event = dict[str, Any]

ACCEPT: Event = {"type": "websocket.accept"}
HELLO: Event = {"type": "websocket.send", "text": "hello"}
WHO = '192.0.2.1:4000 - "WebSocket /chat"'

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")


class Side:
    """An ``App`` on a real ``Connection``, with this object as its link to a network that is not there."""

    def __init__(self, loop: FakeLoop, options: Options, max_queue: int) -> None:
        settings = Settings(options, WebsocketsCodec, max_size=2**24, max_queue=max_queue, compression=False)
        self.connection = Connection(upgrade_request(), settings, Outbox(0))
        scope = {"client": ("192.0.2.1", 4000), "path": "/chat", "query_string": b""}
        self.app = App(loop, self.connection, self, Report(scope), options, self.clock)
        self.loop = loop
        self.now = 0.0
        self.pace = 1.0
        """Seconds from one look at the clock to the next: no turn is short."""
        self.effects: list[Effect] = []
        self.calls: list[str] = []
        self.written = b""
        self.transport = FakeTransport()
        """Closing where it is lost and has not said so."""

    def clock(self) -> float:
        self.now += self.pace
        return self.now

    # The link

    def settle(self) -> None:
        self.calls.append("settle")
        self.flush()
        self.effects += self.connection.effects
        self.connection.effects = []
        self.app.wake()
        self.connection.is_at_ease(reading=True)

    def gather(self) -> None:
        self.calls.append("gather")
        if self.connection.outbox.size >= FLUSH_SIZE:
            self.flush()
        else:
            turn_of(self.loop).at_end(self)

    def flush(self) -> None:
        self.written += b"".join(self.connection.outbox.take())

    def notice_loss(self) -> None:
        if self.transport.closing and self.connection.state is not State.CLOSED:
            self.lose()

    def update_reading(self) -> None:
        self.calls.append("update_reading")

    # The peer and the network

    def arrive(self, data: bytes) -> None:
        """The peer's bytes arrive."""
        self.connection.receive_data(data)
        self.settle()

    def say(self, *texts: str) -> None:
        """The peer sends messages in one segment."""
        self.arrive(b"".join(frame(TEXT, text.encode()) for text in texts))

    def lose(self) -> None:
        """The transport is lost."""
        self.connection.lost("reset")
        self.app.gate.resume()
        self.settle()

    def accept(self) -> None:
        """The app accepts, without a task of its own."""
        self.connection.take()
        self.connection.send(ACCEPT)
        self.settle()
        self.written = b""
        self.calls.clear()

    # The app

    def run(self, script: Callable[..., Awaitable[object]], *, eager: bool = False) -> asyncio.Task[None]:
        """Call an app ``script(receive, send)`` and run the loop until it rests."""
        self.loop.eager = eager
        task = self.start(script)
        self.loop.run()
        return task

    def start(self, script: Callable[..., Awaitable[object]], *, own_context: bool = False) -> asyncio.Task[None]:
        return self.app.start(lambda scope, receive, send: script(receive, send), {}, own_context=own_context)

    def receive(self) -> asyncio.Task[Event]:
        """Receive in a task; the loop is not run."""
        return self.loop.create_task(self.app.receive())

    def received(self) -> Event:
        """Receive what must be there."""
        task = self.receive()
        self.loop.run()
        return task.result()

    def send(self, event: Event = HELLO) -> asyncio.Task[None]:
        """Send in a task, run until the loop rests."""
        return self.loop.spawn(self.app.send(event))

    @property
    def frames(self) -> list[Frame]:
        """The frames that were written or wait to be, after the head of an HTTP answer if there is one."""
        _, _, rest = self.written.rpartition(b"\r\n\r\n")
        rest += b"".join(self.connection.outbox.take())
        frames = []
        while (parsed := parse_frame(rest)) is not None:
            frames.append(parsed[0])
            rest = rest[parsed[1] :]
        return frames

    @property
    def status(self) -> bytes:
        """The status of the HTTP answer."""
        return self.written.split(b" ", 2)[1]


def close(code: int) -> Frame:
    return Frame(CLOSE, code.to_bytes(2, "big"))


Make = Callable[..., Side]


@pytest.fixture
def make(loop: FakeLoop) -> Make:
    def make(*, max_queue: int = 32, **options: Any) -> Side:
        return Side(loop, Options(**options), max_queue)

    return make


@pytest.fixture
def new(make: Make) -> Side:
    """An app that has not answered yet."""
    return make()


@pytest.fixture
def side(make: Make) -> Side:
    """An app that has accepted."""
    side = make()
    side.accept()
    return side


@pytest.fixture
def logs() -> Iterator[Logs]:
    with captured(logging.DEBUG) as logs:
        yield logs


def text(content: str) -> Event:
    return {"type": "websocket.receive", "text": content}


def gone(task: asyncio.Task[Any]) -> ClientDisconnected:
    """The ``ClientDisconnected`` that a task has ended with."""
    error = task.exception()
    assert isinstance(error, ClientDisconnected), error
    return error


class TestReceive:
    def test_connect_comes_first(self, new: Side) -> None:
        assert new.received() == {"type": "websocket.connect"}

    def test_messages_come_in_order(self, side: Side) -> None:
        side.say("a", "b", "c")
        assert [side.received() for _ in range(3)] == [text("a"), text("b"), text("c")]

    def test_what_is_there_costs_no_turn(self, side: Side, loop: FakeLoop) -> None:
        side.say("a")
        task = side.receive()
        loop.turn()
        assert task.result() == text("a")

    def test_it_waits_for_a_message(self, side: Side, loop: FakeLoop) -> None:
        task = side.receive()
        loop.run()
        assert not task.done()
        side.say("a")
        loop.run()
        assert task.result() == text("a")

    def test_whoever_waits_is_counted_while_he_waits(self, side: Side, loop: FakeLoop) -> None:
        task = side.receive()
        loop.run()
        assert len(side.connection.inbox.receivers) == 1
        side.say("a")
        loop.run()
        assert task.done()
        assert not side.connection.inbox.receivers

    @pytest.mark.parametrize(("data", "calls"), [(frame(TEXT, b"hello")[:-1], ["update_reading"]), (b"", [])])
    def test_waiting_lets_the_rest_of_a_message_come(
        self, side: Side, loop: FakeLoop, data: bytes, calls: list[str]
    ) -> None:
        side.connection.receive_data(data)
        side.connection.is_at_ease(reading=True)
        side.receive()
        loop.run()
        assert side.calls == calls

    def test_taking_lets_the_connection_read_on(self, make: Make, loop: FakeLoop) -> None:
        side = make(max_queue=2)
        side.accept()
        side.say("a", "b", "c", "d")
        assert [side.received() for _ in range(4)] == [text(name) for name in "abcd"]

    def test_each_of_several_gets_one_message_in_the_order_of_their_calls(self, side: Side, loop: FakeLoop) -> None:
        tasks = [side.receive() for _ in range(3)]
        loop.run()
        side.say("a", "b", "c")
        loop.run()
        assert [task.result() for task in tasks] == [text("a"), text("b"), text("c")]

    def test_only_as_many_are_woken_as_there_are_messages(self, side: Side, loop: FakeLoop) -> None:
        tasks = [side.receive() for _ in range(3)]
        loop.run()
        side.say("a")
        side.say("b")
        loop.run()
        assert [task.done() for task in tasks] == [True, True, False]
        assert len(side.connection.inbox.receivers) == 1

    def test_one_who_finds_it_taken_waits_on(self, side: Side, loop: FakeLoop) -> None:
        waiting = side.receive()
        loop.run()
        quick = side.receive()
        side.say("a")
        loop.run()
        assert quick.result() == text("a")
        assert not waiting.done()
        side.say("b")
        loop.run()
        assert waiting.result() == text("b")


class TestShortcut:
    """What is taken and sent by the short way, and that it is the same by the other."""

    def outcome(self, side: Side, loop: FakeLoop, message: Any) -> object:
        """What comes of a message, and all that could show that it was sent."""
        task = side.send(message)
        loop.run()
        connection = side.connection
        return (
            repr(task.exception()),
            side.frames,
            connection.state,
            connection.outbox.messages,
            side.calls,
            side.effects,
        )

    @pytest.mark.parametrize(
        "message",
        [
            {"text": "grüß"},
            {"text": "x" * FLUSH_SIZE},
            {"bytes": b"ab", "text": None},
            {"bytes": bytearray(b"ab")},
            {"text": "a\ud800"},
            {"text": 1},
            {},
        ],
    )
    def test_sending(self, make: Make, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch, message: Event) -> None:
        message = {"type": "websocket.send", **message}
        short, long = make(), make()
        for side in (short, long):
            side.accept()
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "send", lambda connection, message: pytest.fail("not by the shortcut"))
            outcome = self.outcome(short, loop, message)
        assert outcome == self.outcome(long, loop, UserDict(message))

    @pytest.mark.parametrize("message", ["a", b"b"])
    def test_receiving(self, side: Side, monkeypatch: pytest.MonkeyPatch, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        side.arrive(frame(TEXT if isinstance(message, str) else BINARY, data) * 2)
        side.calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "take", lambda connection: pytest.fail("not by the shortcut"))
            first = side.received()
        assert side.calls == []
        side.connection.inbox.reserve = 1
        assert side.received() == first
        assert side.calls == ["settle"]

    def test_receiving_leaves_a_reserve_while_more_is_to_be_read(self, make: Make) -> None:
        side = make(max_queue=8)
        side.accept()
        side.say(*"abcdefghijkl")
        side.calls.clear()
        assert [side.received()["text"] for _ in range(12)] == list("abcdefghijkl")
        # At the low mark the rest is read, and at the next there is nothing more to do.
        assert side.calls == ["settle"] * 2


class TestCancelledReceive:
    def test_it_loses_nothing(self, side: Side, loop: FakeLoop) -> None:
        task = side.receive()
        loop.run()
        task.cancel()
        loop.run()
        assert task.cancelled()
        assert not side.connection.inbox.receivers
        side.say("a")
        assert side.received() == text("a")

    def test_it_loses_nothing_where_it_was_woken_already(self, side: Side, loop: FakeLoop) -> None:
        task = side.receive()
        loop.run()
        side.say("a")
        task.cancel()
        loop.run()
        assert task.cancelled()
        assert side.received() == text("a")

    def test_another_that_waits_gets_the_message(self, side: Side, loop: FakeLoop) -> None:
        first, second = side.receive(), side.receive()
        loop.run()
        side.say("a")
        first.cancel()
        loop.run()
        assert second.result() == text("a")

    def test_it_loses_nothing_where_it_gave_way(self, side: Side, loop: FakeLoop) -> None:
        async def receive_much() -> None:
            while True:
                side.say("again")
                await side.app.receive()

        task = loop.create_task(receive_much())
        loop.turn()
        task.cancel()
        loop.run()
        side.say("last")
        assert [side.received(), side.received()] == [text("again"), text("last")]

    def test_a_timeout_of_the_apps_own(self, side: Side, loop: FakeLoop) -> None:
        async def script() -> list[Event]:
            received: list[Event] = []
            while len(received) < 3:
                with suppress(asyncio.TimeoutError):
                    received.append(await asyncio.wait_for(side.app.receive(), 1.0))
            return received

        task = loop.create_task(script())
        for name in "abc":
            loop.advance(2.5)
            side.say(name)
        loop.run()
        assert task.result() == [text("a"), text("b"), text("c")]

    def test_one_that_is_closed_rather_than_cancelled(self, side: Side, loop: FakeLoop) -> None:
        abandoned = side.app.receive()
        abandoned.send(None)
        waiting = side.receive()
        loop.run()
        abandoned.close()
        side.say("a")
        loop.run()
        assert waiting.done()


class TestDisconnect:
    def test_it_comes_after_the_messages_before_it(self, side: Side) -> None:
        side.arrive(frame(TEXT, b"a") + close_frame(4000, "bye"))
        assert side.received() == text("a")
        assert side.received() == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}

    def test_after_it_receive_raises_each_time(self, side: Side) -> None:
        side.arrive(close_frame(4000, "bye"))
        side.received()
        for _ in range(3):
            task = side.receive()
            side.loop.run()
            assert (gone(task).code, gone(task).reason) == (4000, "bye")

    def test_the_exception_names_the_state(self, side: Side) -> None:
        side.lose()
        side.received()
        task = side.receive()
        side.loop.run()
        assert "CLOSED" in str(gone(task))
        assert (gone(task).code, gone(task).reason) == (1006, "")

    def test_of_several_one_gets_it_and_the_others_the_exception(self, side: Side, loop: FakeLoop) -> None:
        tasks = [side.receive() for _ in range(3)]
        loop.run()
        side.arrive(close_frame(4000))
        loop.run()
        assert tasks[0].result()["type"] == "websocket.disconnect"
        assert [gone(task).code for task in tasks[1:]] == [4000, 4000]
        assert not side.connection.inbox.receivers

    def test_of_several_some_get_messages_first(self, side: Side, loop: FakeLoop) -> None:
        tasks = [side.receive() for _ in range(4)]
        loop.run()
        side.arrive(frame(TEXT, b"a") + frame(TEXT, b"b") + close_frame(4000))
        loop.run()
        assert [task.result()["type"] for task in tasks[:3]] == [
            "websocket.receive",
            "websocket.receive",
            "websocket.disconnect",
        ]
        gone(tasks[3])

    def test_one_that_is_cancelled_leaves_it_to_another(self, side: Side, loop: FakeLoop) -> None:
        first, second = side.receive(), side.receive()
        loop.run()
        side.lose()
        first.cancel()
        loop.run()
        assert second.result() == {"type": "websocket.disconnect", "code": 1006}


class TestSend:
    def test_a_message_is_gathered(self, side: Side) -> None:
        side.send()
        assert side.calls == ["gather"]
        assert side.frames == [Frame(TEXT, b"hello")]

    def test_what_has_consequences_is_carried_out(self, side: Side) -> None:
        side.send({"type": "websocket.close", "code": 4000})
        assert side.calls == ["settle"]
        assert side.frames == [close(4000)]

    def test_it_costs_no_turn(self, side: Side, loop: FakeLoop) -> None:
        task = loop.create_task(side.app.send(HELLO))
        loop.turn()
        assert task.done()

    @pytest.mark.parametrize(
        ("event", "kind"),
        [
            ({"type": "websocket.send", "text": None}, (TypeError, ValueError)),
            ({"type": "websocket.close", "code": 1005}, ValueError),
            ({"type": "websocket.accept"}, RuntimeError),
        ],
    )
    def test_the_apps_mistakes_are_raised(self, side: Side, event: Event, kind: Any) -> None:
        assert isinstance(side.send(event).exception(), kind)
        assert side.frames == []

    def test_after_a_mistake_it_can_go_on(self, side: Side) -> None:
        assert side.send({"type": "websocket.close", "code": 1005}).exception() is not None
        side.send()
        assert side.frames == [Frame(TEXT, b"hello")]

    def test_it_waits_while_output_is_paused(self, side: Side, loop: FakeLoop) -> None:
        side.app.gate.pause()
        task = side.send()
        assert not task.done()
        assert side.frames == []
        side.app.gate.resume()
        loop.run()
        assert task.done()
        assert side.frames == [Frame(TEXT, b"hello")]

    def test_the_order_on_the_wire_is_the_order_of_the_calls(self, side: Side, loop: FakeLoop) -> None:
        side.app.gate.pause()
        tasks = [side.send({"type": "websocket.send", "text": str(number)}) for number in range(100)]
        side.app.gate.resume()
        loop.run()
        assert all(task.done() for task in tasks)
        assert [sent.payload for sent in side.frames] == [str(number).encode() for number in range(100)]

    def test_a_mistake_of_one_that_waited_lets_the_next_through(self, side: Side, loop: FakeLoop) -> None:
        side.app.gate.pause()
        wrong = side.send({"type": "websocket.send", "text": 1})
        side.send()
        assert not wrong.done()
        side.app.gate.resume()
        loop.run()
        assert isinstance(wrong.exception(), TypeError)
        assert side.frames == [Frame(TEXT, b"hello")]


class TestClose:
    """A close while output is paused: it needs no room, only its place."""

    CLOSE_TIMEOUT = 2.0

    @pytest.fixture
    def side(self, make: Make) -> Side:
        """An app that has accepted, and whose output is paused."""
        side = make(close_timeout=self.CLOSE_TIMEOUT)
        side.accept()
        side.app.gate.pause()
        return side

    def close(self, side: Side, code: int = 4000) -> asyncio.Task[None]:
        return side.send({"type": "websocket.close", "code": code})

    def test_it_goes_out_at_once_where_nobody_waits(self, side: Side) -> None:
        assert self.close(side).done()
        assert side.frames == [close(4000)]

    def test_a_mistake_in_it_is_raised_at_once_too(self, side: Side) -> None:
        assert isinstance(self.close(side, 1005).exception(), ValueError)

    def test_it_stands_behind_those_who_wait(self, side: Side, loop: FakeLoop) -> None:
        first, second = side.send(), side.send({"type": "websocket.send", "text": "again"})
        closing = self.close(side)
        assert side.frames == []
        side.app.gate.resume()
        loop.run()
        assert first.done()
        assert second.done()
        assert closing.exception() is None
        assert side.frames == [Frame(TEXT, b"hello"), Frame(TEXT, b"again"), close(4000)]
        assert loop.timers == []

    def test_one_that_is_cancelled_while_it_stands_there_is_not_sent(self, side: Side, loop: FakeLoop) -> None:
        side.send()
        closing = self.close(side)
        closing.cancel()
        loop.run()
        side.app.gate.resume()
        loop.run()
        assert closing.cancelled()
        assert side.frames == [Frame(TEXT, b"hello")]

    def test_a_peer_that_takes_nothing_is_given_up(self, side: Side, loop: FakeLoop) -> None:
        waiting = side.send()
        closing = self.close(side)
        loop.advance(self.CLOSE_TIMEOUT - 0.1)
        assert Finish.ABORT not in side.effects
        loop.advance(0.1)
        side.app.gate.resume()
        loop.run()
        assert closing.exception() is None
        assert Finish.ABORT in side.effects
        assert gone(waiting).code == 4000
        assert side.received() == {"type": "websocket.disconnect", "code": 4000}

    def test_who_stood_before_it_is_then_told(self, side: Side, loop: FakeLoop) -> None:
        waiting = side.send()
        self.close(side)
        loop.advance(self.CLOSE_TIMEOUT)
        side.app.gate.resume()
        loop.run()
        assert gone(waiting).code == 4000
        assert Frame(TEXT, b"hello") not in side.frames

    def test_one_who_has_closed_already_is_given_up_too(self, side: Side, loop: FakeLoop) -> None:
        side.say("a")
        side.received()
        side.say("b")
        side.arrive(close_frame(4001))
        waiting = side.send()
        closing = self.close(side)
        loop.advance(self.CLOSE_TIMEOUT)
        side.app.gate.resume()
        loop.run()
        assert closing.exception() is None
        assert side.frames == [close(4001)]
        assert Finish.ABORT in side.effects
        assert gone(waiting).code == 4001
        assert side.received()["text"] == "b"
        assert side.received() == {"type": "websocket.disconnect", "code": 4001, "reason": ""}

    def test_one_who_was_lost_meanwhile_needs_no_more(self, side: Side, loop: FakeLoop) -> None:
        side.send()
        self.close(side)
        side.connection.lost("reset")
        loop.advance(self.CLOSE_TIMEOUT)
        assert Finish.ABORT not in side.effects

    def test_a_mistake_in_it_is_raised_before_its_turn(self, side: Side) -> None:
        side.send()
        assert isinstance(self.close(side, 1005).exception(), ValueError)

    def test_its_place_is_that_of_the_call(self, side: Side, loop: FakeLoop) -> None:
        first, closing, late = side.send(), self.close(side), side.send({"type": "websocket.send", "text": "late"})
        side.app.gate.resume()
        loop.run()
        assert (first.exception(), closing.exception()) == (None, None)
        assert isinstance(late.exception(), RuntimeError)
        assert side.frames == [Frame(TEXT, b"hello"), close(4000)]


class TestSendToNobody:
    def test_it_raises(self, side: Side) -> None:
        side.lose()
        error = gone(side.send())
        assert (error.code, error.reason) == (1006, "")
        assert "CLOSED" in str(error)

    def test_it_raises_from_nothing(self, side: Side) -> None:
        side.lose()
        error = gone(side.send())
        assert error.__cause__ is None
        assert error.__suppress_context__

    def test_it_has_the_code_and_reason_of_the_peers_close(self, side: Side) -> None:
        side.arrive(close_frame(4000, "bye"))
        side.received()
        error = gone(side.send())
        assert (error.code, error.reason) == (4000, "bye")

    def test_before_the_app_has_been_told(self, make: Make) -> None:
        side = make(max_queue=1)
        side.accept()
        side.say("a", "b")
        side.lose()
        assert side.connection.record is None
        assert gone(side.send()).code == 1006

    def test_a_close_is_ignored(self, side: Side) -> None:
        side.lose()
        assert side.send({"type": "websocket.close"}).exception() is None

    def test_all_who_wait_are_told(self, side: Side, loop: FakeLoop) -> None:
        side.app.gate.pause()
        tasks = [side.send() for _ in range(100)]
        side.lose()
        loop.run()
        assert {type(task.exception()) for task in tasks} == {ClientDisconnected}

    def test_a_tight_loop_is_ended_before_the_transport_has_said_so(self, side: Side, loop: FakeLoop) -> None:
        async def send_for_ever() -> None:
            while True:
                await side.app.send(HELLO)

        task = loop.create_task(send_for_ever())
        loop.turn()
        side.transport.closing = True
        loop.run()
        gone(task)
        assert len(side.frames) == WORK_PER_TURN


class TestDrop:
    @pytest.fixture
    def dropping(self, make: Make) -> Side:
        side = make(after_disconnect="drop")
        side.accept()
        return side

    def test_a_message_to_nobody_is_dropped(self, dropping: Side) -> None:
        dropping.lose()
        assert dropping.send().exception() is None
        assert dropping.frames == []

    def test_it_gives_way_each_time(self, dropping: Side, loop: FakeLoop) -> None:
        dropping.lose()

        async def send_ten() -> None:
            for _ in range(10):
                await dropping.app.send(HELLO)

        before = loop.turns
        loop.spawn(send_ten())
        assert loop.turns - before >= 10

    def test_until_the_app_has_been_told(self, dropping: Side) -> None:
        dropping.lose()
        assert dropping.send().exception() is None
        dropping.received()
        gone(dropping.send())

    def test_messages_before_the_disconnect_do_not_tell_it(self, dropping: Side) -> None:
        dropping.say("a")
        dropping.lose()
        dropping.received()
        assert dropping.send().exception() is None

    def test_messages_that_are_not_read_yet_do_not_tell_it(self, make: Make) -> None:
        side = make(after_disconnect="drop", max_queue=1)
        side.accept()
        side.say("a", "b")
        side.lose()
        assert side.connection.record is None
        assert side.send().exception() is None

    def test_for_so_long_at_most(self, dropping: Side, loop: FakeLoop) -> None:
        dropping.lose()
        assert dropping.send().exception() is None
        loop.advance(DROP_SECONDS - 0.1)
        assert dropping.send().exception() is None
        loop.advance(0.1)
        gone(dropping.send())

    def test_a_tight_loop_ends(self, dropping: Side, loop: FakeLoop) -> None:
        async def send_for_ever() -> None:
            while True:
                await dropping.app.send(HELLO)

        dropping.lose()
        task = loop.create_task(send_for_ever())
        while not task.done():
            loop.turn()
            loop.now += 0.5
        gone(task)

    def test_one_that_has_waited_is_dropped_too(self, dropping: Side, loop: FakeLoop) -> None:
        dropping.app.gate.pause()
        task = dropping.send()
        dropping.lose()
        loop.run()
        assert task.exception() is None

    def test_the_apps_mistakes_are_still_raised(self, dropping: Side) -> None:
        dropping.lose()
        assert isinstance(dropping.send({"type": "websocket.hello"}).exception(), RuntimeError)


class TestFairness:
    """One turn of the loop is all that an app gets for a bounded amount of work."""

    def work(self, loop: FakeLoop, step: Callable[[], Awaitable[object]]) -> list[int]:
        """Let a task repeat ``step`` for ever; how often it does so in each of three turns."""
        steps = 0

        async def repeat() -> None:
            nonlocal steps
            while True:
                await step()
                steps += 1

        loop.create_task(repeat())
        counts = []
        for _ in range(3):
            before = steps
            loop.turn()
            counts.append(steps - before)
        return counts

    def test_a_tight_loop_of_sends(self, side: Side, loop: FakeLoop) -> None:
        counts = self.work(loop, lambda: side.app.send(HELLO))
        assert max(counts) <= WORK_PER_TURN
        assert sum(counts) >= 2 * WORK_PER_TURN

    @pytest.mark.parametrize("call", ["send", "receive"])
    @pytest.mark.parametrize(("pace", "times"), [(SHORT_TURN, 1), (SHORT_TURN / 2, 2), (SHORT_TURN / 100, 3)])
    def test_in_a_short_turn_there_is_more(
        self, make: Make, loop: FakeLoop, call: str, pace: float, times: int
    ) -> None:
        side = make(max_queue=20 * WORK_PER_TURN)
        side.accept()
        side.say(*["x"] * 20 * WORK_PER_TURN)
        side.pace = pace
        counts = self.work(loop, side.app.receive if call == "receive" else lambda: side.app.send(HELLO))
        assert counts[1:] == [times * WORK_PER_TURN] * 2
        assert times * WORK_PER_TURN <= WORK_PER_SHORT_TURN

    def test_large_messages_count_for_more(self, side: Side, loop: FakeLoop) -> None:
        large = {"type": "websocket.send", "bytes": bytes(7 * WORK_SIZE)}
        counts = self.work(loop, lambda: side.app.send(large))
        # They are counted when they are written, as many at once as that takes.
        assert max(counts) <= WORK_PER_TURN // 8 + FLUSH_SIZE // (7 * WORK_SIZE)
        assert min(counts) >= WORK_PER_TURN // 8 - 1

    def test_a_tight_loop_of_receives(self, make: Make, loop: FakeLoop) -> None:
        side = make(max_queue=8 * WORK_PER_TURN)
        side.accept()
        side.say(*["x"] * 4 * WORK_PER_TURN)
        counts = self.work(loop, side.app.receive)
        assert counts == [WORK_PER_TURN] * 3

    def test_what_is_read_on_meanwhile_does_not_count_as_rest(self, side: Side, loop: FakeLoop) -> None:
        side.say(*["x" * 4 * WORK_SIZE] * 100)
        counts = self.work(loop, side.app.receive)
        assert max(counts) <= WORK_PER_TURN // 5 + 1

    def test_an_echo(self, make: Make, loop: FakeLoop) -> None:
        side = make(max_queue=8 * WORK_PER_TURN)
        side.accept()
        side.say(*["x"] * 4 * WORK_PER_TURN)

        async def echo() -> None:
            event = await side.app.receive()
            await side.app.send({"type": "websocket.send", "text": event["text"]})

        counts = self.work(loop, echo)
        assert max(counts) <= WORK_PER_TURN // 2
        assert min(counts) >= WORK_PER_TURN // 2 - 1

    def test_many_tasks_share_the_bound(self, side: Side, loop: FakeLoop) -> None:
        async def send_for_ever() -> None:
            while True:
                await side.app.send(HELLO)

        for _ in range(10):
            loop.create_task(send_for_ever())
        loop.turn()
        assert len(side.frames) <= 10 * WORK_PER_TURN

    @pytest.mark.parametrize("call", ["send", "receive"])
    def test_an_app_that_takes_no_notice_of_the_disconnect(self, side: Side, loop: FakeLoop, call: str) -> None:
        async def deaf() -> None:
            with suppress(ClientDisconnected):
                await (side.app.send(HELLO) if call == "send" else side.app.receive())

        side.lose()
        side.received()
        counts = self.work(loop, deaf)
        assert max(counts) <= WORK_PER_TURN
        assert min(counts) >= WORK_PER_TURN - 1

    @pytest.mark.parametrize("wrong", [{}, {"text": 1}, {"text": "a", "bytes": b"a"}, {"text": "\ud800"}])
    def test_an_app_that_takes_no_notice_of_a_wrong_message(
        self, side: Side, loop: FakeLoop, wrong: dict[str, Any]
    ) -> None:
        async def stubborn() -> None:
            with suppress(TypeError, ValueError):
                await side.app.send({"type": "websocket.send", **wrong})

        counts = self.work(loop, stubborn)
        assert max(counts) <= WORK_PER_TURN
        assert min(counts) >= WORK_PER_TURN - 1

    def test_an_app_that_takes_no_notice_of_its_mistake(self, side: Side, loop: FakeLoop) -> None:
        async def stubborn() -> None:
            with suppress(RuntimeError):
                await side.app.send(HELLO)

        side.send({"type": "websocket.close"})
        counts = self.work(loop, stubborn)
        assert max(counts) <= WORK_PER_TURN
        assert min(counts) >= WORK_PER_TURN - 1

    def test_after_a_turn_nothing_is_owed(self, side: Side, loop: FakeLoop) -> None:
        before = loop.turns
        for _ in range(10 * WORK_PER_TURN):
            side.send()
        # One for the app, and one in which what it has sent is written.
        assert loop.turns - before == 2 * 10 * WORK_PER_TURN


async def fail(receive: Any, send: Any) -> None:
    """An app with a mistake."""
    raise LookupError("no such\nthing")


async def accept_and_fail(receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    raise LookupError("no such\nthing")


class TestReturn:
    def test_before_it_has_answered(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            pass

        new.run(script)
        assert new.status == b"500"
        (line,) = logs.errors
        assert "returned without completing handshake" in line

    def test_in_the_middle_of_its_denial(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send({"type": "websocket.http.response.start", "status": 401})

        new.run(script)
        assert new.status == b"401"
        (line,) = logs.errors
        assert "returned without completing its response" in line

    def test_while_open(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)

        new.run(script)
        assert new.frames == [close(1000)]
        assert logs.errors == []

    def test_a_value_while_open(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> str:
            await send(ACCEPT)
            return "done"

        new.run(script)
        assert new.frames == [close(1000)]
        (line,) = logs.errors
        assert "should return None, but returned ''done''" in line

    def test_after_the_end(self, side: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await receive()

        side.arrive(close_frame(1000))
        side.run(script)
        assert logs.records == []
        assert side.connection.state is State.DRAINING

    def test_what_it_means_is_carried_out_last(self, new: Side) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            new.calls.clear()

        new.run(script)
        assert new.calls == ["settle"]


class TestFailure:
    def test_before_it_has_answered(self, new: Side, logs: Logs) -> None:
        new.run(fail)
        assert new.status == b"500"
        assert [type(error) for error in logs.tracebacks()] == [LookupError]
        assert len(logs.records) == 1

    def test_while_open(self, new: Side, logs: Logs) -> None:
        new.run(accept_and_fail)
        assert new.frames == [close(1011)]
        assert [type(error) for error in logs.tracebacks()] == [LookupError]
        assert len(logs.records) == 1

    def test_in_the_middle_of_its_denial(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send({"type": "websocket.http.response.start", "status": 401})
            raise LookupError

        new.run(script)
        assert new.status == b"401"
        assert len(logs.tracebacks()) == 1

    def test_it_does_not_escape_from_the_task(self, new: Side, logs: Logs) -> None:
        assert new.run(fail).exception() is None

    def test_after_its_own_close(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            await send({"type": "websocket.close", "code": 4000})
            raise LookupError

        new.run(script)
        assert new.frames == [close(4000)]
        assert len(logs.tracebacks()) == 1
        assert logs.warnings == []

    def test_while_the_peers_close_stands_in_the_queue(self, side: Side, logs: Logs) -> None:
        side.say("a")
        side.received()
        side.arrive(frame(TEXT, b"b") + close_frame(4000))
        assert side.connection.state is State.ENDING
        side.run(fail)
        assert side.frames == [close(4000)]
        assert len(logs.tracebacks()) == 1

    @pytest.mark.parametrize("end", ["lost", "closed", "shut down", "timed out"])
    def test_after_the_peer_is_gone_it_is_one_warning(self, side: Side, logs: Logs, end: str) -> None:
        if end == "lost":
            side.lose()
        elif end == "closed":
            side.arrive(close_frame(4000))
        elif end == "shut down":
            side.connection.shutdown()
        else:
            side.connection.timed_out(Input.CLOCK_PING_TIMEOUT)
        side.run(fail)
        (line,) = logs.warnings
        assert line.startswith(
            f"{WHO} app failed after the client was gone: LookupError: 'no such\\nthing' ({__file__}:"
        )
        assert logs.errors == []

    def test_after_a_loss_that_was_not_read_to_its_end_too(self, make: Make, logs: Logs) -> None:
        side = make(max_queue=1)
        side.accept()
        side.say("a", "b")
        side.lose()
        assert side.connection.record is None
        side.run(fail)
        assert len(logs.warnings) == 1
        assert logs.errors == []

    def test_the_traceback_is_at_debug_then(self, side: Side, logs: Logs) -> None:
        side.lose()
        side.run(fail)
        assert [type(error) for error in logs.tracebacks(logging.DEBUG)] == [LookupError]

    def test_a_base_exception_escapes_from_the_task(self, new: Side, logs: Logs) -> None:
        class Stop(BaseException):
            pass

        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise Stop

        assert isinstance(new.run(script).exception(), Stop)
        assert new.frames == [close(1011)]
        assert len(logs.tracebacks()) == 1

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    def test_an_exit_goes_on(self, new: Side, logs: Logs, kind: type[BaseException]) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise kind

        task = new.start(script)
        with pytest.raises(kind):
            new.loop.run()
        assert isinstance(task.exception(), kind)
        assert new.frames == [close(1011)]

    def test_an_exception_that_is_its_own_cause(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            try:
                raise LookupError
            except LookupError as error:
                raise error from error

        assert new.run(script).exception() is None
        assert new.frames == [close(1011)]
        assert len(logs.tracebacks()) == 1


class TestLogHandlerThatFails:
    """The app's end is carried out all the same."""

    @pytest.fixture(autouse=True)
    def _failing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: object) -> None:
            raise LookupError("no such field")

        for line in ("failed", "cancelled", "wrong_result"):
            monkeypatch.setattr(Report, line, fail)

    def test_at_a_failure(self, new: Side) -> None:
        assert isinstance(new.run(accept_and_fail).exception(), LookupError)
        assert new.frames == [close(1011)]

    def test_at_a_result(self, new: Side) -> None:
        async def script(receive: Any, send: Any) -> int:
            await send(ACCEPT)
            return 1

        assert isinstance(new.run(script).exception(), LookupError)
        assert new.frames == [close(1000)]

    def test_at_a_cancellation(self, new: Side) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise asyncio.CancelledError

        assert isinstance(new.run(script).exception(), LookupError)
        assert new.frames == [close(1012)]


class TestFailureBecauseThePeerIsGone:
    """Each of these ends an app whose peer left while it was sending."""

    async def send_on(self, receive: Any, send: Any) -> None:
        while True:
            await send(HELLO)

    async def send_and_explain(self, receive: Any, send: Any) -> None:
        try:
            await send(HELLO)
        except OSError as error:
            raise RuntimeError("cannot report") from error

    async def send_by_starlette(self, receive: Any, send: Any) -> None:
        async def connect() -> Event:
            return {"type": "websocket.connect"}

        async def send_if_accepted(event: Any) -> None:
            if event["type"] != "websocket.accept":
                await send(event)

        websocket = WebSocket({"type": "websocket"}, connect, send_if_accepted)
        await websocket.accept()
        await websocket.send_text("hello")

    async def receive_on(self, receive: Any, send: Any) -> None:
        while True:
            await receive()

    async def send_in_a_group(self, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as tasks:  # type: ignore[attr-defined,unused-ignore]
            tasks.create_task(self.send_on(receive, send))
            tasks.create_task(self.send_and_explain(receive, send))

    async def raise_a_base_group(self, receive: Any, send: Any) -> None:
        try:
            await send(HELLO)
        except OSError as error:
            kind: Any = vars(__import__("builtins"))["BaseExceptionGroup"]

            class Group(kind):  # type: ignore[misc] # a group of exceptions alone would be an ExceptionGroup
                pass

            raise Group("several", [error]) from None

    @pytest.mark.parametrize(
        "script",
        [
            "send_on",
            "send_and_explain",
            "send_by_starlette",
            "receive_on",
            pytest.param("send_in_a_group", marks=needs_groups),
            pytest.param("raise_a_base_group", marks=needs_groups),
        ],
    )
    def test_nothing_is_logged_and_nothing_escapes(self, side: Side, logs: Logs, script: str) -> None:
        side.lose()
        assert side.run(getattr(self, script)).exception() is None
        assert logs.records == []

    def test_the_same_exception_for_another_reason_is_one_warning(self, side: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            raise WebSocketDisconnect(1006)

        side.lose()
        side.run(script)
        assert len(logs.warnings) == 1

    def test_the_end_of_another_connection_is_no_excuse(self, new: Side, logs: Logs) -> None:
        async def broadcast(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            raise ClientDisconnected("of another connection, which this app sends to")

        new.run(broadcast)
        assert new.frames == [close(1011)]
        assert len(logs.tracebacks()) == 1


class TestCancelled:
    async def wait(self, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()

    def test_while_open(self, new: Side, logs: Logs) -> None:
        task = new.run(self.wait)
        task.cancel()
        new.loop.run()
        assert task.cancelled()
        assert new.frames == [close(1012)]
        assert logs.lines(logging.WARNING) == [f"{WHO} app cancelled"]
        assert len(logs.records) == 1

    def test_before_it_has_answered(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await receive()
            await receive()

        task = new.run(script)
        task.cancel()
        new.loop.run()
        assert new.status == b"503"
        assert logs.warnings == [f"{WHO} app cancelled"]

    def test_while_it_waits_to_send(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await send(ACCEPT)
            new.app.gate.pause()
            new.connection.pause_output()
            await send(HELLO)

        task = new.run(script)
        task.cancel()
        new.loop.run()
        assert new.connection.state is State.CLOSED
        assert task.cancelled()
        assert not new.app.gate.is_busy or new.app.gate.paused

    def test_after_the_end(self, new: Side, logs: Logs) -> None:
        async def script(receive: Any, send: Any) -> None:
            await new.loop.create_future()

        task = new.run(script)
        new.lose()
        task.cancel()
        new.loop.run()
        assert logs.warnings == [f"{WHO} app cancelled"]


SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN", default="unset")


class TestTask:
    @pytest.fixture(params=["as it is", "before 3.11"])
    def _python(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """This Python, and one in which a task cannot be given its context."""
        version = (3, 11) if request.param == "as it is" else (3, 10)
        monkeypatch.setattr(_app, "sys", SimpleNamespace(version_info=version))

    @pytest.mark.usefixtures("_python")
    @pytest.mark.parametrize(("own_context", "expected"), [(True, "unset"), (False, "of the server")])
    def test_it_may_have_a_context_of_its_own(self, new: Side, own_context: bool, expected: str) -> None:
        seen = []

        async def script(receive: Any, send: Any) -> None:
            seen.append(SEEN.get())
            await send(ACCEPT)

        def start() -> None:
            SEEN.set("of the server")
            new.start(script, own_context=own_context)
            new.loop.run()

        contextvars.copy_context().run(start)
        assert seen == [expected]

    def test_it_is_known(self, new: Side) -> None:
        assert new.app.task is None
        task = new.start(accept_and_fail)
        assert new.app.task is task

    @pytest.mark.parametrize("own_context", [True, False])
    def test_a_loop_that_makes_no_task(self, new: Side, own_context: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        given = []

        def create_task(run: Any, **kwargs: Any) -> None:
            given.append(run)
            raise LookupError("no task")

        monkeypatch.setattr(new.loop, "create_task", create_task)
        with pytest.raises(LookupError, match="no task"):
            new.start(accept_and_fail, own_context=own_context)
        (run,) = given
        # It has been closed: a new one would begin.
        with pytest.raises((RuntimeError, StopIteration)):
            run.send(None)
        assert new.app.task is None

    def test_an_eager_task_is_done_at_once(self, new: Side, logs: Logs) -> None:
        new.loop.eager = True
        assert new.start(accept_and_fail).done()
        assert new.frames == [close(1011)]

    def test_it_is_called_with_the_scope(self, new: Side) -> None:
        scopes = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scopes.append(scope)
            await send(ACCEPT)

        scope = {"type": "websocket"}
        new.app.start(app, scope, own_context=False)
        new.loop.run()
        assert scopes == [scope]
        assert scopes[0] is scope
