"""Handshake, row H20: an eager task factory, by which the application runs before its task has been returned."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from tests.harness import TEXT, App, Call, Frame, Start, echo, eventually, turns, upgrade_request

pytestmark = pytest.mark.every_http

needs_eager_tasks = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")


def start_eagerly() -> None:
    """Let the loop run every new task at once up to its first wait."""

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, *, eager_start: object = None, **keywords: Any) -> Any:
        # uvloop hands on ``eager_start``, which Python 3.13.0 does not take.
        return asyncio.eager_task_factory(loop, coro, **keywords)  # type: ignore[attr-defined,unused-ignore]

    asyncio.get_running_loop().set_task_factory(factory)


@needs_eager_tasks
async def test_h20_echo_as_ever(start: Start) -> None:
    start_eagerly()
    async with start(App(echo)) as server, server.open(headers=[(b"Sec-WebSocket-Protocol", b"a")]) as client:
        await client.send_text("hello")
        await client.expect_text("hello")
        await client.send_close(4000, "bye")
        await client.expect_close(4000, "bye")
        await client.expect_eof()


@needs_eager_tasks
async def test_h20_behind_a_request_that_is_answered_at_once(start: Start) -> None:
    """uvicorn's timer for a client that asks for nothing more is not for the WebSocket."""

    async def both(call: Call) -> None:
        if call.scope["type"] == "websocket":
            await echo(call)
        else:
            await call.send_event({"type": "http.response.start", "status": 204})
            await call.send_event({"type": "http.response.body"})

    start_eagerly()
    async with start(App(both), timeout_keep_alive=0) as server, server.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" + upgrade_request())
        await eventually(lambda: b" 101 " in client.pending())
        await turns(50)
        await client.send_text("hello")
        await client.send_close(1000)
        assert (await client.rest()).endswith(b"\x81\x05hello\x88\x02\x03\xe8")


@needs_eager_tasks
async def test_h20_app_that_sends_without_waiting(start: Start) -> None:
    async def chatter(call: Call) -> None:
        await call.send_event({"type": "websocket.accept"})
        for number in range(100):
            await call.send_event({"type": "websocket.send", "text": str(number)})

    async with start(App(chatter)) as server, server.open() as client:
        for number in range(100):
            assert await client.frame() == Frame(TEXT, str(number).encode())
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()


@needs_eager_tasks
async def test_h20_back_pressure_as_ever(start: Start) -> None:
    """An app whose first step fills the transport is told to wait, though uvicorn has not put us in its place yet."""
    messages = 200

    async def fill(call: Call) -> None:
        await call.send_event({"type": "websocket.accept"})
        for _ in range(messages):
            await call.send_event({"type": "websocket.send", "bytes": b"x" * 65536})
            call.received.append({})

    app = App(fill)
    async with start(app, send_buffer=65536) as server, server.connect(receive_buffer=65536) as client:
        await client.request()
        call = await app.call()
        await eventually(lambda: server.protocol.transport.get_write_buffer_size() > 0)
        assert len(call.received) < messages
        assert (await client.head()).status == 101
        for _ in range(messages):
            assert len((await client.frame()).payload) == 65536
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()


@needs_eager_tasks
async def test_h20_refusal_as_ever(start: Start) -> None:
    async def refuse(call: Call) -> None:
        await call.send_event({"type": "websocket.close"})

    async with start(App(refuse)) as server:
        response = await server.get()
        assert (response.status, response.complete) == (403, True)
        await server.became_idle()
    assert len(server.logs.infos) == 1


@needs_eager_tasks
async def test_h20_crash_as_ever(start: Start) -> None:
    async def crash(call: Call) -> None:
        raise ZeroDivisionError

    async with start(App(crash), errors=1) as server:
        assert (await server.get()).status == 500
        await server.became_idle()
    assert len(server.logs.tracebacks()) == 1


@needs_eager_tasks
async def test_h20_no_answer_as_ever(start: Start) -> None:
    async def do_nothing(call: Call) -> None:
        pass

    async with start(App(do_nothing), errors=1) as server:
        assert (await server.get()).status == 500
        await server.became_idle()
