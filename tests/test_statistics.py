"""What is counted: by the books themselves, and by a server whose connections go through everything there is."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import safews
from safews import _app, _protocol, _statistics
from safews._close import ClosedBy, CloseRecord
from safews._connection import KEEPALIVE_TIMEOUT
from safews._effects import Answered
from safews._state import Input, State
from safews._statistics import BUCKETS, OUTCOMES, Account, Ledger, Outcome, Statistics, outcome_of
from tests.harness import PONG, TEXT, App, Call, Client, Server, Start, close_frame, echo, eventually, frame

NORMAL = CloseRecord(1000, "", ClosedBy.PEER, clean=True)


class Somebody:
    """A connection that says what it is told to say."""

    def __init__(self, account: Account) -> None:
        self.account = account


def somebody(
    outcome: Outcome | None = Outcome.ACCEPTED, state: State = State.OPEN, traffic: tuple[int, ...] = ()
) -> Somebody:
    return Somebody(Account(state, outcome, *traffic))


class Watching:
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.told: list[float | None] = []

    def changed(self) -> None:
        self.told.append(None)

    def answered(self, seconds: float) -> None:
        self.told.append(seconds)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The books of this test alone."""
    ledger = Ledger()
    for module in (_app, _protocol, _statistics):
        monkeypatch.setattr(module, "LEDGER", ledger)
    return ledger


def counted(mapping: Any) -> dict[Any, int]:
    """What there is any of."""
    return {key: count for key, count in mapping.items() if count}


class TestSnapshot:
    def test_at_first_there_is_nothing_and_every_name(self, ledger: Ledger) -> None:
        stats = ledger.snapshot()
        assert stats == Statistics(
            connections=dict.fromkeys(["connecting", "open", "denying", "ending", "closing", "draining", "closed"], 0),
            handshakes=dict.fromkeys(
                ["accepted", "denied", "refused", "failed", "timeout", "shutdown", "abandoned"], 0
            ),
            closes={},
            aborts=dict.fromkeys(["write_timeout", "close_timeout", "ping_timeout", "flood"], 0),
            messages_in=0,
            messages_out=0,
            bytes_in=0,
            bytes_out=0,
            dropped=0,
            round_trips=safews.RoundTrips(0, 0.0, dict.fromkeys(BUCKETS, 0)),
        )
        assert stats.round_trips.mean is None

    def test_it_cannot_be_changed_and_does_not_change(self, ledger: Ledger) -> None:
        before = ledger.snapshot()
        ledger.begin(somebody())
        assert before.connections["open"] == 0
        with pytest.raises(dataclasses.FrozenInstanceError):
            before.dropped = 1  # type: ignore[misc]

    def test_the_living_are_asked_and_the_dead_are_remembered(self, ledger: Ledger) -> None:
        dead, living = somebody(traffic=(1, 2, 30, 40)), somebody(traffic=(5, 6, 700, 800))
        ledger.begin(dead)
        ledger.begin(living)
        for _ in range(2):
            stats = ledger.snapshot()
            assert counted(stats.handshakes) == {"accepted": 2}
            traffic = (stats.messages_in, stats.messages_out, stats.bytes_in, stats.bytes_out)
            assert traffic == (6, 8, 730, 840)
            if not stats.closes:
                assert counted(stats.connections) == {"open": 2}
                ledger.end(dead, NORMAL, Input.NETWORK_LOST)
        assert counted(stats.connections) == {"open": 1}
        assert stats.closes == {(1000, "peer"): 1}
        assert not ledger.is_empty
        living.account = living.account._replace(messages_in=6)
        assert ledger.snapshot().messages_in == 7

    def test_one_that_awaits_its_answer_has_no_outcome_until_it_leaves(self, ledger: Ledger) -> None:
        connection = somebody(None, State.CONNECTING)
        ledger.begin(connection)
        stats = ledger.snapshot()
        assert (counted(stats.handshakes), counted(stats.connections)) == ({}, {"connecting": 1})
        ledger.end(connection, NORMAL, Input.NETWORK_LOST)
        stats = ledger.snapshot()
        assert (counted(stats.handshakes), counted(stats.connections)) == ({"abandoned": 1}, {})
        assert stats.closes == {}
        assert ledger.is_empty

    @pytest.mark.parametrize("begun", [True, False])
    def test_one_that_has_failed_is_gone(self, ledger: Ledger, begun: bool) -> None:
        connection = somebody(None, State.CONNECTING)
        if begun:
            ledger.begin(connection)
        ledger.fail(connection)
        stats = ledger.snapshot()
        assert (counted(stats.handshakes), counted(stats.connections)) == ({"failed": 1}, {})

    @pytest.mark.parametrize(
        ("way_out", "detail", "cause"),
        [
            (Input.CLOCK_WRITE_TIMEOUT, "", "write_timeout"),
            (Input.CLOCK_CLOSE_TIMEOUT, "", "close_timeout"),
            (Input.CLOCK_CLOSE_TIMEOUT, KEEPALIVE_TIMEOUT, "ping_timeout"),
            (Input.PEER_FLOOD, "", "flood"),
            (Input.NETWORK_LOST, KEEPALIVE_TIMEOUT, None),
            (None, "", None),
        ],
    )
    def test_aborts(self, ledger: Ledger, way_out: Input | None, detail: str, cause: str | None) -> None:
        ledger.end(somebody(), NORMAL._replace(detail=detail), way_out)
        assert counted(ledger.snapshot().aborts) == ({} if cause is None else {cause: 1})

    def test_round_trips(self, ledger: Ledger) -> None:
        for seconds in (0.0005, 0.001, 0.03, 99.0):
            ledger.answered(seconds)
        trips = ledger.snapshot().round_trips
        assert trips.count == 4
        assert trips.seconds == pytest.approx(99.0315)
        assert trips.mean == pytest.approx(99.0315 / 4)
        assert [trips.buckets[bound] for bound in (0.001, 0.025, 0.05, 10.0)] == [2, 2, 3, 3]

    def test_the_watcher_is_told(self, ledger: Ledger) -> None:
        watcher = ledger.watcher = Watching()
        connection = somebody()
        ledger.begin(connection)
        ledger.answered(0.5)
        ledger.end(connection, NORMAL, None)
        ledger.fail(connection)
        assert watcher.told == [None, 0.5, None, None]

    def test_threads(self, ledger: Ledger) -> None:
        """Whoever asks while others count finds nothing twice and nothing missing."""
        rounds = 2000

        def live() -> None:
            for _ in range(rounds):
                connection = somebody(traffic=(1, 1, 1, 1))
                ledger.begin(connection)
                ledger.end(connection, NORMAL, None)

        threads = [threading.Thread(target=live) for _ in range(2)]
        for thread in threads:
            thread.start()
        seen = [0]
        while any(thread.is_alive() for thread in threads):
            stats = ledger.snapshot()
            assert stats.messages_in == stats.handshakes["accepted"] >= seen[-1]
            seen.append(stats.messages_in)
        for thread in threads:
            thread.join()
        assert ledger.snapshot().closes == {(1000, "peer"): 2 * rounds}


