"""Closing, row C13: the server shuts down while a connection is in whatever state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews._patience import STEPS
from tests.contract.helpers_c import (
    LARGE,
    SITUATIONS,
    TCP_AND_TLS,
    Scene,
    Situation,
    begin_receive,
    close_records,
    closing,
    denying,
    ending,
    idle,
    reading_nothing,
    until_gone,
)
from tests.harness import App, Start, close_frame, eventually, turns
from tests.harness.server import pending_timers

CLOSE_TIMEOUT = 0.1
MARGIN = 4.0
"""Seconds that a slow machine may add."""

EVERY = pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.__name__ for situation in SITUATIONS])


@EVERY
@TCP_AND_TLS
async def test_c13_no_connection_outlives_its_bound(
    start: Start, protocol: Any, tls: bool, situation: Situation
) -> None:
    loop = asyncio.get_running_loop()
    app = App()
    ws = protocol.with_options(close_timeout=CLOSE_TIMEOUT, close_grace=60, write_timeout=None)
    async with start(app, ws=ws, tls=tls, send_buffer=65536) as server, server.connect(receive_buffer=65536) as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        try:
            await situation(scene)
            begun = loop.time()
            stopping = asyncio.ensure_future(server.shutdown())
            await eventually(lambda: not server.state.connections)
            assert loop.time() - begun < CLOSE_TIMEOUT + MARGIN
        finally:
            await scene.end()
        await stopping
        assert loop.time() - begun < CLOSE_TIMEOUT + 1 + MARGIN
        disconnects = [event for event in scene.call.received if event["type"] == "websocket.disconnect"]
        assert len(disconnects) == 1
        assert len(close_records(server)) <= 1


@pytest.mark.parametrize("spread", [0.0, 0.3])
async def test_c13_spread_and_close_timeout_add_up_and_no_more(start: Start, protocol: Any, spread: float) -> None:
    loop = asyncio.get_running_loop()
    app = App()
    ws = protocol.with_options(close_timeout=CLOSE_TIMEOUT, drain_spread=spread, write_timeout=None)
    async with start(app, ws=ws, send_buffer=65536) as server, server.connect(receive_buffer=65536) as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await reading_nothing(scene)
        begun = loop.time()
        stopping = asyncio.ensure_future(server.shutdown())
        await eventually(lambda: not server.state.connections)
        assert loop.time() - begun < spread + CLOSE_TIMEOUT + MARGIN
        await scene.end()
        await stopping


@EVERY
async def test_c13_shutdown_never_raises(start: Start, protocol: Any, situation: Situation) -> None:
    """Not twice, and not when the connection is gone already."""
    app = App()
    ws = protocol.with_options(close_timeout=CLOSE_TIMEOUT, close_grace=60)
    async with start(app, ws=ws, send_buffer=65536) as server, server.connect(receive_buffer=65536) as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        try:
            await situation(scene)
            ours = server.protocol
            ours.shutdown()
            ours.shutdown()
            await eventually(lambda: not server.state.connections)
            ours.shutdown()
            await turns()
            ours.shutdown()
        finally:
            await scene.end()


async def test_c13_denial_may_be_completed(start: Start) -> None:
    """Nor is the application told of a disconnect before it has been (H6)."""
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await scene.call.connect()
        await denying(scene)
        receiving = begin_receive(scene.call)
        stopping = asyncio.ensure_future(server.shutdown())
        await turns(20)
        assert not receiving.done()
        await scene.call.send("websocket.http.response.body", body=b" and the rest")
        assert await receiving == {"type": "websocket.disconnect", "code": 1006}
        response = await client.response()
        assert (response.status, response.body, response.complete) == (403, b"part and the rest", True)
        client.close()
        await scene.end()
        await stopping


async def test_c13_denial_that_is_not_completed_has_no_false_end(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(close_timeout=0.1)) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await denying(scene)
        stopping = asyncio.ensure_future(server.shutdown())
        response = await client.response()
        assert (response.body, response.complete) == (b"part", False)
        await scene.end()
        await stopping


async def test_c13_closes_that_are_under_way_are_left_alone(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await closing(scene)
        stopping = asyncio.ensure_future(server.shutdown())
        await turns(20)
        assert client.pending() == b""
        await client.send_close(4001)
        await client.expect_eof()
        await scene.call.disconnect(4001)
        await scene.call.finish()
        await stopping


async def test_c13_close_of_the_peer_that_waits_is_answered_as_ever(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(close_grace=60)) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await ending(scene)
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(4000, "bye")
        await client.expect_eof()
        await scene.call.disconnect(4000, "bye")
        await scene.call.finish()
        await stopping


async def test_c13_answer_that_comes_at_last_is_enough(start: Start) -> None:
    """The bound is for those that do not answer."""
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await reading_nothing(scene)
        stopping = asyncio.ensure_future(server.shutdown())
        await turns(20)
        assert (await client.frame()).payload == LARGE
        await client.send(close_frame(1012))
        client.half_close()
        assert (await until_gone(client)) or client.raw
        await scene.end()
        await stopping


@pytest.mark.parametrize("loop_name", ["asyncio"], indirect=True)  # uvloop does not show its timers.
@pytest.mark.parametrize("situation", [denying, reading_nothing])
async def test_c13_bounds_of_two_states_do_not_add_up(start: Start, protocol: Any, situation: Situation) -> None:
    """The peer answers, or the application completes its denial, and then the peer stays."""
    loop = asyncio.get_running_loop()
    app = App()
    ws = protocol.with_options(close_timeout=600, write_timeout=None)
    others = {"ws": ws, "ws_ping_interval": None, "send_buffer": 65536}
    async with start(app, **others) as server, server.connect(receive_buffer=65536) as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await situation(scene)
        server.protocol.shutdown()
        next_look = loop.time() + 600 / STEPS
        if situation is denying:
            await scene.call.send("websocket.http.response.body")
        else:
            await client.send_close(1012)
            await eventually(server.protocol.transport.is_closing)
        await turns()
        ends = [timer.when() for timer in pending_timers(loop)]
        assert next_look - 30 < max(ends) <= next_look
        client.reset()
        await scene.end()


async def test_c13_app_that_does_not_return_is_waited_for_by_default(start: Start, protocol: Any) -> None:
    assert protocol.options.app_grace is None
    app = App()
    async with start(app, ws=protocol.with_options(close_timeout=0.1)) as server, server.connect() as client:
        await client.request()
        scene = Scene(server, client, await app.call())
        await idle(scene)
        stopping = asyncio.ensure_future(server.shutdown())
        await until_gone(client)
        await eventually(lambda: not server.state.connections)
        await turns(50)
        assert not stopping.done()
        await scene.end()
        await stopping
