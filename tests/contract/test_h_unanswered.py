"""Handshake, rows H8 to H10: the peer, the server or the clock ends it before the application has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from safews import ClientDisconnected, Options
from tests.harness import App, Call, Client, Start, eventually, turns
from tests.harness.server import pending_timers

pytestmark = pytest.mark.every_http

LEAVING = pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["FIN", "RST"])

ANSWERS = pytest.mark.parametrize(
    "answer",
    [{"type": "websocket.accept"}, {"type": "websocket.http.response.start", "status": 403}],
    ids=["accept", "denial"],
)


@LEAVING
async def test_h8_peer_that_leaves_is_a_disconnect(start: Start, leave: Callable[[Client], None]) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        waiting = asyncio.ensure_future(call.receive())
        await turns()
        assert not waiting.done()
        leave(client)
        assert await waiting == {"type": "websocket.disconnect", "code": 1006}
        with pytest.raises(ClientDisconnected):
            await call.receive()
        await call.finish()
    assert len(server.logs.infos) <= 1


@LEAVING
@ANSWERS
async def test_h8_answer_after_the_peer_has_left_raises(
    start: Start, leave: Callable[[Client], None], answer: dict[str, Any]
) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        leave(client)
        await eventually(lambda: not server.state.connections)
        with pytest.raises(ClientDisconnected) as caught:
            await call.send_event(answer)
        assert (caught.value.code, caught.value.reason) == (1006, "")
        assert isinstance(caught.value, OSError)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert "CLOSED" in str(caught.value)
        await call.connect()
        await call.disconnect(1006)
        await call.finish(caught.value)
    assert len(server.logs.infos) <= 1
    assert server.logs.about("[accepted]") == []


@LEAVING
async def test_h8_close_after_the_peer_has_left_is_ignored(start: Start, leave: Callable[[Client], None]) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        leave(client)
        await eventually(lambda: not server.state.connections)
        await call.send("websocket.close")
        await call.finish()
    assert len(server.logs.infos) <= 1


async def test_h8_app_that_returns_unanswered_after_the_disconnect_is_no_error(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        client.close()
        await call.disconnect(1006)
        await call.finish()
        await server.became_idle()


async def test_h9_shutdown_is_answered_503(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        stopping = asyncio.ensure_future(server.shutdown())
        response = await client.response()
        assert (response.status, response.complete) == (503, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
        client.close()
        await call.disconnect(1006)
        await call.finish()
        await stopping


async def test_h9_the_app_may_end_in_its_own_time(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        stopping = asyncio.ensure_future(server.shutdown())
        await client.response()
        assert await client.rest() == b""
        client.close()
        await eventually(lambda: not server.state.connections)
        assert not stopping.done()
        assert call.task is not None
        assert call.task.cancelling() == 0 if hasattr(call.task, "cancelling") else True
        with pytest.raises(ClientDisconnected):
            await call.send("websocket.accept")
        await call.disconnect(1006)
        await call.finish()
        await stopping


async def test_h9_app_that_returns_on_its_disconnect_is_no_error(start: Start) -> None:
    async def wait(call: Call) -> None:
        while (await call.receive_event())["type"] != "websocket.disconnect":
            pass

    async with start(App(wait)) as server, server.connect() as client:
        await client.request()
        await eventually(lambda: server.state.tasks)
        stopping = asyncio.ensure_future(server.shutdown())
        assert (await client.response()).status == 503
        client.close()
        await stopping


async def test_h10_app_that_does_not_answer_in_time_is_a_504(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(accept_timeout=0.05)
    async with start(app, ws=ws, warnings=1) as server, server.connect() as client:
        await client.request(b"/slow?x=1")
        call = await app.call()
        await call.connect()
        response = await client.response()
        assert (response.status, response.complete) == (504, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
        await call.disconnect(1006)
        for type_ in ("websocket.accept", "websocket.send", "websocket.http.response.start"):
            with pytest.raises(ClientDisconnected):
                await call.send(type_, text="late", status=403)
        await call.finish()
    assert "/slow?x=1" in server.logs.warnings[0]
    assert server.logs.about("[accepted]") == []


async def test_h10_answer_in_time_stops_the_clock(start: Start, protocol: Any) -> None:
    app = App()
    loop = asyncio.get_running_loop()
    ws = protocol.with_options(accept_timeout=20, write_timeout=None)
    async with start(app, ws=ws, ws_ping_interval=None) as server, server.connect() as client:
        before = pending_timers(loop)
        await client.request()
        call = await app.call()
        await call.connect()
        await call.send("websocket.accept")
        await client.head()
        assert not pending_timers(loop) - before
        await call.finish()


async def test_h10_denial_in_time_stops_the_clock(start: Start, protocol: Any) -> None:
    app = App()
    loop = asyncio.get_running_loop()
    ws = protocol.with_options(accept_timeout=20, write_timeout=None)
    async with start(app, ws=ws, ws_ping_interval=None) as server, server.connect() as client:
        before = pending_timers(loop)
        await client.request()
        call = await app.call()
        await call.send("websocket.http.response.start", status=403)
        await call.send("websocket.http.response.body")
        assert (await client.response()).status == 403
        client.close()
        await eventually(lambda: not server.state.connections)
        assert not pending_timers(loop) - before
        await call.finish()


async def test_h10_denial_that_is_not_complete_in_time_is_cut(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(accept_timeout=0.2)
    async with start(app, ws=ws, warnings=1) as server, server.connect() as client:
        await client.request(b"/slow")
        call = await app.call()
        await call.send("websocket.http.response.start", status=403)
        await call.send("websocket.http.response.body", body=b"part", more_body=True)
        response = await client.response()
        assert (response.status, response.body, response.complete) == (403, b"part", False)
        with pytest.raises(ClientDisconnected):
            await call.send("websocket.http.response.body", body=b"late")
        await call.finish()
    assert "/slow" in server.logs.warnings[0]


async def test_h10_is_off_by_default(start: Start) -> None:
    app = App()
    assert Options().accept_timeout is None
    async with start(app, ws_ping_interval=None) as server, server.connect() as client:
        before = pending_timers(asyncio.get_running_loop())
        await client.request()
        call = await app.call()
        assert not pending_timers(asyncio.get_running_loop()) - before
        await call.accept()
        await call.finish()
