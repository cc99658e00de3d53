"""What uvicorn's flags do."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.helpers_o import pass_time
from tests.harness import PING, PONG, TEXT, App, Call, frame

from .observing import LONG, open_connection, outcome, seen, served

Ws = type[asyncio.Protocol]

SCOPE = ["wss", ("203.0.113.7", 0), "/api", "/api/chat"]


async def accept(call: Call) -> None:
    """A script."""
    await call.accept()
    await call.receive_event()


@seen("`--proxy-headers`, `--forwarded-allow-ips`, `--root-path`", ours=SCOPE, stock=SCOPE)
async def scope(ws: Ws) -> object:
    """What a trusted proxy and the root path make of the scope."""
    app = App(accept)
    headers = [(b"X-Forwarded-For", b"203.0.113.7"), (b"X-Forwarded-Proto", b"https")]
    async with served(app, ws, root_path="/api") as server, server.connect() as client:
        await client.open(b"/chat", headers)
        found = [app.calls[0].scope[key] for key in ("scheme", "client", "root_path", "path")]
        client.close()
        return found


@seen("`--header`, `--no-server-header`, `--no-date-header`", ours=[1, 0, 0], stock=[1, 0, 0], legacy=[1, 0, 1])
async def headers_of_the_answer(ws: Ws) -> object:
    """How many headers of each kind the 101 has."""
    settings: dict[str, Any] = {"headers": [("X-Default", "yes")], "server_header": False, "date_header": False}
    async with served(App(accept), ws, **settings) as server, server.connect() as client:
        response = await client.open()
        client.close()
        return [len(response.all(name)) for name in (b"x-default", b"server", b"date")]


@seen("`--ws-per-message-deflate false`", ours=[], stock=[])
async def no_compression(ws: Ws) -> object:
    async with served(App(accept), ws, ws_per_message_deflate=False) as server, server.connect() as client:
        response = await client.open(headers=[(b"Sec-WebSocket-Extensions", b"permessage-deflate")])
        client.close()
        return response.all(b"sec-websocket-extensions")


@seen("`--ws-ping-interval 0`", ours="nothing", stock="nothing", legacy="something")
async def no_interval(ws: Ws) -> object:
    async with open_connection(ws, ws_ping_interval=0.0, ws_ping_timeout=0.02) as (_, client, _):
        await pass_time(LONG)
        found = "something" if client.pending() else "nothing"
        client.close()
        return found


@seen("`--ws-ping-interval`, `--ws-ping-timeout`", ours=(PING, True), stock=(PING, True))
async def ping_that_is_answered(ws: Ws) -> object:
    """What comes, and whether a client that answers is kept for three times as long as one that does not."""
    async with open_connection(ws, ws_ping_interval=0.05, ws_ping_timeout=0.1) as (_, client, call):
        first = None
        for _ in range(6):
            got = await client.frame()
            first = first or got.opcode
            await client.send(frame(PONG, got.payload))
        kept = await outcome(call.send("websocket.send", text="still here")) == "done"
        client.close()
        return first, kept


@seen("`--ws-ping-interval`, `--ws-ping-timeout`", ours="waits", stock="done")
async def pong_that_is_not_read(ws: Ws) -> object:
    """Whether a client is closed that answers every ping, behind messages that the app does not receive."""

    async def answer_pings() -> None:
        while (got := await client.frame()).opcode == PING:
            await client.send(frame(PONG, got.payload))

    async with open_connection(ws, ws_ping_interval=0.05, ws_ping_timeout=0.1, ws_max_queue=1) as (_, client, _):
        await client.send(frame(TEXT, b"x") * 8)
        found = await outcome(answer_pings())
        client.close()
        return found


@seen("`--ws-max-queue`", ours=[True, False], legacy=[True, False], stock=[False, False])
async def queue(ws: Ws) -> object:
    """Whether a ping is read behind one message that the app has not received, and behind four, where two may wait."""
    answered = []
    for count in (1, 4):
        async with open_connection(ws, ws_max_queue=2) as (_, client, _):
            await client.send(frame(TEXT, b"x") * count)
            await pass_time(LONG)
            await client.send(frame(PING, b"p"))
            answered.append(await outcome(client.frame()) == "done")
            client.close()
    return answered
