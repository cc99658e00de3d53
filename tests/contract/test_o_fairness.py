"""Open, row O8a: an app that never pauses of its own accord does not keep the event loop from others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import LANES, SOCKET_BUFFER, background, discard, ending_line, flooding, opened
from tests.harness import BINARY, TEXT, App, Call, Client, Start, eventually, frame, within

MESSAGES_PER_TURN = 256
BYTES_PER_TURN = 2**20
"""What one app may send or receive in one turn of the event loop: a bound to rely on, not the very number."""


class Meter:
    """Measures how far a counter gets from one turn of the event loop to the next."""

    def __init__(self) -> None:
        self.count = 0
        self.most = 0
        self.is_over = False
        """Whether the app is to return: what still lies in its queue may be much, and proves nothing."""

    async def run(self) -> None:
        """Look at the counter in every turn."""
        before = self.count
        while True:
            await asyncio.sleep(0)
            self.most = max(self.most, self.count - before)
            before = self.count


async def round_trips(client: Client, count: int = 10) -> None:
    """Be served by an echo."""
    for n in range(count):
        await client.send_text(str(n))
        await client.expect_text(str(n))


def by_path(**scripts: Callable[[Call], Awaitable[object]]) -> App:
    """An application with a script for each path; each accepts first."""

    async def run(call: Call) -> object:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        return await scripts[call.scope["path"][1:]](call)

    return App(run)


async def echo_on(call: Call) -> None:
    while (message := await call.receive_event())["type"] == "websocket.receive":
        await call.send_event({**message, "type": "websocket.send"})


@pytest.mark.parametrize("size", [1, 1000, 20_000])
async def test_o8a_tight_send_loop(start: Start, size: int) -> None:
    meter = Meter()

    async def busy(call: Call) -> None:
        while True:
            await call.send_event({"type": "websocket.send", "bytes": b"m" * size})
            meter.count += 1

    app = by_path(busy=busy, echo=echo_on)
    async with start(app) as server, server.open(b"/busy") as peer, server.open(b"/echo") as other:
        async with background(discard(peer), meter.run()):
            await round_trips(other)
        assert meter.count > 100
        assert meter.most <= min(MESSAGES_PER_TURN, BYTES_PER_TURN // size)
        peer.reset()


async def test_o8a_tight_send_loop_of_large_messages(start: Start) -> None:
    meter = Meter()
    size = 2**19

    async def busy(call: Call) -> None:
        while True:
            await call.send_event({"type": "websocket.send", "bytes": b"m" * size})
            meter.count += 1

    app = by_path(busy=busy, echo=echo_on)
    async with start(app) as server, server.open(b"/busy") as peer, server.open(b"/echo") as other:
        async with background(discard(peer), meter.run()):
            await round_trips(other)
        assert meter.most <= 2
        peer.reset()


async def test_o8a_tight_send_loop_to_a_peer_that_does_not_read(start: Start) -> None:
    async def busy(call: Call) -> None:
        while True:
            await call.send_event({"type": "websocket.send", "text": "m"})

    app = by_path(busy=busy, echo=echo_on)
    async with start(app) as server, server.open(b"/busy") as peer, server.open(b"/echo") as other:
        await round_trips(other)
        peer.reset()


@LANES
@pytest.mark.parametrize("data", [b"", b"x", b"x" * 2000], ids=lambda data: f"{len(data)}-bytes")
async def test_o8a_echo_of_a_flood(start: Start, protocol: Any, fast_lane: bool, data: bytes) -> None:
    meter = Meter()

    async def busy(call: Call) -> None:
        while (message := await call.receive_event())["type"] == "websocket.receive" and not meter.is_over:
            await call.send_event({**message, "type": "websocket.send"})
            meter.count += 1

    app = by_path(busy=busy, echo=echo_on)
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws) as server, server.open(b"/busy") as peer, server.open(b"/echo") as other:
        async with flooding(peer, frame(BINARY, data) * 1000), background(meter.run()):
            await round_trips(other)
        meter.is_over = True
        assert meter.count > 100
        assert meter.most <= MESSAGES_PER_TURN
        peer.reset()


@LANES
async def test_o8a_receive_loop_under_a_flood(start: Start, protocol: Any, fast_lane: bool) -> None:
    """An app that only receives, and a queue that is long."""
    meter = Meter()

    async def busy(call: Call) -> None:
        while (await call.receive_event())["type"] == "websocket.receive" and not meter.is_over:
            meter.count += 1

    app = by_path(busy=busy, echo=echo_on)
    ws = protocol.with_options(fast_lane=fast_lane)
    served = start(app, ws=ws, ws_max_queue=100_000)
    async with served as server, server.open(b"/busy") as peer, server.open(b"/echo") as other:
        async with flooding(peer, frame(TEXT) * 1000), background(meter.run()):
            await round_trips(other)
        meter.is_over = True
        assert meter.count > 100
        assert meter.most <= MESSAGES_PER_TURN
        peer.reset()


@pytest.mark.parametrize("waits", [False, True], ids=["running", "waiting"])
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_o8a_lost_peer_ends_a_tight_send_loop(start: Start, how: str, waits: bool) -> None:
    """Also one that waits, because the peer has taken nothing for a while."""
    app = App()
    async with start(app, send_buffer=SOCKET_BUFFER) as server:
        async with server.connect(receive_buffer=SOCKET_BUFFER) as client:
            call = await opened(app, client)
            sending = asyncio.ensure_future(send_on(call))
            if waits:
                await eventually(lambda: server.protocol._app.gate.paused)
            else:
                await client.frame()
            client.reset() if how == "reset" else client.close()
            error = await within(sending)
            assert error.code == 1006
            await call.disconnect(1006)
            await call.finish()
        assert "1006" in ending_line(server)


async def send_on(call: Call) -> ClientDisconnected:
    """Send in a tight loop; returns what ends it."""
    while True:
        try:
            await call.send_event({"type": "websocket.send", "text": "m"})
        except ClientDisconnected as error:
            return error


async def test_o8a_lost_peer_ends_a_tight_loop_at_the_next_send(start: Start) -> None:
    """The very send that follows the loss raises, before the transport has had a turn to report it."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        server.protocol.transport.abort()
        with pytest.raises(ClientDisconnected):
            await call.send_event({"type": "websocket.send", "text": "m"})
        await call.disconnect(1006)
        await call.finish()


async def test_o8a_peers_close_ends_a_tight_send_loop(start: Start) -> None:
    """It is answered after ``close_grace`` at most, since this app does not come to receive it."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        sending = asyncio.ensure_future(send_on(call))
        await client.frame()
        await client.send_close(4000, "bye")
        rest = await client.rest()
        assert rest.endswith(b"\x88\x05" + (4000).to_bytes(2, "big") + b"bye")
        error = await sending
        assert (error.code, error.reason) == (4000, "bye")
        await call.disconnect(4000, "bye")
        await call.finish()
