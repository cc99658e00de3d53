"""Closing, row C14: Closes that cross, and what comes after a Close."""

from __future__ import annotations

import pytest

from tests.contract.helpers_c import accepted, begin_receive, close_records, send_now
from tests.harness import BINARY, CONTINUATION, PING, TEXT, Start, close_frame, eventually, frame, turns

CLOSE = {"type": "websocket.close", "code": 4000, "reason": "app"}


async def test_c14_both_close_at_once(start: Start) -> None:
    """The peer's Close has arrived, but has not been read: ours is the first."""
    async with accepted(start) as (server, client, call):
        protocol = server.protocol
        send_now(client, close_frame(4001, "peer"))
        await call.send_event(CLOSE)
        await client.expect_close(4000, "app")
        await client.expect_eof()
        await call.disconnect(4000, "app")
        await eventually(lambda: not server.state.connections)
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (4000, "app", "app")
        (record,) = close_records(server)
        assert record.__dict__["websocket_close_clean"] is True


async def test_c14_the_app_closes_when_it_has_just_been_told(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        protocol = server.protocol
        await client.send_close(4001, "peer")
        await call.disconnect(4001, "peer")
        await call.send_event(CLOSE)
        await client.expect_close(4001, "peer")
        await client.expect_eof()
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (4001, "peer", "peer")


async def test_c14_server_and_peer_close_at_once(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        protocol = server.protocol
        send_now(client, close_frame(4001, "peer"))
        protocol.shutdown()
        await client.expect_close(1012)
        await client.expect_eof()
        await call.disconnect(1012)
        assert (protocol.close_code, protocol.closed_by) == (1012, "server")


async def test_c14_app_and_server_close_at_once(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send_event(CLOSE)
        server.protocol.shutdown()
        await client.expect_close(4000, "app")
        await client.send_close(4000)
        await client.expect_eof()
        await call.disconnect(4000, "app")


LATE = {
    "text": frame(TEXT, b"late"),
    "fragments": frame(TEXT, b"la", fin=False) + frame(CONTINUATION, b"te"),
    "ping": frame(PING, b"late"),
    "close": close_frame(4009, "late"),
    "close without a code": close_frame(),
    "bad UTF-8": frame(TEXT, b"\xff"),
    "bad opcode": frame(3, b"late"),
    "bad mask": frame(TEXT, b"late", mask=None),
    "bad close": close_frame(1005),
    "too large": frame(BINARY, b"x" * 2001),
    "no frame at all": b"GET / HTTP/1.1\r\n\r\n",
    "much": frame(TEXT, b"late") * 1000,
}
AFTER_CLOSE = pytest.mark.parametrize("late", LATE.values(), ids=LATE)


@AFTER_CLOSE
@pytest.mark.parametrize("waits", [False, True], ids=["app is late", "app waits"])
async def test_c14_what_follows_the_peers_close_is_ignored(start: Start, late: bytes, waits: bool) -> None:
    async with accepted(start, ws_max_size=2000) as (server, client, call):
        if waits:
            waiting = begin_receive(call)
            await turns()
            await client.send(close_frame(4001, "peer") + late)
            assert await waiting == {"type": "websocket.disconnect", "code": 4001, "reason": "peer"}
        else:
            await client.send_text("first")
            await call.receive()
            await client.send(frame(TEXT, b"before") + close_frame(4001, "peer") + late)
            assert await call.receive() == {"type": "websocket.receive", "text": "before"}
            await call.disconnect(4001, "peer")
        await client.expect_close(4001, "peer")
        assert await client.rest() == b""
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        fields = record.__dict__
        assert (fields["websocket_close_code"], fields["websocket_closed_by"]) == (4001, "peer")
        assert fields["websocket_messages_in"] == (0 if waits else 2)


@AFTER_CLOSE
async def test_c14_what_follows_the_peers_close_in_another_segment_is_ignored(start: Start, late: bytes) -> None:
    async with accepted(start, ws_max_size=2000) as (_, client, call):
        await client.send_text("first")
        await call.receive()
        await client.send_close(4001, "peer")
        await turns(20)
        await client.send(late)
        await turns(20)
        assert client.pending() == b""
        await call.disconnect(4001, "peer")
        await client.expect_close(4001, "peer")
        assert await client.rest() == b""


VIOLATIONS = {name: data for name, data in LATE.items() if name.startswith(("bad", "too large", "no frame"))}


@pytest.mark.parametrize("late", VIOLATIONS.values(), ids=VIOLATIONS)
async def test_c14_violation_after_our_close(start: Start, late: bytes) -> None:
    """There is no second Close, and the connection ends."""
    async with accepted(start, ws_max_size=2000) as (server, client, call):
        await call.send_event(CLOSE)
        await client.send(late)
        await client.expect_close(4000, "app")
        assert await client.rest() == b""
        client.close()
        await call.disconnect(4000, "app")
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        fields = record.__dict__
        assert (fields["websocket_close_code"], fields["websocket_closed_by"]) == (4000, "app")


async def test_c14_data_after_our_close_is_ignored(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send_event(CLOSE)
        await client.send(LATE["text"] + LATE["fragments"])
        await client.send(LATE["much"])
        await client.expect_close(4000, "app")
        await client.send_close(4001)
        await client.expect_eof()
        await call.disconnect(4000, "app")
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert record.__dict__["websocket_messages_in"] == 0


async def test_c14_peer_answers_twice(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send_event(CLOSE)
        await client.send(close_frame(4000, "app") + close_frame(4002, "again"))
        await client.expect_close(4000, "app")
        assert await client.rest() == b""
        await call.disconnect(4000, "app")


async def test_c14_peer_closes_twice(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        waiting = begin_receive(call)
        await turns()
        await client.send(close_frame(4001, "first") + close_frame(4002, "second"))
        await client.expect_close(4001, "first")
        assert await client.rest() == b""
        assert await waiting == {"type": "websocket.disconnect", "code": 4001, "reason": "first"}


async def test_c14_close_in_the_segment_of_data(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        waiting = begin_receive(call)
        await turns()
        await client.send(frame(TEXT, b"te", fin=False) + frame(CONTINUATION, b"xt") + close_frame(4001, "peer"))
        assert await waiting == {"type": "websocket.receive", "text": "text"}
        await turns(20)
        assert client.pending() == b""
        await call.disconnect(4001, "peer")
        await client.expect_close(4001, "peer")
        await client.expect_eof()


async def test_c14_violation_in_the_segment_of_the_close_before_it(start: Start) -> None:
    """The first of the two counts, whichever it is."""
    async with accepted(start) as (server, client, call):
        protocol = server.protocol
        await client.send(frame(TEXT, b"\xff") + close_frame(4001, "peer"))
        await call.disconnect(1007)
        assert (await client.frame()).payload[:2] == (1007).to_bytes(2, "big")
        await client.expect_eof()
        assert (protocol.close_code, protocol.closed_by) == (1007, "server")
