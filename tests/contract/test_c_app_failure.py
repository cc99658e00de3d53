"""Closing, rows C6 and C7: the application raises once its peer is gone."""

from __future__ import annotations

import builtins
import logging
import sys
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected as UvicornClientDisconnected

from safews import ClientDisconnected
from tests.contract.helpers_c import accept, accepted
from tests.harness import App, Call, Start, eventually

GROUPS: list[Any] = [getattr(builtins, name, None) for name in ("ExceptionGroup", "BaseExceptionGroup")]

needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")


async def lose_peer(server: Any, client: Any, call: Call) -> ClientDisconnected:
    """Let the peer go; returns what a ``send`` then raises."""
    client.reset()
    await eventually(lambda: not server.state.connections)
    with pytest.raises(ClientDisconnected) as caught:
        await call.send_event({"type": "websocket.send", "text": "late"})
    return caught.value


def caused_by(error: BaseException, cause: BaseException | None, context: BaseException | None = None) -> Any:
    """Give an exception the cause and the context that ``raise`` would."""
    error.__cause__ = cause
    if cause is None:
        error.__suppress_context__ = False
    error.__context__ = context or cause
    return error


class WebSocketDisconnect(Exception):
    """Named as Starlette's and FastAPI's is; see also ``test_c_starlette.py``."""


SILENT: dict[str, Any] = {
    "itself": lambda gone: gone,
    "uvicorn's": lambda gone: UvicornClientDisconnected(),
    "from it": lambda gone: caused_by(ValueError("no"), gone),
    "from one from it": lambda gone: caused_by(KeyError("no"), caused_by(ValueError("no"), gone)),
    "Starlette's in its context": lambda gone: caused_by(WebSocketDisconnect(1006), None, gone),
    "from Starlette's in its context": lambda gone: caused_by(
        RuntimeError("no"), caused_by(WebSocketDisconnect(1006), None, gone)
    ),
}


@pytest.mark.parametrize("make", SILENT.values(), ids=SILENT)
async def test_c6_app_that_fails_because_the_peer_is_gone_is_silent(start: Start, make: Any) -> None:
    async with accepted(start) as (server, client, call):
        error = make(await lose_peer(server, client, call))
        await call.finish(error)
        assert await call.ended() is error
    assert server.logs.tracebacks() == []


@pytest.mark.parametrize("make", SILENT.values(), ids=SILENT)
async def test_c6_also_after_the_close_of_the_peer(start: Start, make: Any) -> None:
    async with accepted(start) as (_, client, call):
        await client.send_close(4000)
        await call.disconnect(4000, "")
        with pytest.raises(ClientDisconnected) as caught:
            await call.send("websocket.send", text="late")
        await call.finish(make(caught.value))


async def test_c6_raised_in_the_app_itself(start: Start) -> None:
    async def script(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        while True:
            await call.send_event({"type": "websocket.send", "text": "tick"})

    async with start(App(script)) as server, server.open() as client:
        client.reset()
        await server.became_idle()


async def test_c6_chain_made_by_python(start: Start) -> None:
    async def script(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        while (await call.receive_event())["type"] != "websocket.disconnect":
            pass
        try:
            await call.send_event({"type": "websocket.send", "text": "late"})
        except OSError as error:
            raise LookupError("subscriber lost") from error

    async with start(App(script)) as server, server.open() as client:
        client.close()
        await server.became_idle()


@needs_groups
@pytest.mark.parametrize("kind", GROUPS, ids=["ExceptionGroup", "BaseExceptionGroup"])
async def test_c6_group_whose_every_leaf_is_such(start: Start, kind: Any) -> None:
    async with accepted(start) as (server, client, call):
        gone = await lose_peer(server, client, call)
        leaves = [gone, kind("inner", [caused_by(ValueError(), gone), UvicornClientDisconnected()])]
        await call.finish(kind("outer", leaves))


@needs_groups
async def test_c7_group_with_another_leaf_is_one_warning(start: Start) -> None:
    async with accepted(start, warnings=1) as (server, client, call):
        gone = await lose_peer(server, client, call)
        await call.finish(GROUPS[0]("outer", [gone, GROUPS[0]("inner", [gone, ValueError("inner error")])]))
    (line,) = server.logs.warnings
    assert "ExceptionGroup" in line


async def test_c6_peer_of_another_connection_is_no_excuse(start: Start) -> None:
    """A broadcast that trips over another's peer: this connection is open, so C5 it is."""
    app = App()
    async with start(app, errors=1) as server, server.connect() as first, server.connect() as second:
        open_one, lost_one = await accept(app, first, 0), await accept(app, second, 1)
        second.reset()
        await eventually(lambda: len(server.state.connections) == 1)
        with pytest.raises(ClientDisconnected) as caught:
            await lost_one.send("websocket.send", text="for all")
        await open_one.finish(caught.value)
        assert (await first.frame()).payload[:2] == (1011).to_bytes(2, "big")
        await lost_one.finish()
    assert server.logs.tracebacks() == [caught.value]


LOUD: dict[str, Any] = {
    "unrelated": lambda gone: ValueError("two\nlines"),
    "in its context": lambda gone: caused_by(ValueError("two\nlines"), None, gone),
    "from another": lambda gone: caused_by(ValueError("two\nlines"), KeyError(), gone),
    "Starlette's from nothing": lambda gone: WebSocketDisconnect("two\nlines"),
}


@pytest.mark.parametrize("make", LOUD.values(), ids=LOUD)
async def test_c7_app_that_fails_after_the_peer_is_gone_is_one_warning(start: Start, make: Any) -> None:
    async with accepted(start, warnings=1) as (server, client, call):
        error = make(await lose_peer(server, client, call))
        await call.finish(error)
    (line,) = server.logs.warnings
    assert type(error).__name__ in line
    assert "two" in line
    assert "\n" not in line
    assert not any(record.exc_info for record in server.logs.records)


async def test_c7_the_line_says_where(start: Start) -> None:
    async with accepted(start, warnings=1) as (server, client, call):
        await lose_peer(server, client, call)
        await call.finish(ValueError("why"))
    (line,) = server.logs.warnings
    assert "ValueError" in line
    assert "why" in line
    assert f"app.py:{Call.verdict.__code__.co_firstlineno + 4}" in line


async def test_c7_traceback_is_at_debug(start: Start) -> None:
    error = ValueError("why")
    async with accepted(start, warnings=1, log_level="debug") as (server, client, call):
        await lose_peer(server, client, call)
        await call.finish(error)
    assert server.logs.tracebacks(logging.DEBUG) == [error]
    assert server.logs.tracebacks(logging.WARNING) == []


async def test_c7_after_the_close_of_the_peer(start: Start) -> None:
    async with accepted(start, warnings=1) as (server, client, call):
        await client.send_close(4000)
        await call.disconnect(4000, "")
        await call.finish(ValueError("why"))
        await client.expect_close(4000)
        await client.expect_eof()
    assert "ValueError" in server.logs.warnings[0]


async def test_c7_app_that_closed_itself_gets_its_traceback(start: Start) -> None:
    """What it raises then is no consequence of the peer's leaving."""
    error = ValueError("why")
    async with accepted(start, errors=1) as (server, client, call):
        await call.send("websocket.close")
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()
        await call.finish(error)
    assert server.logs.tracebacks() == [error]
