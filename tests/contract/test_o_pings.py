"""Open, row O2: the peer's pings are answered, and the app sees none of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_o import LANES, bytes_event, ending_line, fragments, opened, text_event
from tests.harness import CONTINUATION, PING, PONG, TEXT, App, Frame, Start, close_frame, eventually, frame, turns


@LANES
@pytest.mark.parametrize("payload", [b"", b"p", bytes(range(125))], ids=len)
async def test_o2_pong_has_the_payload_of_the_ping(
    start: Start, protocol: Any, fast_lane: bool, payload: bytes
) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_frame(PING, payload)
        assert await client.frame() == Frame(PONG, payload)
        await call.finish()


@LANES
async def test_o2_every_ping_is_answered_in_order(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(b"".join(frame(PING, b"%d" % n) for n in range(1000)))
        for n in range(1000):
            assert await client.frame() == Frame(PONG, b"%d" % n)
        await call.finish()


@LANES
async def test_o2_app_sees_neither_pings_nor_pongs(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(PING, b"p") + frame(PONG, b"q") + frame(PONG) + frame(TEXT, b"text") + frame(PING))
        await client.send_close(1000)
        assert await call.receive() == text_event("text")
        await call.disconnect(1000, "")
        await call.finish()


@LANES
async def test_o2_ping_inside_an_unfinished_message_is_answered_at_once(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"first, ", fin=False) + frame(PING, b"between"))
        assert await client.frame() == Frame(PONG, b"between")
        await client.send(frame(CONTINUATION, b"last"))
        assert await call.receive() == text_event("first, last")
        await call.finish()


async def test_o2_pong_does_not_overtake_what_was_sent_before_it(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        for size in (1, 100_000):
            await call.send("websocket.send", bytes=b"m" * size)
            await client.send_frame(PING, b"p")
            await client.expect_bytes(b"m" * size)
            assert await client.frame() == Frame(PONG, b"p")
        await call.finish()


@LANES
async def test_o2_ping_while_the_apps_close_is_under_way(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close", code=4000)
        await client.expect_close(4000)
        await client.send(frame(TEXT, b"first", fin=False) + frame(PING, b"1") + frame(CONTINUATION, b"last"))
        await client.send(frame(PING, b"2"))
        assert [await client.frame() for _ in range(2)] == [Frame(PONG, b"1"), Frame(PONG, b"2")]
        await client.send_close(4000)
        await client.expect_eof()
        await call.disconnect(4000)
        await call.finish()


async def test_o2_ping_behind_the_peers_close_is_not_answered(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(PING, b"before") + close_frame(1000) + frame(PING, b"after"))
        assert await client.frame() == Frame(PONG, b"before")
        await client.expect_close(1000)
        assert await client.rest() == b""
        await call.disconnect(1000, "")
        await call.finish()


@LANES
async def test_o2_ping_behind_a_full_queue_is_answered_once_reading_goes_on(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_queue=2) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(PING, b"behind"))
        await eventually(lambda: len(server.protocol._connection.inbox) == 2)
        await turns(30)
        assert client.pending() == b""
        assert await call.receive() == text_event("1")
        assert await client.frame() == Frame(PONG, b"behind")
        assert await call.receive() == text_event("2")
        await call.finish()


@LANES
async def test_o2_pings_are_answered_while_the_app_does_not_receive(
    start: Start, protocol: Any, fast_lane: bool
) -> None:
    """As long as reading is not paused."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_queue=3) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"1") + frame(PING, b"a") + fragments(TEXT, b"2..", 3, between=frame(PING)))
        assert [await client.frame() for _ in range(3)] == [Frame(PONG, b"a"), Frame(PONG, b""), Frame(PONG, b"")]
        assert [await call.receive(), await call.receive()] == [text_event("1"), text_event("2..")]
        await call.finish()


@LANES
async def test_o2_ping_does_not_wait_for_the_frame_behind_it(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    async with start(app, ws=protocol.with_options(fast_lane=fast_lane)) as server, server.connect() as client:
        call = await opened(app, client)
        data = frame(2, b"b" * 1000)
        await client.send(frame(PING, b"p") + data[:500])
        assert await client.frame() == Frame(PONG, b"p")
        await client.send(data[500:])
        assert await call.receive() == bytes_event(b"b" * 1000)
        await call.finish()


async def test_o2_pings_leave_no_line(start: Start) -> None:
    app = App()
    async with start(app) as server:
        async with server.connect() as client:
            call = await opened(app, client)
            await client.send(frame(PING, b"p") * 5 + frame(PONG, b"q") * 5 + close_frame(1000))
            await call.disconnect(1000, "")
            await call.finish()
        await server.became_idle()
        assert "1000" in ending_line(server)
