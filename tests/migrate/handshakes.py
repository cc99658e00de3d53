"""What happens in a handshake."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import Any

from tests.harness import TEXT, App, Call, Headers, eventually, frame

from .observing import LONG, open_connection, outcome, rest, seen, served, unanswered

Ws = type[asyncio.Protocol]


@seen("the server shuts down, unanswered", ours=503, stock=500)
async def shutdown_unanswered(ws: Ws) -> object:
    async with unanswered(ws) as (server, client, call):
        ending = asyncio.ensure_future(server.shutdown())
        status = (await client.response()).status
        client.close()
        await call.receive()
        await call.finish()
        await ending
        return status


@seen("frames right behind the upgrade request", ours="done", stock="waits")
async def early_frames(ws: Ws) -> object:
    """Whether the app receives what came in the segment of the request."""
    app = App()
    async with served(app, ws) as server, server.connect() as client:
        await client.request(then=frame(TEXT, b"early"))
        call = await app.call()
        await call.accept()
        got = await outcome(call.receive_event())
        client.close()
        return got


@seen("TCP after a refused handshake", ours=(b"", 1), stock=(b"", 0))
async def refused(ws: Ws) -> object:
    """What comes behind the answer, and how many connections are left in the books while the client's end is open."""
    async with unanswered(ws) as (server, client, call):
        await call.send("websocket.close")
        await client.response()
        end = await rest(client)
        with contextlib.suppress(AssertionError):
            await eventually(lambda: not server.state.connections, LONG)
        return end, len(server.state.connections)


@seen(
    "headers of refusals",
    "reason phrases, as in `403 Forbidden`",
    ours=(True, b"Forbidden"),
    stock=(False, b"Forbidden"),
    wsproto=(False, b""),
)
async def headers_of_refusals(ws: Ws) -> object:
    async with unanswered(ws) as (_, client, call):
        await call.send("websocket.close")
        response = await client.response()
        return bool(response.all(b"server")), response.reason


@seen("`--limit-concurrency`", ours=503, stock=101)
async def limit_concurrency(ws: Ws) -> object:
    async def accept(call: Call) -> None:
        await call.accept()

    async with served(App(accept), ws, limit_concurrency=1) as server, server.connect() as client:
        await client.request()
        return (await client.head()).status


@seen("`--limit-max-requests`", ours=1, stock=0)
async def limit_max_requests(ws: Ws) -> object:
    async with open_connection(ws) as (server, _, _):
        return server.state.total_requests


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="fresh")


@seen("`--reset-contextvars`", ours="fresh", stock="inherited")
async def reset_contextvars(ws: Ws) -> object:
    found: list[str] = []

    async def look(call: Call) -> None:
        found.append(variable.get())
        await call.accept()

    token = variable.set("inherited")
    try:
        async with served(App(look), ws, reset_contextvars=True) as server, server.open() as client:
            client.close()
    finally:
        variable.reset(token)
    return found[0]


@seen(
    "`websocket.accept` after the client has left", ours="ClientDisconnected", stock="ClientDisconnected", legacy="done"
)
async def accept_after_the_client_has_left(ws: Ws) -> object:
    async with unanswered(ws) as (_server, client, call):
        client.close()
        await call.receive()
        return await outcome(call.send("websocket.accept"))


@seen(
    "the app returns before it answers",
    "the words of an error line when the app returns before it answers",
    ours=(b"HTTP/1.1 500", False),
    stock=(b"HTTP/1.1 500", False),
    legacy=(b"HTTP/1.1 500", True),
)
async def app_returns_unanswered(ws: Ws) -> object:
    """The first bytes, and whether a 101 comes behind."""
    async with unanswered(ws) as (_, client, call):
        await call.finish()
        got = await client.rest()
        return got[:12], b"HTTP/1.1 101" in got


@seen("the client leaves before the app answers, and the app returns on the disconnect", ours=0, stock=0, legacy=1)
async def app_returns_on_the_disconnect(ws: Ws) -> object:
    async with unanswered(ws) as (server, client, call):
        client.close()
        await call.receive()
        await call.finish()
        await eventually(lambda: server.idle)
        return len(server.logs.errors)


