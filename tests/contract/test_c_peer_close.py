"""Closing, row C1: the peer sends a Close."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

import pytest

from tests.contract.helpers_c import TCP_AND_TLS, accepted, begin_receive, close_records, send_now
from tests.harness import CONTINUATION, PING, PONG, TEXT, Client, Frame, Start, close_frame, eventually, frame, turns

LEAVING = pytest.mark.parametrize("leave", [Client.half_close, Client.reset], ids=["FIN", "RST"])

CODES = pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1001, "going"), (3000, "x" * 123), (4999, "grüße \N{SNOWMAN}"), (None, "")],
)

DEFLATE = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]


@CODES
@TCP_AND_TLS
async def test_c1_close_is_echoed_and_tcp_closed(start: Start, tls: bool, code: int | None, reason: str) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        waiting = begin_receive(call)
        await turns()
        await client.send_close(code, reason)
        await client.expect_close(code, reason)
        await client.expect_eof()
        assert await waiting == {"type": "websocket.disconnect", "code": code or 1005, "reason": reason}
        client.close()  # asyncio's TLS waits for the peer's close alert.
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert record.levelname == "INFO"


@CODES
async def test_c1_app_that_is_late_is_told_the_same(start: Start, code: int | None, reason: str) -> None:
    async with accepted(start) as (_, client, call):
        await client.send_close(code, reason)
        await client.expect_close(code, reason)
        await client.expect_eof()
        await call.disconnect(code or 1005, reason)


@TCP_AND_TLS
async def test_c1_queued_messages_come_first(start: Start, tls: bool) -> None:
    async with accepted(start, tls=tls) as (_, client, call):
        messages = b"".join(frame(TEXT, text) for text in (b"one", b"two", b"three"))
        await client.send(messages + close_frame(4000, "bye"))
        for text in ("one", "two", "three"):
            assert await call.receive() == {"type": "websocket.receive", "text": text}
        await call.disconnect(4000, "bye")
        await client.expect_close(4000, "bye")
        await client.expect_eof()


async def test_c1_messages_beyond_the_queue_come_first(start: Start) -> None:
    async with accepted(start, ws_max_queue=1) as (_, client, call):
        messages = b"".join(frame(TEXT, b"%d" % number) for number in range(20))
        send_now(client, messages + close_frame(4000, "bye"))
        client.half_close()
        for number in range(20):
            assert await call.receive() == {"type": "websocket.receive", "text": str(number)}
        await call.disconnect(4000, "bye")
        await client.expect_close(4000, "bye")
        await client.expect_eof()


@TCP_AND_TLS
@LEAVING
async def test_c1_close_with_the_end_of_tcp_beside_it(start: Start, tls: bool, leave: Callable[[Client], None]) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        waiting = begin_receive(call)
        await turns()
        send_now(client, frame(TEXT, b"last") + close_frame(4000, "bye"))
        leave(client)
        assert await waiting == {"type": "websocket.receive", "text": "last"}
        await call.disconnect(4000, "bye")
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert (record.__dict__["websocket_close_code"], record.__dict__["websocket_closed_by"]) == (4000, "peer")


@TCP_AND_TLS
@LEAVING
async def test_c1_app_that_comes_after_the_end_of_tcp(start: Start, tls: bool, leave: Callable[[Client], None]) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        send_now(client, frame(TEXT, b"last") + close_frame(4000, "bye"))
        leave(client)
        await eventually(lambda: not server.state.connections)
        assert await call.receive() == {"type": "websocket.receive", "text": "last"}
        await call.disconnect(4000, "bye")


@TCP_AND_TLS
async def test_c1_echo_to_a_peer_that_has_shut_down_its_side(start: Start, tls: bool) -> None:
    async with accepted(start, tls=tls) as (_, client, call):
        waiting = begin_receive(call)
        await turns()
        send_now(client, close_frame(4000, "bye"))
        client.half_close()
        await client.expect_close(4000, "bye")
        await client.expect_eof()
        assert await waiting == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}


@TCP_AND_TLS
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
async def test_c1_close_between_fragments(start: Start, tls: bool, compressed: bool) -> None:
    headers = DEFLATE if compressed else []
    async with accepted(start, tls=tls, headers=headers) as (_, client, call):
        waiting = begin_receive(call)
        deflater = zlib.compressobj(wbits=-9)
        begun = deflater.compress(b"begun") + deflater.flush(zlib.Z_SYNC_FLUSH) if compressed else b"begun"
        await client.send_frame(TEXT, begun, fin=False, rsv=4 if compressed else 0)
        await client.send_frame(CONTINUATION, b"", fin=False)
        await client.send_close(4000, "bye")
        assert await waiting == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
        await client.expect_close(4000, "bye")
        await client.expect_eof()


@LEAVING
async def test_c1_close_between_fragments_with_the_end_of_tcp(start: Start, leave: Callable[[Client], None]) -> None:
    async with accepted(start) as (server, client, call):
        whole, begun = frame(TEXT, b"whole"), frame(TEXT, b"begun", fin=False)
        send_now(client, whole + begun + close_frame(4000, "bye"))
        leave(client)
        await eventually(lambda: not server.state.connections)
        assert await call.receive() == {"type": "websocket.receive", "text": "whole"}
        await call.disconnect(4000, "bye")


async def test_c1_close_in_pieces(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        waiting = begin_receive(call)
        for byte in close_frame(4000, "bye"):
            await client.send(bytes([byte]))
        assert await waiting == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
        await client.expect_close(4000, "bye")
        await client.expect_eof()


async def test_c1_output_that_was_sent_before_comes_before_the_echo(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        waiting = begin_receive(call)
        for number in range(10):
            await call.send("websocket.send", text=str(number))
        send_now(client, frame(PING, b"p") + close_frame(4000, "bye"))
        for number in range(10):
            await client.expect_text(str(number))
        assert await client.frame() == Frame(PONG, b"p")
        await client.expect_close(4000, "bye")
        await client.expect_eof()
        await waiting


async def test_c1_large_unread_output_comes_before_the_echo(start: Start) -> None:
    """TCP is closed at once, but not before the peer has all that was sent."""
    async with accepted(start, send_buffer=65536, client_buffer=65536) as (_, client, call):
        sending = asyncio.ensure_future(call.send("websocket.send", bytes=b"\xa5" * 4_000_000))
        await turns()
        await client.send_close(4000, "bye")
        await call.disconnect(4000, "bye")
        await client.expect_bytes(b"\xa5" * 4_000_000)
        await client.expect_close(4000, "bye")
        await client.expect_eof()
        await sending
