"""The harness sees what a server leaves behind: each check fails where it has something to find."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import App, Call, Frame, echo, frame, masked, parse_frame, run, serve


def serving(loop_name: str, protocol: Any, leave: Callable[[], object], **expected: Any) -> None:
    """Run ``leave`` while a server runs, and then check what is left."""

    async def main() -> None:
        async with serve(App(echo), ws=protocol, **expected):
            kept.append(leave())

    kept: list[object] = []
    run(main(), loop_name)


def test_nothing_left_is_fine(loop_name: str, protocol: Any) -> None:
    serving(loop_name, protocol, lambda: None)


def test_a_task_left_behind_is_seen(loop_name: str, protocol: Any) -> None:
    with pytest.raises(AssertionError, match="not so within"):
        serving(loop_name, protocol, lambda: asyncio.ensure_future(asyncio.Event().wait()))


def test_a_timer_left_behind_is_seen(protocol: Any) -> None:
    with pytest.raises(AssertionError, match="TimerHandle"):
        serving("asyncio", protocol, lambda: asyncio.get_running_loop().call_later(60, print))


def test_an_exception_in_a_callback_is_seen(loop_name: str, protocol: Any) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        serving(loop_name, protocol, lambda: asyncio.get_running_loop().call_soon(lambda: 1 / 0))


def test_an_exception_that_nobody_retrieves_is_seen(loop_name: str) -> None:
    async def main() -> None:
        asyncio.get_running_loop().create_future().set_exception(LookupError())

    with pytest.raises(AssertionError, match="never retrieved"):
        run(main(), loop_name)


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR, logging.CRITICAL])
def test_an_unexpected_log_line_is_seen(loop_name: str, protocol: Any, level: int) -> None:
    with pytest.raises(AssertionError, match="surprise"):
        serving(loop_name, protocol, lambda: logging.getLogger("uvicorn.error").log(level, "surprise"))


@pytest.mark.parametrize("expected", [{"warnings": 1}, {"errors": 1}])
def test_an_expected_log_line_is_missed(loop_name: str, protocol: Any, expected: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        serving(loop_name, protocol, lambda: None, **expected)


def test_an_application_that_does_not_end_is_seen(protocol: Any) -> None:
    async def forever(call: Call) -> None:
        await call.send_event({"type": "websocket.accept"})
        await asyncio.Event().wait()

    async def main() -> None:
        async with serve(App(forever), ws=protocol, warnings=None) as server, server.open():
            pass

    with pytest.raises(asyncio.TimeoutError):
        run(main())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_is_parsed_as_it_was_built(size: int) -> None:
    data = frame(2, b"x" * size, mask=None, fin=False, rsv=4)
    assert parse_frame(data + b"more") == (Frame(2, b"x" * size, fin=False, rsv1=True), len(data))
    assert parse_frame(data[:-1]) is None


def test_a_mask_undoes_itself() -> None:
    assert masked(masked(b"hello", b"\x01\x02\x03\x04"), b"\x01\x02\x03\x04") == b"hello"
    assert masked(b"\0\0\0\0\0", b"\x01\x02\x03\x04") == b"\x01\x02\x03\x04\x01"
