"""RST at every moment of a connection's life: no timer is needed for all of it to be gone."""

from __future__ import annotations

from typing import Any

import pytest

from safews._keepalive import Keepalive
from safews._timers import Timers
from tests.contract.helpers_c import SITUATIONS, Scene, Situation
from tests.harness import BINARY, CONTINUATION, TEXT, Call, Start, eventually, frame, upgrade_request
from tests.hostile.helpers import OTHER, TCP_AND_TLS, Ticks, beside_echo, echoes, protocol_of


async def in_a_fragmented_message(scene: Scene) -> None:
    await scene.open()
    await scene.client.send(frame(TEXT, b"first", fin=False) + frame(CONTINUATION, b"second", fin=False))


async def in_a_frame(scene: Scene) -> None:
    await scene.open()
    await scene.client.send(frame(BINARY, bytes(1000))[:500])


async def in_a_header(scene: Scene) -> None:
    await scene.open()
    await scene.client.send(frame(BINARY, bytes(1000))[:3])


async def in_a_denial_that_is_not_taken(scene: Scene) -> None:
    await scene.call.send("websocket.http.response.start", status=403)
    await scene.call.send("websocket.http.response.body", body=bytes(4_000_000), more_body=True)
    scene.begin({"type": "websocket.http.response.body", "body": b"last"})


MOMENTS: list[Situation] = [
    *SITUATIONS,
    in_a_fragmented_message,
    in_a_frame,
    in_a_header,
    in_a_denial_that_is_not_taken,
]

LONG = 600
EVERY = pytest.mark.parametrize("moment", MOMENTS, ids=[moment.__name__ for moment in MOMENTS])


@TCP_AND_TLS
@EVERY
async def test_reset(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, moment: Situation, tls: bool
) -> None:
    ticks = Ticks(monkeypatch, Timers, "_over")
    ws = protocol.with_options(close_timeout=LONG, close_grace=LONG, write_timeout=LONG)
    app = beside_echo(Call.verdict)
    settings = {"ws": ws, "ws_ping_interval": None, "send_buffer": 65536, "tls": tls}
    async with start(app, **settings) as server:
        async with server.connect(receive_buffer=65536) as client:
            await client.request()
            call = await app.call()
            scene = Scene(server, client, call)
            await moment(scene)
            attacked = server.protocol
            async with server.open(OTHER) as other:
                client.reset()
                await eventually(lambda: attacked not in server.state.connections)
                assert ticks.of(attacked._timers) == 0
                assert len(attacked._timers) == 0
                await scene.end()
                assert [event["type"] for event in call.received].count("websocket.disconnect") == 1
                await echoes(other)
        await server.became_idle()


@TCP_AND_TLS
@pytest.mark.every_http
@pytest.mark.parametrize("size", [1, 20, 100, len(upgrade_request()) - 1])
async def test_reset_during_the_request(start: Start, size: int, tls: bool) -> None:
    app = beside_echo(Call.verdict)
    async with start(app, tls=tls) as server, server.open(OTHER) as other:
        async with server.connect() as client:
            await client.send(upgrade_request()[:size])
            await eventually(lambda: len(server.state.connections) == 2)
            client.reset()
            await eventually(lambda: len(server.state.connections) == 1)
        await echoes(other)
        assert len(app.calls) == 1


@TCP_AND_TLS
async def test_reset_while_the_peer_is_not_read(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    """It is found by writing: by the first ping after it."""
    steps = Ticks(monkeypatch, Keepalive, "due")
    app = beside_echo(Call.verdict)
    settings = {"ws_max_queue": 2, "ws_ping_interval": 0.1, "ws_ping_timeout": 0.8, "tls": tls}
    async with start(app, **settings) as server, server.open(OTHER) as other:
        async with server.connect() as client:
            await client.request()
            call = await app.call(1)
            await call.accept()
            await client.head()
            attacked = protocol_of(server, client)
            await client.send(frame(TEXT, b"x") * 5)
            await eventually(lambda: not attacked.transport.is_reading())
            client.reset()
            steps.forget()
            await eventually(lambda: attacked not in server.state.connections)
            assert steps.of(attacked._keepalive) <= 3
            await Scene(server, client, call).end()
        await echoes(other)
