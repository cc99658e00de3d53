"""Closing, what holds for every connection: one disconnect, no timers, the close record, the protocol object."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_c import accepted, close_records, until_disconnect
from tests.harness import BINARY, PING, PONG, TEXT, App, Call, Client, Server, Start, echo, eventually, frame
from tests.harness.server import pending_timers

WAYS: dict[str, tuple[int, str, str]] = {
    "peer closes": (4000, "bye", "peer"),
    "peer closes without a code": (1005, "", "peer"),
    "peer ends TCP": (1006, "", "network"),
    "peer resets TCP": (1006, "", "network"),
    "app closes": (4001, "enough", "app"),
    "app returns": (1000, "", "app"),
    "violation": (1002, "", "server"),
    "shutdown": (1012, "", "server"),
}
EVERY_WAY = pytest.mark.parametrize(
    ("way", "code", "reason", "by"), [(way, *end) for way, end in WAYS.items()], ids=WAYS
)


async def end(way: str, server: Server, client: Client, call: Any) -> None:
    """Bring the connection to its end."""
    if way.startswith("peer closes"):
        await client.send_close(*((4000, "bye") if way == "peer closes" else ()))
    elif way == "peer resets TCP":
        client.reset()
    elif way == "app closes":
        await call.send("websocket.close", code=4001, reason="enough")
    elif way == "app returns":
        await call.finish()
    elif way == "violation":
        await client.send_frame(3)
    elif way == "shutdown":
        server.protocol.shutdown()
    if way in ("app closes", "app returns", "shutdown"):
        await client.frame()
        await client.send_close(4002, "answer")
    client.close()
    await eventually(lambda: not server.state.connections)


@EVERY_WAY
async def test_end_is_one_disconnect(start: Start, way: str, code: int, reason: str, by: str) -> None:
    async with accepted(start) as (server, client, call):
        await end(way, server, client, call)
        event = await until_disconnect(call)
        assert (event["code"], event.get("reason", "")) == (code, reason)
        assert ("reason" in event) is (by == "peer" or bool(reason))
        for _ in range(3):
            with pytest.raises(ClientDisconnected):
                await call.receive()


@EVERY_WAY
async def test_end_is_on_the_protocol_object(start: Start, way: str, code: int, reason: str, by: str) -> None:
    async with accepted(start) as (server, client, call):
        protocol = server.protocol
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (None, None, None)
        await end(way, server, client, call)
        assert (protocol.close_code, protocol.close_reason, protocol.closed_by) == (code, reason, by)


@EVERY_WAY
async def test_end_is_one_record(start: Start, way: str, code: int, reason: str, by: str) -> None:
    async with accepted(start, log_level="debug") as (server, client, call):
        await end(way, server, client, call)
        (record,) = close_records(server)
        fields = record.__dict__
        assert record.name == "uvicorn.error"
        assert record.levelno == (logging.DEBUG if way == "shutdown" else logging.INFO)
        assert fields["websocket_close_code"] == code
        assert fields["websocket_close_reason"] == reason
        assert fields["websocket_closed_by"] == by
        assert fields["websocket_close_clean"] is (by == "peer" or way in ("app closes", "app returns", "shutdown"))
        line = record.getMessage()
        assert f" {code} " in line
        assert f"by {by}" in line
        assert "\n" not in line
        assert not record.exc_info


@EVERY_WAY
@pytest.mark.parametrize("loop_name", ["asyncio"], indirect=True)  # uvloop does not show its timers.
async def test_end_leaves_no_timer(start: Start, way: str, code: int, reason: str, by: str) -> None:
    loop = asyncio.get_running_loop()
    before = pending_timers(loop)
    async with accepted(start, ws_ping_interval=20, ws_ping_timeout=20) as (server, client, call):
        assert pending_timers(loop) - before
        await call.send("websocket.send", text="something to watch over")
        await client.frame()
        await end(way, server, client, call)
        assert not pending_timers(loop) - before


async def test_record_has_all_that_was_promised(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        received = len(client.raw)
        sent = frame(TEXT, b"one") + frame(BINARY, b"two" * 100) + frame(PING, b"p")
        await client.send(sent)
        await call.receive()
        await call.receive()
        await call.send("websocket.send", text="three")
        await client.frame()
        await client.frame()
        closing = frame(8, b"\x0f\xa0bye")
        await client.send(closing)
        await call.disconnect(4000, "bye")
        await client.frame()
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        fields = {name: value for name, value in record.__dict__.items() if name.startswith("websocket_")}
        seconds = fields.pop("websocket_seconds")
        assert 0 <= seconds < 60
        address = "{}:{}".format(*call.scope["client"])
        assert fields == {
            "websocket_client": address,
            "websocket_path": "/",
            "websocket_close_code": 4000,
            "websocket_close_name": "private use",
            "websocket_close_reason": "bye",
            "websocket_close_detail": "",
            "websocket_close_clean": True,
            "websocket_closed_by": "peer",
            "websocket_messages_in": 2,
            "websocket_messages_out": 1,
            "websocket_bytes_in": len(sent + closing),
            "websocket_bytes_out": len(client.raw) - received,
            "websocket_round_trip": None,
        }
        line = record.getMessage()
        for part in (address, '"WebSocket /"', "[closed]", "4000 private use", "bye", "by peer", "2 messages"):
            assert part in line


async def test_record_names_the_path_with_its_query(start: Start) -> None:
    async with start(App(echo)) as server, server.open(b"/a%20b/c?x=1&y=%0A") as client:
        await client.send_close(1001)
        await client.frame()
        await server.became_idle()
    (record,) = close_records(server)
    assert "/a%20b/c?x=1&y=%0A" in record.getMessage()
    assert record.__dict__["websocket_path"] == "/a%20b/c?x=1&y=%0A"
    assert "1001 going away" in record.getMessage()


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[31mred", "\r\nINFO: forged", "\u2028line", "\u202eevil"])
async def test_record_escapes_the_reason(start: Start, reason: str) -> None:
    async with accepted(start) as (server, client, call):
        await client.send_close(4000, reason)
        await call.disconnect(4000, reason)
        await client.frame()
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        line = record.getMessage()
        assert line.isprintable()
        assert record.__dict__["websocket_close_reason"] == reason


@pytest.mark.parametrize("way", [way for way, end in WAYS.items() if end[2] != "server"])
async def test_record_only_with_access_log(start: Start, way: str) -> None:
    async with accepted(start, access_log=False, log_level="debug") as (server, client, call):
        await end(way, server, client, call)
        assert close_records(server) == []


async def test_record_has_the_round_trip_of_the_last_ping(start: Start) -> None:
    async with accepted(start, ws_ping_interval=0.02, ws_ping_timeout=20) as (server, client, call):
        for _ in range(2):
            ping = await client.frame()
            assert ping.opcode == PING
            await client.send_frame(PONG, ping.payload)
        await client.send_close(1000)
        await until_disconnect(call)
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert 0 <= record.__dict__["websocket_round_trip"] < 60
        assert " ms" in record.getMessage()


async def test_record_is_for_accepted_connections_only(start: Start) -> None:
    async def refuse(call: Call) -> None:
        await call.send_event({"type": "websocket.close"})

    async with start(App(refuse), log_level="debug") as server:
        assert (await server.get()).status == 403
    assert close_records(server) == []
