"""Closing, rows C4 to C7, with Starlette's own endpoints."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

import anyio
import pytest
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.harness import Client, Start

Endpoint = Callable[[WebSocket], Awaitable[None]]

LEAVING = pytest.mark.parametrize("leave", ["close", "FIN", "RST"])


def site(endpoint: Endpoint | type) -> Starlette:
    """Build an application with one route."""
    return Starlette(routes=[WebSocketRoute("/", endpoint)])


async def leave_by(client: Client, how: str) -> None:
    """Let the peer go."""
    if how == "close":
        await client.send_close(1000)
        await client.expect_close(1000)
        client.close()
    elif how == "FIN":
        client.close()
    else:
        client.reset()


async def send_until_gone(socket: WebSocket) -> None:
    """Send, receive nothing."""
    await socket.accept()
    while True:
        await socket.send_text("tick")
        await anyio.sleep(0.001)


async def answer_the_dead(socket: WebSocket) -> None:
    """Find the peer gone, and send it something all the same."""
    await socket.accept()
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    await socket.send_text("late")


async def translate(socket: WebSocket) -> None:
    """Raise an error of one's own from Starlette's."""
    try:
        await answer_the_dead(socket)
    except WebSocketDisconnect as error:
        raise LookupError("subscriber lost") from error


@LEAVING
@pytest.mark.parametrize("endpoint", [answer_the_dead, translate])
async def test_c6_send_after_the_disconnect(start: Start, endpoint: Endpoint, leave: str) -> None:
    async with start(site(endpoint)) as server, server.open() as client:
        await leave_by(client, leave)
        await server.became_idle()


async def test_c6_send_that_finds_the_peer_gone(start: Start) -> None:
    async with start(site(send_until_gone)) as server, server.open() as client:
        client.reset()
        await server.became_idle()


async def two_tasks(socket: WebSocket) -> None:
    """Receive in one task and send in another, both until the peer is gone, neither catching anything of it."""
    await socket.accept()
    over = anyio.Event()

    async def read() -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
        over.set()

    async def write() -> None:
        await over.wait()
        await socket.send_text("late")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(write)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
@LEAVING
async def test_c6_task_group(start: Start, leave: str) -> None:
    async with start(site(two_tasks)) as server, server.open() as client:
        await leave_by(client, leave)
        await server.became_idle()


async def receive_uncaught(socket: WebSocket) -> None:
    """Receive text until ``WebSocketDisconnect``, which escapes."""
    await socket.accept()
    while True:
        await socket.receive_text()


@LEAVING
async def test_c7_receive_text_uncaught_is_one_warning(start: Start, leave: str) -> None:
    async with start(site(receive_uncaught), warnings=1) as server, server.open() as client:
        await leave_by(client, leave)
        await server.became_idle()
    (line,) = server.logs.warnings
    assert "WebSocketDisconnect" in line
    assert "websockets.py:" in line
    assert not any(record.exc_info for record in server.logs.records)


async def receive_twice(socket: WebSocket) -> None:
    """Catch the disconnect, and receive again."""
    await socket.accept()
    try:
        await socket.receive_text()
    except WebSocketDisconnect:
        await socket.receive()


@LEAVING
async def test_c7_receive_after_the_disconnect_is_one_warning(start: Start, leave: str) -> None:
    async with start(site(receive_twice), warnings=1) as server, server.open() as client:
        await leave_by(client, leave)
        await server.became_idle()
    assert "WebSocketDisconnected" in server.logs.warnings[0]


class EchoEndpoint(WebSocketEndpoint):
    """Starlette's class-based endpoint."""

    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        await websocket.send_text(data)


async def iterate(socket: WebSocket) -> None:
    """Echo by ``iter_text``."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@LEAVING
@pytest.mark.parametrize("endpoint", [EchoEndpoint, iterate], ids=["class", "iter_text"])
async def test_c4_endpoint_that_ends_with_its_peer_is_silent(start: Start, endpoint: Endpoint, leave: str) -> None:
    async with start(site(endpoint)) as server, server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")
        await leave_by(client, leave)
        await server.became_idle()


async def fail(socket: WebSocket) -> None:
    """Fail while the peer is there."""
    await socket.accept()
    raise LookupError("a mistake")


async def test_c5_endpoint_that_raises_is_one_traceback(start: Start) -> None:
    async with start(site(fail), errors=1) as server, server.open() as client:
        assert (await client.frame()).payload[:2] == (1011).to_bytes(2, "big")
        await client.send_close(1011)
        await client.expect_eof()
    (error,) = server.logs.tracebacks()
    assert isinstance(error, LookupError)
