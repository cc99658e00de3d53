"""Handshake, rows H17 and H18: failures of our own, uvicorn's settings."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.harness import TEXT, UVICORN_VERSION, App, Call, Response, Server, Start, echo, frame

pytestmark = pytest.mark.every_http


class FailingState(dict[str, Any]):
    """A lifespan state that can be copied once, which uvicorn's HTTP protocol does, and then fails."""

    copies = 0

    def copy(self) -> dict[str, Any]:
        self.copies += 1
        if self.copies > 1:
            raise LookupError("no more copies")
        return {}


async def fail_inside(server: Server) -> Response:
    """Send a request whose scope cannot be built."""
    server.uvicorn.lifespan.state = FailingState()
    return await server.get()


async def test_h17_failure_inside_the_protocol_is_answered(start: Start) -> None:
    app = App(echo)
    async with start(app, warnings=1) as server:
        response = await fail_inside(server)
        assert (response.status, response.complete) == (500, True)
        assert response.one(b"connection").lower() == b"close"
        assert not server.state.connections
    assert app.calls == []
    assert "no more copies" in server.logs.warnings[0]


async def test_h17_transport_is_closed_after_it(start: Start) -> None:
    async with start(App(echo), warnings=1) as server:
        server.uvicorn.lifespan.state = FailingState()
        async with server.connect() as client:
            await client.request(then=frame(TEXT, b"hello"))
            assert (await client.response()).status == 500
            await client.expect_eof()


async def test_h17_task_that_cannot_be_made_is_answered(start: Start) -> None:
    """Whoever sets a task factory that does not fit the event loop gets answers all the same."""
    loop = asyncio.get_running_loop()

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **keywords: Any) -> Any:
        # What is compiled, as uvloop's own coroutines are, has no code of Python's.
        origin = Path(coro.cr_code.co_filename).parts if inspect.iscoroutine(coro) else type(coro).__module__.split(".")
        if "safews" in origin:
            coro.close()
            raise TypeError("no such keyword")
        keywords.pop("eager_start", None)
        return asyncio.Task(coro, loop=loop, **keywords)

    app = App(echo)
    async with start(app, warnings=1) as server, server.connect() as client:
        loop.set_task_factory(factory)
        await client.request()
        response = await client.response()
        assert (response.status, response.complete) == (500, True)
        await client.expect_eof()
        client.close()
        await server.became_idle()
    assert app.calls == []
    assert "no such keyword" in server.logs.warnings[0]


async def test_h17_next_connection_is_served(start: Start) -> None:
    async with start(App(echo), warnings=1) as server:
        await fail_inside(server)
        server.uvicorn.lifespan.state = {}
        async with server.open() as client:
            await client.send_text("hello")
            await client.expect_text("hello")


async def test_h18_accepted_handshake_counts_as_a_request(start: Start) -> None:
    # uvicorn says that it has reached its limit, up to 0.40 at warning.
    async with start(App(echo), limit_max_requests=1, warnings=int(UVICORN_VERSION < (0, 41))) as server:
        assert not await server.uvicorn.on_tick(1)
        async with server.open() as client:
            assert server.state.total_requests == 1
            await client.send_text("hello")
            await client.expect_text("hello")
        await server.became_idle()
        assert server.state.total_requests == 1
        assert await server.uvicorn.on_tick(1)


async def test_h18_refused_handshake_counts_as_a_request(start: Start) -> None:
    async def refuse(call: Call) -> None:
        await call.send_event({"type": "websocket.close"})

    async with start(App(refuse)) as server:
        await server.get()
        await server.became_idle()
        assert server.state.total_requests == 1


async def test_h18_denied_handshake_counts_as_a_request_once(start: Start) -> None:
    async def deny(call: Call) -> None:
        await call.send_event({"type": "websocket.http.response.start", "status": 403})
        await call.send_event({"type": "websocket.http.response.body", "more_body": True})
        await call.send_event({"type": "websocket.http.response.body"})

    async with start(App(deny)) as server:
        await server.get()
        await server.became_idle()
        assert server.state.total_requests == 1


async def test_h18_unanswered_handshake_does_not_count(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        assert server.state.total_requests == 0
        client.reset()
        await call.connect()
        await call.disconnect(1006)
        await call.finish()
        assert server.state.total_requests == 0


SEEN: ContextVar[str] = ContextVar("SEEN", default="unset")


async def seen(server: Server, app: App) -> dict[str, str]:
    """Which value of ``SEEN`` the application sees in an HTTP request and in a WebSocket."""
    async with server.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await client.rest()
    async with server.connect() as client:
        await client.request()
        await client.response()
    return {call.scope["type"]: call.scope["seen"] for call in app.calls}


async def look(call: Call) -> None:
    """A script: note ``SEEN`` and answer."""
    call.scope["seen"] = SEEN.get()
    prefix = "websocket.http" if call.scope["type"] == "websocket" else "http"
    await call.send_event({"type": f"{prefix}.response.start", "status": 403})
    await call.send_event({"type": f"{prefix}.response.body"})


@pytest.mark.skipif(
    "reset_contextvars" not in inspect.signature(uvicorn.Config).parameters, reason="this uvicorn has no such setting"
)
@pytest.mark.parametrize("reset", [False, True])
async def test_h18_contextvars_are_as_for_http(start: Start, reset: bool) -> None:
    SEEN.set("of the server")
    app = App(look)
    async with start(app, reset_contextvars=reset) as server:
        values = await seen(server, app)
        assert values["websocket"] == values["http"] == ("unset" if reset else "of the server")


async def test_h18_changes_of_contextvars_stay_in_their_connection(start: Start) -> None:
    async def change(call: Call) -> None:
        call.scope["seen"] = SEEN.get()
        SEEN.set("of a connection")
        await call.send_event({"type": "websocket.close"})

    app = App(change)
    async with start(app) as server:
        await server.get()
        await server.get()
    assert [call.scope["seen"] for call in app.calls] == ["unset", "unset"]


async def test_h18_lifespan_state_is_a_copy_for_each_connection(start: Start) -> None:
    async def script(call: Call) -> None:
        if call.scope["type"] == "lifespan":
            call.scope["state"].update(pool="shared", items=[1])
            for step in ("startup", "shutdown"):
                await call.receive_event()
                await call.send_event({"type": f"lifespan.{step}.complete"})
            return
        call.scope["found"] = dict(call.scope["state"])
        call.scope["state"]["own"] = True
        await echo(call)

    app = App(script)
    async with start(app, lifespan="on") as server:
        for _ in range(2):
            async with server.open():
                pass
            await server.became_idle()
    _, first, second = app.calls
    assert first.scope["found"] == second.scope["found"] == {"pool": "shared", "items": [1]}
    assert first.scope["found"]["items"] is second.scope["found"]["items"]
