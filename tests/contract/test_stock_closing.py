"""For those who switch: how connections end with uvicorn's own classes, and with safews too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from tests.contract.helpers_o import opened
from tests.contract.helpers_stock import SAME, close_of, is_ours
from tests.harness import PING, PONG, TEXT, App, Call, Frame, Start, close_frame, eventually, frame, turns

pytestmark = SAME

CLOSES = {
    "neither": ({}, 1000, ""),
    "code": ({"code": 1001}, 1001, ""),
    "own code": ({"code": 4000}, 4000, ""),
    "reason": ({"reason": "test"}, 1000, "test"),
    "reason None": ({"code": 1001, "reason": None}, 1001, ""),
    "both": ({"code": 1001, "reason": "test"}, 1001, "test"),
}


@pytest.mark.parametrize(("keys", "code", "reason"), CLOSES.values(), ids=CLOSES)
async def test_app_closes(start: Start, keys: dict[str, Any], code: int, reason: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close", **keys)
        await client.expect_close(code, reason)
        event = await call.receive()
        assert (event["type"], event["code"], event.get("reason", "")) == ("websocket.disconnect", code, reason)
        await client.send_close(code, reason)
        await client.expect_eof()
        await call.finish()


async def test_what_was_sent_before_the_apps_close_arrives_before_it(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", text="last words")
        await call.send("websocket.close")
        with pytest.raises(RuntimeError, match=r"websocket\.send"):
            await call.send("websocket.send", text="too late")
        await client.expect_text("last words")
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()
        await call.finish()


@pytest.mark.parametrize("late", [b"", frame(TEXT, b"late"), frame(PING, b"late")], ids=["alone", "data", "ping"])
async def test_apps_close_waits_for_the_peers(start: Start, late: bytes) -> None:
    """What crosses the Close on its way does no harm, nor does it that the application has returned."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close")
        await call.finish()
        await client.expect_close(1000)
        await turns()
        assert not server.protocol.transport.is_closing()
        await client.send(late + close_frame(1000))
        answer = await client.rest()
        assert answer in (b"", bytes([0x80 | PONG, 4]) + b"late")
        await eventually(lambda: not server.state.connections)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "custom reason"), (4321, ""), (None, "")])
async def test_peer_closes(start: Start, code: int | None, reason: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(PING) + frame(TEXT, b"abc") + close_frame(code, reason))
        assert await call.receive() == {"type": "websocket.receive", "text": "abc"}
        await call.disconnect(1005 if code is None else code, reason)
        assert await client.frame() == Frame(PONG, b"")
        await client.expect_close(code, reason)
        await client.expect_eof()
        await call.finish()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_app_that_waits_learns_that_the_peer_is_lost(start: Start, how: str) -> None:
    """With keep-alive pings off: nothing else but TCP tells of it."""
    app = App()
    async with start(app, ws_ping_interval=0.0) as server, server.connect() as client:
        call = await opened(app, client)
        getattr(client, how)()
        assert (await call.receive())["type"] == "websocket.disconnect"
        await call.finish()


@pytest.mark.parametrize("told", [False, True], ids=["before the disconnect", "after it"])
@pytest.mark.parametrize("leave", ["close", "reset", "Close"])
async def test_send_to_a_lost_peer_raises_an_oserror(start: Start, leave: str, told: bool) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        if leave == "Close":
            await client.send_close(1001)
            assert await client.rest() == close_of(1001)
        else:
            getattr(client, leave)()
        await eventually(lambda: not server.state.connections)
        if told:
            assert (await call.receive())["type"] == "websocket.disconnect"
        with pytest.raises(ClientDisconnected) as caught:
            await call.send("websocket.send", text="anyone?")
        assert isinstance(caught.value, OSError)
        await call.finish()


async def test_app_that_lets_client_disconnected_escape_is_silent(start: Start) -> None:
    async def sends(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        await call.receive_event()
        await call.send_event({"type": "websocket.send", "text": "anyone?"})

    app = App(sends)
    async with start(app) as server, server.open() as client:
        client.reset()
        assert isinstance(await (await app.call()).ended(), ClientDisconnected)


async def test_result_of_the_app_is_an_error_line(start: Start) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        call = await opened(app, client)
        await call.finish(123)
        assert server.logs.errors == ["ASGI callable should return None, but returned '123'."]


async def test_app_that_fails_is_one_traceback(start: Start) -> None:
    error = ValueError("secret")
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        call = await opened(app, client)
        await call.finish(error)
        assert server.logs.errors == ["Exception in ASGI application\n"]
        assert server.logs.tracebacks() == [error]


async def test_shutdown_is_a_1012(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        shutdown = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await call.disconnect(1012)
        await client.send_close(1012)
        await client.expect_eof()
        client.close()
        await call.finish()
        await shutdown


async def test_shutdown_sends_no_second_close(start: Start, protocol: type[asyncio.Protocol]) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close", code=4000)
        await call.finish()
        shutdown = asyncio.ensure_future(server.shutdown())
        await client.expect_close(4000)
        await client.send_close(4000)
        try:
            await client.expect_eof()
        except ConnectionResetError:  # uvicorn's own end TCP without awaiting the client's Close.
            assert not is_ours(protocol)
        client.close()
        await shutdown


async def test_shutdown_waits_for_the_app(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_close(1000)
        await call.disconnect(1000, "")
        client.close()
        await eventually(lambda: not server.state.connections)
        shutdown = asyncio.ensure_future(server.shutdown())
        await eventually(lambda: server.logs.about("Waiting for background tasks"))
        assert not shutdown.done()
        await call.finish()
        await shutdown
