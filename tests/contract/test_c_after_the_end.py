"""Closing, rows C8, C8a and C10: the application goes on after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected as UvicornClientDisconnected

from safews import ClientDisconnected
from tests.contract.helpers_c import accepted, begin_receive, close_records, fill, look, until_disconnect
from tests.harness import TEXT, App, Call, Client, Server, Start, eventually, turns, within

SEND = {"type": "websocket.send", "text": "late"}

End = Callable[[Server, Client, Call], Awaitable[None]]


async def by_close(server: Server, client: Client, call: Call) -> None:
    """The peer's Close has been echoed."""
    await client.send_close(4000, "bye")
    await client.expect_close(4000, "bye")


async def by_fin(server: Server, client: Client, call: Call) -> None:
    """The peer has ended TCP."""
    client.close()
    await eventually(lambda: not server.state.connections)


async def by_reset(server: Server, client: Client, call: Call) -> None:
    """The peer has reset TCP."""
    client.reset()
    await eventually(lambda: not server.state.connections)


async def by_loss(server: Server, client: Client, call: Call) -> None:
    """The transport has just been lost; nobody has been told."""
    server.protocol.transport.abort()
    assert server.protocol.transport.is_closing()


async def by_violation(server: Server, client: Client, call: Call) -> None:
    """The Close for a violation has been sent, and the peer is still there."""
    await client.send_frame(TEXT, b"\xff")
    assert (await client.frame()).payload[:2] == (1007).to_bytes(2, "big")


async def by_shutdown(server: Server, client: Client, call: Call) -> None:
    """The server has sent its Close, which the peer has not answered yet."""
    server.protocol.shutdown()
    await client.expect_close(1012)


ENDS = pytest.mark.parametrize(
    ("end", "code", "reason", "state"),
    [
        (by_close, 4000, "bye", "DRAINING|CLOSED"),
        (by_fin, 1006, "", "CLOSED"),
        (by_reset, 1006, "", "CLOSED"),
        (by_loss, 1006, "", "CLOSED"),
        (by_violation, 1007, "", "DRAINING"),
        (by_shutdown, 1012, "", "CLOSING"),
    ],
    ids=["close", "FIN", "RST", "lost", "violation", "shutdown"],
)


@ENDS
async def test_c8_send_raises(start: Start, end: End, code: int, reason: str, state: str) -> None:
    async with accepted(start) as (server, client, call):
        await end(server, client, call)
        raw, logged = client.raw, len(server.logs.records)
        for _ in range(20):
            with pytest.raises(ClientDisconnected, match=state) as caught:
                await call.send_event(SEND)
            assert (caught.value.code, caught.value.reason) == (code, reason)
            assert isinstance(caught.value, UvicornClientDisconnected)
            assert isinstance(caught.value, OSError)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__
        await turns(20)
        assert look(client) == raw
        assert all("[closed]" in record.getMessage() for record in server.logs.records[logged:])


@ENDS
async def test_c8_close_is_ignored(start: Start, end: End, code: int, reason: str, state: str) -> None:
    async with accepted(start) as (server, client, call):
        await end(server, client, call)
        raw = client.raw
        await call.send_event({"type": "websocket.close", "code": 4999, "reason": "late"})
        await call.send_event({"type": "websocket.close", "code": 4999, "reason": "late"})
        await turns(20)
        assert look(client) == raw
        assert (await until_disconnect(call))["code"] == code


@ENDS
async def test_c10_receive_after_the_disconnect_raises(
    start: Start, end: End, code: int, reason: str, state: str
) -> None:
    async with accepted(start) as (server, client, call):
        await end(server, client, call)
        assert (await until_disconnect(call))["code"] == code
        for _ in range(20):
            with pytest.raises(ClientDisconnected) as caught:
                await call.receive()
            assert (caught.value.code, caught.value.reason) == (code, reason)
            assert caught.value.__suppress_context__
        client.close()
        await eventually(lambda: not server.state.connections)
        with pytest.raises(ClientDisconnected, match="CLOSED"):
            await call.receive()


