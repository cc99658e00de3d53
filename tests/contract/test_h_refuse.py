"""Handshake, rows H2 to H5: the application refuses, returns, raises, or sends what has no place there."""

from __future__ import annotations

from typing import Any

import pytest

from safews import ClientDisconnected
from tests.harness import App, Call, Start

pytestmark = pytest.mark.every_http


async def test_h2_close_before_accept_is_a_403(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(b"/private")
        call = await app.call()
        await call.connect()
        await call.send("websocket.close")
        response = await client.response()
        assert (response.status, response.reason) == (403, b"Forbidden")
        assert (response.complete, response.body) == (True, b"")
        assert response.one(b"connection").lower() == b"close"
        assert response.one(b"content-length") == b"0"
        assert response.one(b"server") == b"uvicorn"
        await client.expect_eof()
        await call.finish()
    (line,) = server.logs.infos
    assert line.endswith('"WebSocket /private" 403')


async def test_h2_the_app_is_told_once_and_then_refused(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        await call.send("websocket.close")
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected) as caught:
            await call.receive()
        assert caught.value.code == 1006
        await call.finish()


async def test_h2_a_second_close_is_ignored(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        await call.send("websocket.close")
        await call.send("websocket.close")
        assert (await client.response()).status == 403
        await call.disconnect(1006)
        await call.send("websocket.close", code=4000)
        await call.finish()
        assert await client.rest() == b""


async def test_h2_an_app_that_closes_and_returns_is_no_error(start: Start) -> None:
    async def refuse(call: Call) -> None:
        await call.send_event({"type": "websocket.close"})

    async with start(App(refuse)) as server:
        assert (await server.get()).status == 403
        await server.became_idle()


async def test_h3_app_that_returns_before_answering_is_a_500(start: Start) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request(b"/path")
        call = await app.call()
        await call.connect()
        await call.finish()
        response = await client.response()
        assert (response.status, response.complete) == (500, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
    assert "returned without completing" in server.logs.errors[0]
    assert server.logs.tracebacks() == []


async def test_h3_app_that_returns_without_receiving_is_a_500(start: Start) -> None:
    async def do_nothing(call: Call) -> None:
        pass

    async with start(App(do_nothing), errors=1) as server:
        assert (await server.get()).status == 500


async def test_h4_app_that_raises_before_answering_is_a_500(start: Start) -> None:
    app = App()
    error = ValueError("secret of the app")
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.connect()
        await call.finish(error)
        response = await client.response()
        assert (response.status, response.complete) == (500, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
        assert b"secret" not in client.raw
    assert server.logs.tracebacks() == [error]


async def test_h4_app_that_raises_at_once_is_a_500(start: Start) -> None:
    async def crash(call: Call) -> None:
        raise ZeroDivisionError

    async with start(App(crash), errors=1) as server:
        assert (await server.get()).status == 500
    assert [type(error) for error in server.logs.tracebacks()] == [ZeroDivisionError]


MISPLACED: list[dict[str, Any]] = [
    {"type": "websocket.send", "text": "too early"},
    {"type": "websocket.http.response.body", "body": b"no start"},
    {"type": "websocket.receive", "text": "not the app's"},
    {"type": "http.response.start", "status": 200},
    {"type": "nonsense"},
]


@pytest.mark.parametrize("message", MISPLACED, ids=lambda message: message["type"])
async def test_h5_anything_else_before_accept_is_a_500(start: Start, message: dict[str, Any]) -> None:
    async def misbehave(call: Call) -> None:
        await call.send_event(message)

    app = App(misbehave)
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        response = await client.response()
        assert (response.status, response.complete) == (500, True)
        await client.expect_eof()
    (error,) = app.calls[0].errors
    assert type(error) is RuntimeError
    assert message["type"] in str(error)
    assert "CONNECTING" in str(error)
    assert server.logs.tracebacks() == [error]


async def test_h5_app_that_catches_the_error_can_still_accept(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises(RuntimeError, match=r"websocket\.send"):
            await call.send("websocket.send", text="too early")
        assert client.pending() == b""
        await call.accept()
        assert (await client.head()).status == 101
        await call.finish()
