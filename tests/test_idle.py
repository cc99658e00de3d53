from __future__ import annotations

import gc
import weakref

import pytest

from safews._deflate import DeflateParameters, Deflater, Inflater
from safews._idle import IDLE_SECONDS, Idle, idle_of
from tests.fakes import FakeLoop


class Client:
    """A deflater that is watched, and who reads what it makes."""

    def __init__(self, idle: Idle) -> None:
        self.deflater = Deflater(DeflateParameters(), level=6, mem_level=8)
        self.deflater.idle = idle
        self._inflater = Inflater(DeflateParameters(), None)

    def size_of(self, message: bytes) -> int:
        """Send a message, and return how many bytes it took."""
        data = self.deflater.deflate(message)
        assert self._inflater.message(data) == message
        return len(data)


MESSAGE = bytes(range(256))
"""It cannot be compressed but by what was before it."""


@pytest.fixture
def idle(loop: FakeLoop) -> Idle:
    return idle_of(loop)


@pytest.fixture
def client(idle: Idle) -> Client:
    return Client(idle)


def test_without_a_compressor_there_is_no_timer(client: Client, loop: FakeLoop) -> None:
    assert loop.timers == []
    client.size_of(b"")
    assert loop.timers == []


def test_one_that_is_not_used_is_let_go_of(client: Client, loop: FakeLoop) -> None:
    size = client.size_of(MESSAGE)
    loop.advance(2 * IDLE_SECONDS)
    assert loop.timers == []
    assert client.size_of(MESSAGE) == size
    assert loop.timers == [IDLE_SECONDS]


def test_one_that_is_used_stays(client: Client, loop: FakeLoop) -> None:
    client.size_of(MESSAGE)
    loop.advance(IDLE_SECONDS)
    size = client.size_of(MESSAGE)
    for _ in range(5):
        loop.advance(IDLE_SECONDS)
        assert client.size_of(MESSAGE) < size
    loop.advance(2 * IDLE_SECONDS - 1)
    assert client.size_of(MESSAGE) < size


def test_one_timer_serves_all(idle: Idle, loop: FakeLoop) -> None:
    busy, *others = [Client(idle) for _ in range(5)]
    size = busy.size_of(MESSAGE)
    for other in others:
        other.size_of(MESSAGE)
    assert loop.timers == [IDLE_SECONDS]
    for _ in range(2):
        busy.size_of(MESSAGE)
        loop.advance(IDLE_SECONDS)
    assert loop.timers == [IDLE_SECONDS]
    assert busy.size_of(MESSAGE) < size
    assert [other.size_of(MESSAGE) for other in others] == [size] * 4
    assert loop.timers == [IDLE_SECONDS]


def test_the_timer_goes_with_the_last_connection(idle: Idle, loop: FakeLoop) -> None:
    first, second, third = (Client(idle) for _ in range(3))
    first.size_of(MESSAGE)
    second.size_of(MESSAGE)
    idle.forget(third.deflater)
    idle.forget(first.deflater)
    assert loop.timers == [IDLE_SECONDS]
    idle.forget(second.deflater)
    assert loop.timers == []
    idle.forget(second.deflater)
    third.size_of(MESSAGE)
    assert loop.timers == [IDLE_SECONDS]


def test_without_context_there_is_nothing_to_let_go_of(idle: Idle, loop: FakeLoop) -> None:
    deflater = Deflater(DeflateParameters(server_no_context_takeover=True), level=6, mem_level=8)
    deflater.idle = idle
    deflater.deflate(MESSAGE)
    assert loop.timers == []


def test_a_loop_has_one(loop: FakeLoop, idle: Idle) -> None:
    assert idle_of(loop) is idle
    assert idle_of(FakeLoop()) is not idle


def test_a_loop_that_is_gone_leaves_none() -> None:
    loop = FakeLoop()
    client = Client(idle_of(loop))
    client.size_of(MESSAGE)
    gone = weakref.ref(loop)
    del loop, client
    gc.collect()
    assert gone() is None