class TestOutcome:
    @pytest.mark.parametrize("input_", OUTCOMES)
    def test_it_follows_from_the_answer(self, input_: Input) -> None:
        assert outcome_of(Answered(503, input_)) is OUTCOMES[input_]

    def test_what_we_could_not_begin_has_failed(self) -> None:
        assert outcome_of(Answered(500, Input.SERVER_REFUSE)) is Outcome.FAILED


async def refuse(call: Call) -> None:
    await call.send_event({"type": "websocket.close"})


async def deny(call: Call) -> None:
    await call.send_event({"type": "websocket.http.response.start", "status": 429, "headers": []})
    await call.send_event({"type": "websocket.http.response.body", "body": b"no"})


async def crash(call: Call) -> None:
    raise RuntimeError("on purpose")


async def wait(call: Call) -> None:
    assert (await call.receive_event())["type"] == "websocket.connect"
    await call.receive_event()


async def gone(server: Server) -> None:
    """Wait until the server has no connection."""
    await eventually(lambda: not server.state.connections)


class TestServer:
    """``safews.stats()`` of a server."""

    @pytest.fixture(autouse=True)
    def alone(self, ledger: Ledger) -> Iterator[None]:
        yield
        assert ledger.is_empty

    async def test_a_connection_through_its_life(self, start: Start) -> None:
        app = App()
        async with start(app) as server, server.connect() as client:
            await client.request()
            call = await app.call()
            stats = safews.stats()
            assert (counted(stats.connections), counted(stats.handshakes)) == ({"connecting": 1}, {})
            await call.accept()
            await client.head()
            stats = safews.stats()
            assert (counted(stats.connections), counted(stats.handshakes)) == ({"open": 1}, {"accepted": 1})
            assert (stats.bytes_in, stats.bytes_out) == (0, 0)
            data = frame(TEXT, b"hello")
            await client.send(data + data)
            await call.receive()
            await call.send("websocket.send", text="hi")
            await client.frame()
            stats = safews.stats()
            assert (stats.messages_in, stats.bytes_in) == (2, 2 * len(data))
            assert (stats.messages_out, stats.bytes_out) == (1, 4)
            await call.receive()
            closing = close_frame(4000, "bye")
            await client.send(closing)
            await call.disconnect(4000, "bye")
            await client.expect_close(4000, "bye")
            await gone(server)
            stats = safews.stats()
            assert (counted(stats.connections), counted(stats.handshakes)) == ({}, {"accepted": 1})
            assert stats.closes == {(4000, "peer"): 1}
            assert (stats.messages_in, stats.bytes_in) == (2, 2 * len(data) + len(closing))
            assert (stats.messages_out, stats.bytes_out) == (1, 4 + len(closing) - 4)
            assert counted(stats.aborts) == {}
            await call.finish()

    @pytest.mark.parametrize(
        ("script", "outcome", "errors"), [(refuse, "denied", 0), (deny, "denied", 0), (crash, "failed", 1)]
    )
    async def test_what_the_app_answers(self, start: Start, script: Any, outcome: str, errors: int) -> None:
        async with start(App(script), errors=errors) as server:
            assert (await server.get()).status in (403, 429, 500)
            await gone(server)
        stats = safews.stats()
        assert (counted(stats.handshakes), stats.closes) == ({outcome: 1}, {})
        assert (stats.bytes_in, stats.bytes_out) == (0, 0)

    async def test_what_is_refused_without_asking_the_app(self, start: Start, protocol: Any) -> None:
        options = protocol.with_options(allowed_origins=["https://example.org"])
        async with start(App(echo), ws=options, warnings=1) as server, server.connect() as client:
            await client.request(b"/", [(b"Origin", b"https://evil.example")])
            assert (await client.head()).status == 403
            client.close()
            await gone(server)
        assert counted(safews.stats().handshakes) == {"refused": 1}

    async def test_a_client_that_does_not_wait(self, start: Start) -> None:
        app = App(wait)
        async with start(app) as server, server.connect() as client:
            await client.request()
            await app.call()
            client.reset()
            await gone(server)
        assert counted(safews.stats().handshakes) == {"abandoned": 1}

    async def test_an_app_that_takes_too_long(self, start: Start, protocol: Any) -> None:
        async with start(App(wait), ws=protocol.with_options(accept_timeout=0.05), warnings=1) as server:
            assert (await server.get()).status == 504
            await gone(server)
        assert counted(safews.stats().handshakes) == {"timeout": 1}

    async def test_a_server_that_goes_down(self, start: Start) -> None:
        app = App(wait)
        async with start(app) as server, server.connect() as client:
            await client.request()
            await app.call()
            server.protocol.shutdown()
            assert (await client.head()).status == 503
            client.close()
            await gone(server)
        assert counted(safews.stats().handshakes) == {"shutdown": 1}

    async def test_a_client_that_does_not_answer_a_close(self, start: Start, protocol: Any) -> None:
        async def leave(call: Call) -> None:
            await call.accept()

        async with (
            start(App(leave), ws=protocol.with_options(close_timeout=0.05)) as server,
            server.connect() as client,
        ):
            await client.request()
            await client.head()
            await client.expect_close(1000)
            await gone(server)
        stats = safews.stats()
        assert (stats.closes, counted(stats.aborts)) == ({(1000, "app"): 1}, {"close_timeout": 1})

    async def test_a_client_that_answers_one_ping_and_no_other(self, start: Start) -> None:
        settings = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.5}
        async with start(App(echo), **settings) as server, server.open() as client:
            ping = await client.frame()
            await client.send_frame(PONG, ping.payload)
            await eventually(lambda: safews.stats().round_trips.count)
            await gone(server)
        stats = safews.stats()
        assert (stats.closes, counted(stats.aborts)) == ({(1006, "server"): 1}, {"ping_timeout": 1})
        assert stats.round_trips.mean == stats.round_trips.seconds > 0

    async def test_what_is_sent_to_nobody(self, start: Start, protocol: Any) -> None:
        sent = asyncio.Event()

        async def talk(call: Call) -> None:
            await call.accept()
            await eventually(lambda: safews.stats().connections["open"] == 0)
            for _ in range(3):
                await call.send_event({"type": "websocket.send", "text": "anybody?"})
            sent.set()
            await call.receive_event()

        async with start(App(talk), ws=protocol.with_options(after_disconnect="drop")) as server:
            client: Client
            async with server.open() as client:
                client.reset()
                await asyncio.wait_for(sent.wait(), 10)
        stats = safews.stats()
        assert (stats.dropped, stats.messages_out) == (3, 0)
