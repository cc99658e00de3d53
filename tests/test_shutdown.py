from __future__ import annotations

import asyncio

import pytest
from uvicorn.server import ServerState

from safews import _shutdown
from tests.fakes import FakeLoop

GRACE = 4.0


@pytest.fixture
def server() -> ServerState:
    return ServerState()


@pytest.fixture
def task(loop: FakeLoop) -> asyncio.Task[None]:
    """An app that waits for ever."""

    async def wait() -> None:
        await loop.create_future()

    return loop.spawn(wait())


def test_it_has_begun_once_it_is_said(server: ServerState) -> None:
    assert not _shutdown.has_begun(server)
    _shutdown.begin(server)
    assert _shutdown.has_begun(server)
    assert not _shutdown.has_begun(ServerState())


def test_an_app_that_is_left_is_cancelled_after_its_grace(
    loop: FakeLoop, server: ServerState, task: asyncio.Task[None]
) -> None:
    _shutdown.begin(server)
    _shutdown.outlive(server, loop, task, GRACE)
    assert loop.timers == [GRACE]
    loop.advance(GRACE)
    assert task.cancelled()


def test_the_grace_of_one_that_was_left_before_runs_from_the_shutdown(
    loop: FakeLoop, server: ServerState, task: asyncio.Task[None]
) -> None:
    _shutdown.outlive(server, loop, task, GRACE)
    assert loop.timers == []
    _shutdown.begin(server)
    assert loop.timers == [GRACE]


def test_one_of_another_server_is_not_concerned(loop: FakeLoop, server: ServerState, task: asyncio.Task[None]) -> None:
    _shutdown.outlive(ServerState(), loop, task, GRACE)
    _shutdown.begin(server)
    assert loop.timers == []


def test_one_without_a_grace_has_any_time(loop: FakeLoop, server: ServerState, task: asyncio.Task[None]) -> None:
    _shutdown.begin(server)
    _shutdown.outlive(server, loop, task, None)
    assert loop.timers == []


def test_one_that_ends_in_time_leaves_no_timer(loop: FakeLoop, server: ServerState, task: asyncio.Task[None]) -> None:
    _shutdown.begin(server)
    _shutdown.outlive(server, loop, task, GRACE)
    task.cancel()
    loop.run()
    assert loop.timers == []


def test_one_that_ends_before_is_forgotten(loop: FakeLoop, server: ServerState, task: asyncio.Task[None]) -> None:
    _shutdown.outlive(server, loop, task, GRACE)
    task.cancel()
    loop.run()
    _shutdown.begin(server)
    assert loop.timers == []
