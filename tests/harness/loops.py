"""Event loops for tests, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

DEADLINE = 5.0
"""Seconds that one step of a test may take. Never reached by a test that passes."""

TEST_DEADLINE = 50.0
"""Seconds that a whole test may take."""

UVLOOP_VERSION = tuple(map(int, version("uvloop").split(".")[:2]))
"""For what differs between the versions that the suite runs with."""

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


def run(main: Coroutine[Any, Any, T], loop_name: str = "asyncio", *, debug: bool = False) -> T:
    """Run a test's coroutine in a fresh loop of that name, bounded by ``TEST_DEADLINE``.

    Fails when the loop's exception handler was called: a task that was destroyed pending, an exception that nobody
    retrieved, an exception in a callback or a protocol.
    """
    loop = LOOPS[loop_name]()
    loop.set_debug(debug)
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, context: complaints.append(describe(context)))
    try:
        return loop.run_until_complete(asyncio.wait_for(main, TEST_DEADLINE))
    finally:
        loop.run_until_complete(cancel_the_rest())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        gc.collect()
        assert not complaints, complaints


async def cancel_the_rest() -> None:
    """End the tasks that a failed test has left."""
    if rest := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in rest:
            task.cancel()
        await asyncio.wait(rest, timeout=DEADLINE)


def describe(context: dict[str, Any]) -> str:
    """Say what the loop's exception handler was told; keeps no reference to what it is about."""
    return f"{context.get('message')}: {context.get('exception')!r}"


async def within(step: Awaitable[T], seconds: float = DEADLINE) -> T:
    """Await one step of a test, bounded by ``seconds``."""
    return await asyncio.wait_for(step, seconds)


async def eventually(predicate: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Wait until ``predicate()`` is true. For what gives no sign of itself; prefer to await the thing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not predicate():
        assert loop.time() < end, f"not so within {seconds} s"
        await asyncio.sleep(0.001)


async def turns(count: int = 10) -> None:
    """Give the event loop some turns, with input and output polled in each: for "nothing happens"."""
    for _ in range(count):
        await asyncio.sleep(0)
