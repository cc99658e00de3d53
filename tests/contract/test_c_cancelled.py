"""Closing, rows C13 and C15: the application's task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.contract.helpers_c import MEBIBYTE, accepted, fill, until_gone
from tests.harness import App, Call, Start, eventually, turns

NEVER = 1e6


async def hold_on(call: Call) -> None:
    """A script: accept, and end only by being cancelled."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    await asyncio.get_running_loop().create_future()


async def leave_late(call: Call) -> None:
    """A script: accept, and take half a second to end after the disconnect."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    while (await call.receive_event())["type"] != "websocket.disconnect":
        pass
    await asyncio.sleep(0.5)


def no_traceback(server: Any) -> bool:
    return not any(record.exc_info for record in server.logs.records)


async def test_c15_cancelled_app_of_an_open_connection_is_a_1012(start: Start) -> None:
    app = App(hold_on)
    async with start(app, warnings=1) as server, server.open() as client:
        (call,) = app.calls
        assert call.task is not None
        await call.send("websocket.send", text="before")
        call.task.cancel()
        await client.expect_text("before")
        await client.expect_close(1012)
        await client.send_close(1012)
        await client.expect_eof()
        assert isinstance(await call.ended(), asyncio.CancelledError)
        assert call.task.cancelled()
    assert no_traceback(server)


async def test_c15_code_is_that_of_the_shutdown(start: Start, protocol: Any) -> None:
    app = App(hold_on)
    ws = protocol.with_options(shutdown_code=4321)
    async with start(app, ws=ws, warnings=1) as server, server.open() as client:
        assert app.calls[0].task is not None
        app.calls[0].task.cancel()
        await client.expect_close(4321)
        await client.send_close(4321)


async def test_c15_timeout_graceful_shutdown(start: Start, protocol: Any) -> None:
    """It cancels the app while the connection still waits for its share of ``drain_spread``."""
    app = App(hold_on)
    ws = protocol.with_options(drain_spread=NEVER)
    start_it = start(app, ws=ws, warnings=1, errors=1, timeout_graceful_shutdown=0.2)
    async with start_it as server, server.open() as client:
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await client.send_close(1012)
        await client.expect_eof()
        await stopping
        await server.became_idle()
    assert "timeout graceful shutdown exceeded" in server.logs.errors[0]  # uvicorn's own line.
    assert no_traceback(server)


async def test_c15_timeout_graceful_shutdown_after_the_close(start: Start, protocol: Any) -> None:
    """The shutdown has closed the connection already; only the app is left."""
    app = App(hold_on)
    async with start(app, warnings=1, errors=1, timeout_graceful_shutdown=0.5) as server, server.open() as client:
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await client.send_close(1012)
        await client.expect_eof()
        await stopping
        await server.became_idle()
    assert no_traceback(server)


async def test_c15_before_the_app_has_answered_it_is_a_503(start: Start) -> None:
    async def script(call: Call) -> None:
        await asyncio.get_running_loop().create_future()

    app = App(script)
    async with start(app, warnings=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        assert call.task is not None
        call.task.cancel()
        response = await client.response()
        assert (response.status, response.complete) == (503, True)
        await client.expect_eof()
    assert no_traceback(server)


async def test_c15_close_that_cannot_be_sent_is_an_abort(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(close_timeout=60, write_timeout=None)
    app = App(hold_on)
    start_it = start(app, ws=ws, warnings=1, send_buffer=65536)
    async with start_it as server, server.connect(receive_buffer=65536) as client:
        await client.open()
        (call,) = app.calls
        sent, waiting = await fill(call)
        assert call.task is not None
        call.task.cancel()
        await eventually(lambda: not server.state.connections)
        with pytest.raises(OSError, match="disconnected"):
            await waiting
        assert len(await until_gone(client)) < sent * MEBIBYTE
    assert no_traceback(server)


async def test_c15_peer_that_does_not_answer_is_cut_off(start: Start, protocol: Any) -> None:
    app = App(hold_on)
    ws = protocol.with_options(close_timeout=0.1)
    async with start(app, ws=ws, warnings=1) as server, server.open() as client:
        assert app.calls[0].task is not None
        app.calls[0].task.cancel()
        await client.expect_close(1012)
        assert await until_gone(client) == b""
        await eventually(lambda: not server.state.connections)


async def test_c15_app_that_swallows_its_cancellation_and_returns(start: Start) -> None:
    """It has returned, so this is C4."""

    async def script(call: Call) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await hold_on(call)

    app = App(script)
    async with start(app) as server, server.open() as client:
        assert app.calls[0].task is not None
        app.calls[0].task.cancel()
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()


async def test_c15_after_the_peer_is_gone(start: Start) -> None:
    app = App(hold_on)
    async with start(app, warnings=1) as server, server.open() as client:
        client.reset()
        await eventually(lambda: not server.state.connections)
        assert app.calls[0].task is not None
        app.calls[0].task.cancel()
        await app.calls[0].ended()
    assert no_traceback(server)


async def test_c15_cancelled_receive_is_not_a_cancelled_app(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        receiving = asyncio.ensure_future(call.receive_event())
        await turns()
        receiving.cancel()
        await asyncio.wait([receiving])
        await client.send_text("hello")
        assert await call.receive() == {"type": "websocket.receive", "text": "hello"}


async def test_c13_app_grace_cancels_the_app_that_does_not_return(start: Start, protocol: Any) -> None:
    app = App(hold_on)
    ws = protocol.with_options(app_grace=0.1)
    async with start(app, ws=ws, warnings=1) as server, server.open() as client:
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await client.send_close(1012)
        await client.expect_eof()
        await stopping
        assert isinstance(await app.calls[0].ended(), asyncio.CancelledError)
    assert no_traceback(server)


async def test_c13_app_grace_runs_from_the_loss_of_the_transport(start: Start, protocol: Any) -> None:
    app = App(hold_on)
    ws = protocol.with_options(app_grace=0, close_timeout=60)
    async with start(app, ws=ws, warnings=1) as server, server.open() as client:
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await turns(50)
        assert app.calls[0].task is not None
        assert not app.calls[0].task.done()
        await client.send_close(1012)
        await client.expect_eof()
        await stopping
        assert isinstance(await app.calls[0].ended(), asyncio.CancelledError)


async def test_c13_app_grace_leaves_the_app_alone_that_returns(start: Start, protocol: Any) -> None:
    app = App(leave_late)
    ws = protocol.with_options(app_grace=NEVER)
    async with start(app, ws=ws) as server, server.open() as client:
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await client.send_close(1012)
        await stopping
        assert await app.calls[0].ended() is None


async def test_c13_app_grace_is_for_a_shutdown(start: Start, protocol: Any) -> None:
    """An app that tidies up after its peer has left has all the time it wants."""
    app = App(leave_late)
    ws = protocol.with_options(app_grace=0.05)
    async with start(app, ws=ws) as server, server.open() as client:
        await client.send_close(1000)
        await client.expect_close(1000)
        await client.expect_eof()
        assert await app.calls[0].ended() is None


async def test_c13_app_grace_of_an_unanswered_handshake(start: Start, protocol: Any) -> None:
    async def script(call: Call) -> None:
        await asyncio.get_running_loop().create_future()

    app = App(script)
    ws = protocol.with_options(app_grace=0.1)
    async with start(app, ws=ws, warnings=1) as server, server.connect() as client:
        await client.request()
        await app.call()
        stopping = asyncio.ensure_future(server.shutdown())
        assert (await client.response()).status == 503
        client.close()
        await stopping