async def test_c8_loop_that_only_sends_ends(start: Start) -> None:
    """The real thing: the loss is found by writing, and asyncio does not complain of writes after it."""

    async def chatter(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        while True:
            await call.send_event(SEND)

    app = App(chatter)
    async with start(app) as server, server.open() as client:
        client.reset()
        await server.became_idle()
    (error,) = app.calls[0].errors
    assert isinstance(error, ClientDisconnected)


async def test_c8_send_that_waits_raises(start: Start) -> None:
    async with accepted(start, send_buffer=65536, client_buffer=65536) as (server, client, call):
        _, waiting = await fill(call)
        client.reset()
        with pytest.raises(ClientDisconnected):
            await waiting
        await eventually(lambda: not server.state.connections)


async def test_c8_send_does_not_wait_for_a_peer_that_has_been_given_up(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(close_timeout=60)
    async with accepted(start, ws=ws, send_buffer=65536, client_buffer=65536) as (_, client, call):
        _, waiting = await fill(call)
        await client.send_frame(TEXT, b"\xff")
        await call.disconnect(1007)
        try:
            with pytest.raises(ClientDisconnected):
                await within(call.send_event(SEND), 1)
            with pytest.raises(ClientDisconnected):
                await within(asyncio.shield(waiting), 1)
            await within(call.send_event({"type": "websocket.close"}), 1)
        finally:
            client.reset()
            await asyncio.wait([waiting])


async def test_c8_messages_from_before_are_still_received(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await client.send_text("before")
        client.half_close()
        await eventually(lambda: not server.state.connections)
        with pytest.raises(ClientDisconnected):
            await call.send_event(SEND)
        assert await call.receive() == {"type": "websocket.receive", "text": "before"}
        await call.disconnect(1006)


async def test_c8a_send_after_the_apps_close_raises(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.close", code=4000)
        for type_ in ("websocket.send", "websocket.accept", "websocket.http.response.start"):
            with pytest.raises(RuntimeError, match="CLOSING") as caught:
                await call.send(type_, text="late", status=403)
            assert not isinstance(caught.value, OSError)
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()


async def test_c8a_second_close_is_ignored(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send("websocket.close", code=4000, reason="first")
        await call.send("websocket.close", code=4001, reason="second")
        await client.expect_close(4000, "first")
        await call.send("websocket.close", code=4002)
        await client.send_close(4000, "first")
        await client.expect_eof()
        await call.send("websocket.close", code=4003)
        await call.disconnect(4000, "first")
        await eventually(lambda: not server.state.connections)
        assert len(close_records(server)) == 1


async def test_c8a_send_after_the_peers_answer_is_c8(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.close", code=4000)
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()
        with pytest.raises(ClientDisconnected) as caught:
            await call.send_event(SEND)
        assert caught.value.code == 4000


async def test_c8a_send_after_the_loss_of_the_peer_is_c8(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send("websocket.close", code=4000)
        client.reset()
        await eventually(lambda: not server.state.connections)
        with pytest.raises(ClientDisconnected):
            await call.send_event(SEND)


async def test_c8a_send_as_soon_as_the_transport_is_closing_is_c8(start: Start, protocol: Any) -> None:
    """The peer has ended its side without an answer, while our output is still on its way."""
    ws = protocol.with_options(close_timeout=60)
    async with accepted(start, ws=ws, send_buffer=65536, client_buffer=65536) as (server, client, call):
        sending = asyncio.ensure_future(call.send("websocket.send", bytes=b"x" * 8_000_000))
        await turns()
        await call.finish()  # Closes without waiting for the peer to read, as a task that is left may find.
        client.half_close()
        await eventually(server.protocol.transport.is_closing)
        try:
            with pytest.raises(ClientDisconnected):
                await within(call.send_event(SEND), 1)
        finally:
            client.reset()
            await sending


async def test_c8a_app_that_ends_after_its_close(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.close", code=4000)
        await call.finish()
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()


async def test_c10_several_receivers(start: Start) -> None:
    """One is told, the others raise, none hangs."""
    async with accepted(start) as (_, client, call):
        waiting: list[Any] = [begin_receive(call) for _ in range(5)]
        await turns()
        await client.send_close(4000)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results.count({"type": "websocket.disconnect", "code": 4000, "reason": ""}) == 1
        assert sum(isinstance(result, ClientDisconnected) for result in results) == 4


async def test_c10_loop_that_does_not_look_at_the_type_ends(start: Start) -> None:
    async def naive(call: Call) -> None:
        await call.send_event({"type": "websocket.accept"})
        while True:
            await call.receive_event()

    app = App(naive)
    async with start(app) as server, server.open() as client:
        await client.send_close(1000)
        await client.expect_close(1000)
        await client.expect_eof()
        await server.became_idle()
    call = app.calls[0]
    assert [message["type"] for message in call.received] == ["websocket.connect", "websocket.disconnect"]
    assert len(call.errors) == 1
