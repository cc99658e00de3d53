from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected as UvicornClientDisconnected

from safews._app_errors import ClientDisconnected, is_disconnect, origin
from tests.fakes import FakeLoop

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")


def caught(action: Callable[[], object]) -> BaseException:
    """What ``action`` raises."""
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def raised_from(cause: BaseException | None, error: BaseException | None = None) -> BaseException:
    """``raise error from cause``."""
    error = error or LookupError("consequence")

    def action() -> None:
        raise error from cause

    return caught(action)


def raised_while(handling: BaseException, error: BaseException) -> BaseException:
    """``raise error`` where ``handling`` was caught."""

    def action() -> None:
        try:
            raise handling
        except BaseException:
            raise error  # noqa: B904 - the point

    return caught(action)


def group(*leaves: BaseException, base: bool = False) -> BaseException:
    """An exception group, which Python 3.10 has not."""
    kind: Any = vars(__import__("builtins"))["BaseExceptionGroup" if base else "ExceptionGroup"]
    made: BaseException = kind("several", leaves)
    return made


class TestClientDisconnected:
    def test_it_is_uvicorns_and_so_an_os_error(self) -> None:
        assert issubclass(ClientDisconnected, UvicornClientDisconnected)
        assert issubclass(ClientDisconnected, OSError)

    def test_it_carries_how_the_connection_ended(self) -> None:
        error = ClientDisconnected("gone", 4000, "bye")
        assert (str(error), error.code, error.reason) == ("gone", 4000, "bye")

    def test_without_a_close_it_was_an_abnormal_end(self) -> None:
        error = ClientDisconnected()
        assert (str(error), error.code, error.reason) == ("", 1006, "")


class TestIsDisconnect:
    @pytest.mark.parametrize("error", [ClientDisconnected("gone"), UvicornClientDisconnected()])
    def test_the_exception_itself(self, error: BaseException) -> None:
        assert is_disconnect(error)

    @pytest.mark.parametrize("error", [LookupError(), OSError("disk full"), KeyboardInterrupt(), WebSocketDisconnect()])
    def test_no_other(self, error: BaseException) -> None:
        assert not is_disconnect(error)

    def test_one_that_it_is_the_cause_of(self) -> None:
        assert is_disconnect(raised_from(ClientDisconnected("gone")))

    def test_one_that_it_is_the_cause_of_the_cause_of(self) -> None:
        assert is_disconnect(raised_from(raised_from(ClientDisconnected("gone"))))

    def test_another_cause(self) -> None:
        assert not is_disconnect(raised_from(LookupError()))

    def test_a_mere_context_is_a_mistake_in_the_handling(self) -> None:
        assert not is_disconnect(raised_while(ClientDisconnected("gone"), KeyError("room")))

    def test_a_cause_that_was_denied(self) -> None:
        def action() -> None:
            try:
                raise ClientDisconnected("gone")
            except ClientDisconnected:
                raise LookupError from None

        assert not is_disconnect(caught(action))

    @needs_groups
    @pytest.mark.parametrize("base", [False, True])
    def test_a_group_of_nothing_else(self, base: bool) -> None:
        assert is_disconnect(group(ClientDisconnected("gone"), raised_from(ClientDisconnected("gone")), base=base))

    @needs_groups
    def test_a_group_of_groups(self) -> None:
        assert is_disconnect(group(group(ClientDisconnected("gone")), ClientDisconnected("gone")))

    @needs_groups
    def test_a_group_with_something_else(self) -> None:
        assert not is_disconnect(group(ClientDisconnected("gone"), LookupError()))

    @needs_groups
    def test_a_group_of_groups_with_something_else(self) -> None:
        assert not is_disconnect(group(ClientDisconnected("gone"), group(ClientDisconnected("gone"), LookupError())))

    @needs_groups
    def test_one_that_a_group_is_the_cause_of(self) -> None:
        assert is_disconnect(raised_from(group(ClientDisconnected("gone"))))
        assert not is_disconnect(raised_from(group(LookupError())))

    @needs_groups
    def test_the_leaves_of_a_task_group(self) -> None:
        async def send() -> None:
            raise ClientDisconnected("gone")

        async def app() -> None:
            async with asyncio.TaskGroup() as tasks:  # type: ignore[attr-defined,unused-ignore]
                tasks.create_task(send())
                tasks.create_task(send())

        loop = FakeLoop()
        error = loop.spawn(app()).exception()
        assert error is not None
        assert is_disconnect(error)

    def test_the_backport_of_groups_is_known_by_its_name(self) -> None:
        class BaseExceptionGroup(Exception):
            exceptions: Iterable[BaseException] = (ClientDisconnected("gone"),)

        class ExceptionGroup(BaseExceptionGroup):
            pass

        assert is_disconnect(ExceptionGroup())


class TestCyclesAndDepth:
    """What Python lets an app raise must not break the protocol that looks at it."""

    def test_an_exception_that_is_its_own_cause(self) -> None:
        error = LookupError()
        assert not is_disconnect(raised_from(error, error))

    def test_two_that_are_each_others_cause(self) -> None:
        first, second = LookupError(), KeyError()
        first.__cause__, second.__cause__ = second, first
        assert not is_disconnect(first)

    @needs_groups
    def test_a_group_that_causes_its_own_leaf(self) -> None:
        leaf = LookupError()
        leaf.__cause__ = group(leaf)
        assert not is_disconnect(leaf)

    @pytest.mark.parametrize(("last", "expected"), [(ClientDisconnected("gone"), True), (LookupError(), False)])
    def test_a_very_long_chain(self, last: BaseException, expected: bool) -> None:
        error = last
        for _ in range(sys.getrecursionlimit()):
            consequence = LookupError()
            consequence.__cause__ = error
            error = consequence
        assert is_disconnect(error) is expected


def starlette_websocket(*, receive: Any = None, send: Any = None) -> WebSocket:
    async def connect() -> dict[str, str]:
        return {"type": "websocket.connect"}

    return WebSocket({"type": "websocket"}, receive or connect, send)


class TestStarlette:
    def test_its_send_to_a_client_that_is_gone(self) -> None:
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])
            if message["type"] == "websocket.send":
                raise ClientDisconnected("gone") from None

        async def app() -> None:
            websocket = starlette_websocket(send=send)
            await websocket.accept()
            await websocket.send_text("hello")

        error = FakeLoop().spawn(app()).exception()
        assert isinstance(error, WebSocketDisconnect)
        assert sent == ["websocket.accept", "websocket.send"]
        assert is_disconnect(error)

    def test_its_own_exception_while_something_else_is_handled(self) -> None:
        assert not is_disconnect(raised_while(LookupError(), WebSocketDisconnect(1006)))

    def test_its_own_exception_with_another_cause(self) -> None:
        def action() -> None:
            try:
                raise ClientDisconnected("gone")
            except ClientDisconnected:
                raise WebSocketDisconnect from LookupError()

        assert not is_disconnect(caught(action))

    def test_one_that_an_app_has_derived(self) -> None:
        class Left(WebSocketDisconnect):
            pass

        assert is_disconnect(raised_while(ClientDisconnected("gone"), Left()))


class TestOrigin:
    def test_it_is_the_innermost_frame(self) -> None:
        error = raised_from(None)
        assert error.__traceback__ is not None
        trace = error.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        assert origin(error) == f"{__file__}:{trace.tb_lineno}"

    def test_an_exception_that_was_never_raised(self) -> None:
        assert origin(LookupError()) == "unknown place"
