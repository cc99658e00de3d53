"""Closing, rows C3 and C11: the application closes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.helpers_c import (
    TCP_AND_TLS,
    accepted,
    begin_receive,
    close_records,
    fill,
    flood,
    until_gone,
    until_queued,
)
from tests.harness import PING, PONG, TEXT, Frame, Start, eventually, frame, turns


@TCP_AND_TLS
@pytest.mark.parametrize(
    ("keys", "code", "reason"),
    [
        ({}, 1000, None),
        ({"code": None, "reason": None}, 1000, None),
        ({"code": 1001, "reason": ""}, 1001, None),
        ({"code": 4000, "reason": "grüße \N{SNOWMAN}"}, 4000, "grüße \N{SNOWMAN}"),
        ({"reason": "x" * 123}, 1000, "x" * 123),
    ],
    ids=["default", "None", "no reason", "UTF-8", "longest reason"],
)
async def test_c3_close_of_the_app_is_answered(
    start: Start, tls: bool, keys: dict[str, Any], code: int, reason: str | None
) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        await call.send("websocket.close", **keys)
        await client.expect_close(code, reason or "")
        await client.send_close(code, reason or "")
        await client.expect_eof()
        await call.disconnect(code, reason)
        client.close()
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        fields = record.__dict__
        assert (fields["websocket_close_code"], fields["websocket_closed_by"]) == (code, "app")
        assert fields["websocket_close_clean"] is True


@TCP_AND_TLS
async def test_c3_tcp_stays_until_the_peers_close(start: Start, tls: bool) -> None:
    async with accepted(start, tls=tls) as (server, client, call):
        await call.send("websocket.close", code=4000)
        await client.expect_close(4000)
        await turns(50)
        assert client.pending() == b""
        assert not server.protocol.transport.is_closing()
        await client.send_frame(PING, b"still there")
        assert await client.frame() == Frame(PONG, b"still there")
        await client.send_close(4000)
        await client.expect_eof()


@TCP_AND_TLS
async def test_c3_peer_that_never_answers_is_cut_off(start: Start, protocol: Any, tls: bool) -> None:
    async with accepted(start, tls=tls, ws=protocol.with_options(close_timeout=0.1)) as (server, client, call):
        await call.send("websocket.close", code=4000, reason="bye")
        await client.expect_close(4000, "bye")
        await eventually(lambda: not server.state.connections)
        assert await until_gone(client) == b""
        await call.disconnect(4000, "bye")
        (record,) = close_records(server)
        fields = record.__dict__
        assert (fields["websocket_close_code"], fields["websocket_closed_by"]) == (4000, "app")
        assert fields["websocket_close_clean"] is False


@TCP_AND_TLS
async def test_c3_peer_that_never_answers_and_keeps_sending_is_cut_off(start: Start, protocol: Any, tls: bool) -> None:
    async with accepted(start, tls=tls, ws=protocol.with_options(close_timeout=0.2)) as (server, client, call):
        await call.send("websocket.close", code=4000, reason="bye")
        flooding = asyncio.ensure_future(flood(client, frame(TEXT, b"x" * 1000)))
        await eventually(lambda: not server.state.connections)
        await flooding
        await call.disconnect(4000, "bye")
        assert len(close_records(server)) == 1


async def test_c3_answer_is_found_behind_messages(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.close", code=4000)
        await client.send(frame(TEXT, b"x" * 1000) * 200)
        await client.send_close(4000)
        await client.expect_close(4000)
        await client.expect_eof()
        await call.disconnect(4000)


async def test_c3_peer_that_ends_tcp_instead_of_answering(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send("websocket.close", code=4000)
        await client.expect_close(4000)
        client.half_close()
        await client.expect_eof()
        await call.disconnect(4000)
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert (record.__dict__["websocket_close_code"], record.__dict__["websocket_closed_by"]) == (4000, "app")


@pytest.mark.parametrize("another", [False, True], ids=["alone", "behind a send that waits"])
async def test_c3_peer_that_reads_nothing_is_cut_off(start: Start, protocol: Any, another: bool) -> None:
    ws = protocol.with_options(close_timeout=0.1, write_timeout=None)
    async with accepted(start, ws=ws, send_buffer=65536, client_buffer=65536) as (server, client, call):
        _, waiting = await fill(call)
        if not another:
            waiting.cancel()
            await asyncio.wait([waiting])
        closing = asyncio.ensure_future(call.send_event({"type": "websocket.close", "code": 4000}))
        try:
            await eventually(lambda: not server.state.connections, 2)
        finally:
            client.reset()
            await asyncio.wait([closing, waiting])
        assert (await call.receive())["type"] == "websocket.disconnect"
        assert another is isinstance(None if waiting.cancelled() else waiting.exception(), (OSError, RuntimeError))


async def test_c3_the_app_is_told_of_its_own_close_while_the_peer_is_awaited(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        waiting = begin_receive(call)
        await turns()
        await call.send("websocket.close", code=4000, reason="bye")
        await client.expect_close(4000, "bye")
        assert await waiting == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}


async def test_c3_messages_from_before_come_first(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await client.send_text("before")
        await until_queued(server)
        await call.send("websocket.close", code=4000)
        assert await call.receive() == {"type": "websocket.receive", "text": "before"}
        await call.disconnect(4000)


async def test_c3_output_comes_before_the_close(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.send", bytes=b"x" * 300_000)
        await call.send("websocket.send", text="small")
        await call.send("websocket.close", code=4000)
        await client.expect_bytes(b"x" * 300_000)
        await client.expect_text("small")
        await client.expect_close(4000)


CODES = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, 70000, -1]


@pytest.mark.parametrize("code", CODES)
async def test_c11_invalid_code(start: Start, code: int) -> None:
    async with accepted(start) as (_, client, call):
        with pytest.raises(ValueError, match=rf"'code'.* {code}\b"):
            await call.send("websocket.close", code=code, reason="bye")
        await call.send("websocket.send", text="open")
        await client.expect_text("open")
        await client.send_text("both ways")
        assert await call.receive() == {"type": "websocket.receive", "text": "both ways"}


@pytest.mark.parametrize("reason", ["x" * 124, "\N{SNOWMAN}" * 42, "x" * 70000], ids=["124", "UTF-8", "70000"])
async def test_c11_reason_that_is_too_long(start: Start, reason: str) -> None:
    async with accepted(start) as (_, client, call):
        with pytest.raises(ValueError, match=r"'reason'.*123"):
            await call.send("websocket.close", code=4000, reason=reason)
        await call.send("websocket.send", text="open")
        await client.expect_text("open")
        await call.send("websocket.close", code=4000, reason=reason.encode()[:123].decode())
        await client.expect_close(4000, reason.encode()[:123].decode())


@pytest.mark.parametrize(("key", "value"), [("code", "1000"), ("code", True), ("code", 4000.0), ("reason", b"bye")])
async def test_c11_wrong_type(start: Start, key: str, value: object) -> None:
    async with accepted(start) as (_, client, call):
        with pytest.raises(TypeError, match=f"'{key}'"):
            await call.send("websocket.close", **{key: value})
        await call.send("websocket.send", text="open")
        await client.expect_text("open")


async def test_c11_reason_that_utf8_cannot_express(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        with pytest.raises(ValueError, match="'reason'"):
            await call.send("websocket.close", reason="\ud800")
        await call.send("websocket.send", text="open")
        await client.expect_text("open")
