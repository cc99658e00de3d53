"""Handshake on a connection that HTTP has not finished with: a response that is not read, or not even given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import SOCKET_BUFFER, unsent
from tests.harness import App, Call, Client, Server, Start, eventually, turns, within

LARGE = 2 * 2**20
GET = b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n"
NARROW = {"send_buffer": SOCKET_BUFFER}


async def answer_or_verdict(call: Call) -> object:
    """Answer an HTTP request at length; leave a WebSocket to the test."""
    if call.scope["type"] == "websocket":
        return await call.verdict()
    await call.send("http.response.start", status=200, headers=[(b"content-length", b"%d" % LARGE)])
    await call.send("http.response.body", body=bytes(LARGE))
    return None


def http_flow(server: Server) -> Any:
    """The state of the only connection while it is uvicorn's HTTP protocol that serves it."""
    return server.protocol.flow


async def get_large(server: Server, client: Client) -> int:
    """Ask for the response and read none of it; returns how many bytes of it the transport holds."""
    await client.send(GET)
    await eventually(lambda: server.state.connections and http_flow(server).write_paused)
    held: int = server.protocol.transport.get_write_buffer_size()
    return held


async def read_until_between_the_marks(server: Server, client: Client) -> None:
    """Read as much of the response as leaves the transport paused with less than its high mark."""
    transport = server.protocol.transport
    low, high = transport.get_write_buffer_limits()
    while transport.get_write_buffer_size() > high:
        await client.wire.receive()
        await turns(3)
    assert transport.get_write_buffer_size() > low
    assert http_flow(server).write_paused


async def upgrade(server: Server, app: App, client: Client) -> Call:
    await client.request(b"/chat")
    call = await app.call(1)
    await call.connect()
    return call


@pytest.mark.every_http
@pytest.mark.parametrize("between_the_marks", [False, True])
async def test_o5_the_answer_waits_behind_an_unread_response(start: Start, between_the_marks: bool) -> None:
    app = App(answer_or_verdict)
    async with start(app, **NARROW) as server, server.connect(receive_buffer=SOCKET_BUFFER) as client:
        await get_large(server, client)
        if between_the_marks:
            await read_until_between_the_marks(server, client)
        call = await upgrade(server, app, client)
        held = unsent(server.protocol)
        accepting = asyncio.ensure_future(call.send_event({"type": "websocket.accept"}))
        await turns(30)
        assert not accepting.done()
        assert unsent(server.protocol) == held
        while not accepting.done():
            await client.wire.receive()
            await turns(3)
        await accepting
        client.reset()
        await call.receive()
        await call.finish()


@pytest.mark.every_http
async def test_o6_it_waits_no_longer_than_for_any_output(start: Start, protocol: Any) -> None:
    app = App(answer_or_verdict)
    ws = protocol.with_options(write_timeout=0.3)
    async with start(app, ws=ws, **NARROW) as server, server.connect(receive_buffer=SOCKET_BUFFER) as client:
        await get_large(server, client)
        call = await upgrade(server, app, client)
        with pytest.raises(ClientDisconnected):
            await within(call.send_event({"type": "websocket.accept"}))
        await call.disconnect(1006)
        await eventually(lambda: not server.state.connections)
        await call.finish()


async def test_h17_behind_an_unanswered_request_there_is_none(start: Start) -> None:
    """httptools alone reads on behind such a request."""
    proceed = asyncio.Event()

    async def late(call: Call) -> None:
        await proceed.wait()
        assert await call.receive() == {"type": "http.disconnect"}
        await answer_or_verdict(call)

    app = App(late)
    async with start(app, warnings=1) as server, server.connect() as client:
        await client.send(GET)
        await app.call()
        await client.request(b"/chat")
        assert (await client.response()).status == 500
        assert await client.rest() == b""
        proceed.set()
        await server.became_idle()
        assert len(app.calls) == 1
        assert "behind one that has not been answered" in server.logs.warnings[0]
