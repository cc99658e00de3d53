"""Closing, row C2: TCP ends without a Close."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.helpers_c import TCP_AND_TLS, accepted, begin_receive, close_records, send_now
from tests.harness import TEXT, Client, Start, TLSWire, eventually, frame, turns

LEAVING = pytest.mark.parametrize(
    "leave", [Client.half_close, Client.close, Client.reset], ids=["FIN of one side", "FIN", "RST"]
)


@TCP_AND_TLS
@LEAVING
async def test_c2_end_of_tcp_is_a_disconnect_1006(start: Start, tls: bool, leave: Callable[[Client], None]) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        waiting = begin_receive(call)
        await turns()
        leave(client)
        assert await waiting == {"type": "websocket.disconnect", "code": 1006}
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert record.levelname == "INFO"
        assert (record.__dict__["websocket_close_code"], record.__dict__["websocket_closed_by"]) == (1006, "network")


async def test_c2_end_of_tls_is_a_disconnect_1006(start: Start) -> None:
    async with accepted(start, tls=True) as (_, client, call):
        waiting = begin_receive(call)
        assert isinstance(client.wire, TLSWire)
        await client.wire.close_alert()
        assert await waiting == {"type": "websocket.disconnect", "code": 1006}


async def test_c2_tcp_is_closed_and_no_close_is_sent(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        client.half_close()
        await client.expect_eof()
        await call.disconnect(1006)


@LEAVING
async def test_c2_queued_messages_come_first(start: Start, leave: Callable[[Client], None]) -> None:
    async with accepted(start) as (server, client, call):
        send_now(client, b"".join(frame(TEXT, text) for text in (b"one", b"two", b"three")))
        leave(client)
        await eventually(lambda: not server.state.connections)
        for text in ("one", "two", "three"):
            assert await call.receive() == {"type": "websocket.receive", "text": text}
        await call.disconnect(1006)


@pytest.mark.parametrize("count", [20, 5000])
async def test_c2_messages_beyond_the_queue_come_first(start: Start, count: int) -> None:
    async with accepted(start, ws_max_queue=2) as (_, client, call):
        await client.send(b"".join(frame(TEXT, b"%d" % number) for number in range(count)))
        client.half_close()
        for number in range(count):
            assert await call.receive() == {"type": "websocket.receive", "text": str(number)}
        await call.disconnect(1006)
        await client.expect_eof()


@LEAVING
@pytest.mark.parametrize(
    "cut", [frame(TEXT, b"not whole")[:-1], frame(TEXT, b"")[:1], frame(TEXT, b"begun", fin=False)]
)
async def test_c2_message_that_is_not_whole_is_not_delivered(
    start: Start, leave: Callable[[Client], None], cut: bytes
) -> None:
    async with accepted(start) as (_, client, call):
        send_now(client, frame(TEXT, b"whole") + cut)
        leave(client)
        assert await call.receive() == {"type": "websocket.receive", "text": "whole"}
        await call.disconnect(1006)


async def test_c2_close_that_is_not_whole_is_none(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        send_now(client, b"\x88\x85\0\0\0\0\x03\xe8")
        client.half_close()
        await client.expect_eof()
        await call.disconnect(1006)