async def accepted_with(ws: Ws, offer: Headers = (), **keys: Any) -> object:
    """What an accept raises, and the beginning of the answer."""
    async with unanswered(ws, offer) as (_, client, call):
        error = await outcome(call.send("websocket.accept", **keys))
        call.let_return()
        await client.send(frame(TEXT))
        got = await rest(client)
        got = client.raw if got is None else got
        client.close()
        return error, got[:12]


@seen(
    "a header with CR or LF in `websocket.accept`",
    "a subprotocol that was not offered, a header with CR or LF",
    ours=("ValueError", b"HTTP/1.1 500"),
    legacy=("done", b"HTTP/1.1 400"),
    sansio=("InvalidHeaderValue", b"HTTP/1.1 500"),
    wsproto=("LocalProtocolError", b""),
)
async def header_with_crlf(ws: Ws) -> object:
    return await accepted_with(ws, headers=[(b"x-a", b"1\r\nx-b: 2")])


@seen(
    "a subprotocol that was not offered",
    "a subprotocol that was not offered, a header with CR or LF",
    ours=("ValueError", b"HTTP/1.1 500"),
    stock=("done", b"HTTP/1.1 101"),
    wsproto=("LocalProtocolError", b""),
)
async def subprotocol_that_was_not_offered(ws: Ws) -> object:
    return await accepted_with(ws, [(b"Sec-WebSocket-Protocol", b"chat")], subprotocol="other")


async def answer_to(ws: Ws, headers: Headers, **request: Any) -> object:
    """The status of the answer, and its body; ``None`` if there is none."""

    async def accept(call: Call) -> None:
        await call.accept()

    async with served(App(accept), ws) as server, server.connect() as client:
        await client.request(headers=headers, **request)
        if await outcome(client.head()) == "waits":
            client.close()
            return None
        await rest(client)
        status = int(client.raw[9:12])
        return status, status != 101 and bool(client.raw.partition(b"\r\n\r\n")[2])


@seen(
    "over 8 KB in one header, over 128 headers",
    ours=(101, False),
    legacy=(400, True),
    sansio=None,
    wsproto=(101, False),
)
async def large_header(ws: Ws) -> object:
    return await answer_to(ws, [(b"Cookie", b"x" * 9000)])


@seen(
    "over 8 KB in one header, over 128 headers",
    ours=(101, False),
    legacy=(400, True),
    sansio=None,
    wsproto=(101, False),
)
async def many_headers(ws: Ws) -> object:
    return await answer_to(ws, [(b"X-%d" % number, b"1") for number in range(129)])


@seen("a bad `Sec-WebSocket-Version`", ours=(426, False), stock=(400, True), wsproto=(426, False))
async def bad_version(ws: Ws) -> object:
    return await answer_to(ws, [(b"Sec-WebSocket-Version", b"11")], omit=[b"sec-websocket-version"])


@seen("another method than GET", ours=(400, False), legacy=(400, True), sansio=(405, True), wsproto=(400, False))
async def another_method(ws: Ws) -> object:
    return await answer_to(ws, (), method=b"POST")


@seen("a refused handshake", ours=(400, False), stock=(400, True), wsproto=(400, False))
async def without_a_key(ws: Ws) -> object:
    return await answer_to(ws, (), omit=[b"sec-websocket-key"])


SMALL = b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"


@seen(
    "compression windows",
    ours=SMALL,
    sansio=SMALL,
    legacy=b"permessage-deflate",
    wsproto=b"permessage-deflate; client_max_window_bits=15",
)
async def windows(ws: Ws) -> object:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits")]

    async def accept(call: Call) -> None:
        await call.accept()

    async with served(App(accept), ws) as server, server.connect() as client:
        return (await client.open(headers=offer)).one(b"sec-websocket-extensions")


@seen(
    "`sec-websocket-protocol` and `sec-websocket-extensions` in the scope's `headers`",
    ours=[True, True],
    stock=[True, True],
    wsproto=[False, False],
)
async def headers_of_the_scope(ws: Ws) -> object:
    names = (b"sec-websocket-protocol", b"sec-websocket-extensions")
    async with unanswered(ws, [(name, b"x") for name in names]) as (_, client, call):
        found = [name for name, _ in call.scope["headers"]]
        client.close()
        return [name in found for name in names]
