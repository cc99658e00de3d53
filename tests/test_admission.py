from __future__ import annotations

import pytest
import uvicorn
from uvicorn.server import ServerState

from safews import _admission
from safews._admission import RETRY_AFTER, WARNING_INTERVAL, Census, refusal
from safews._handshake import Handshake, HandshakeRefused
from safews._options import Options
from tests.harness import upgrade_request


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Census:
    """A census of this test's own."""
    census = Census()
    monkeypatch.setattr(_admission, "CENSUS", census)
    return census


class Clock:
    """``time.monotonic`` as the test has it."""

    def __init__(self) -> None:
        self.now = 5.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_admission, "time", clock)
    return clock


def ask(
    options: Options | None = None,
    *,
    origin: str | None = None,
    limit_concurrency: int | None = None,
    connections: int = 1,
    tasks: int = 0,
    omit: tuple[bytes, ...] = (),
) -> HandshakeRefused | None:
    """Ask for a well-formed request, with so many connections and tasks in the server's books."""
    headers = [] if origin is None else [(b"Origin", origin.encode("latin-1"))]
    config = uvicorn.Config("app:app", limit_concurrency=limit_concurrency, log_config=None)
    state = ServerState()
    state.connections.update(range(connections))  # type: ignore[arg-type]
    state.tasks.update(range(tasks))  # type: ignore[arg-type]
    request = upgrade_request(headers=headers, omit=omit)
    return refusal(Handshake(request), options or Options(), config, state)


def refused(answer: HandshakeRefused | None) -> HandshakeRefused:
    assert answer is not None
    return answer


def test_a_well_formed_request_is_let_in() -> None:
    assert ask() is None


def test_a_malformed_request_is_refused_as_the_handshake_says() -> None:
    assert refused(ask(omit=(b"sec-websocket-key",))).status == 400


def test_what_is_wrong_with_the_request_comes_first() -> None:
    answer = ask(Options(allowed_origins=[]), origin="https://b.example", omit=(b"sec-websocket-key",))
    assert refused(answer).status == 400


class TestOrigin:
    def test_every_origin_is_allowed_by_default(self) -> None:
        assert ask(origin="https://anywhere.example") is None

    def test_an_allowed_origin_is_let_in(self) -> None:
        assert ask(Options(allowed_origins=["https://a.example"]), origin="https://a.example") is None

    def test_its_case_does_not_matter(self) -> None:
        assert ask(Options(allowed_origins=["https://a.example"]), origin="HTTPS://A.Example") is None

    def test_another_origin_is_refused(self) -> None:
        answer = refused(ask(Options(allowed_origins=["https://a.example"]), origin="https://b.example"))
        assert (answer.status, answer.headers) == (403, [])
        assert "https://b.example" in answer.detail

    def test_a_client_that_is_no_browser_is_let_in(self) -> None:
        assert ask(Options(allowed_origins=["https://a.example"])) is None

    def test_with_none_allowed_every_browser_is_refused(self) -> None:
        assert refused(ask(Options(allowed_origins=[]), origin="https://a.example")).status == 403

    def test_an_odd_origin_is_escaped_for_the_log(self) -> None:
        answer = refused(ask(Options(allowed_origins=[]), origin="https://\xe4\x85"))
        assert answer.detail.isascii()
        assert answer.detail.isprintable()


class TestMaxConnections:
    def test_there_is_no_limit_by_default(self, census: Census) -> None:
        census.members.update(range(10_000))
        assert ask() is None

    def test_the_last_one_allowed_is_let_in(self, census: Census) -> None:
        census.members.update(range(2))
        assert ask(Options(max_connections=3)) is None

    def test_one_more_is_refused(self, census: Census) -> None:
        census.members.update(range(3))
        answer = refused(ask(Options(max_connections=3)))
        assert answer.status == 503
        assert answer.headers == [(b"retry-after", str(RETRY_AFTER).encode())]
        assert "max_connections" in answer.detail


class TestLimitConcurrency:
    def test_there_is_no_limit_by_default(self) -> None:
        assert ask(connections=1000, tasks=1000) is None

    def test_fewer_connections_and_tasks_are_let_in(self) -> None:
        assert ask(limit_concurrency=3, connections=2, tasks=2) is None

    @pytest.mark.parametrize(("connections", "tasks"), [(3, 0), (1, 3)])
    def test_reaching_it_is_refused(self, connections: int, tasks: int) -> None:
        answer = refused(ask(limit_concurrency=3, connections=connections, tasks=tasks))
        assert answer.status == 503
        assert answer.headers == [(b"retry-after", str(RETRY_AFTER).encode())]
        assert "limit_concurrency" in answer.detail


class TestWarnings:
    def test_the_first_one_is_written(self, clock: Clock) -> None:
        assert Census().may_warn()

    def test_no_other_within_the_interval(self, clock: Clock) -> None:
        census = Census()
        census.may_warn()
        clock.now += WARNING_INTERVAL - 0.1
        assert not census.may_warn()

    def test_another_after_the_interval(self, clock: Clock) -> None:
        census = Census()
        census.may_warn()
        clock.now += WARNING_INTERVAL
        assert census.may_warn()

    def test_those_that_are_not_written_do_not_put_the_next_off(self, clock: Clock) -> None:
        census = Census()
        written = []
        for _ in range(25):
            written.append(census.may_warn())
            clock.now += 1
        assert [second for second, was in enumerate(written) if was] == [0, 10, 20]
