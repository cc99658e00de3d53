"""What the log has."""

from __future__ import annotations

import asyncio
import logging
import re

from tests.harness import App, eventually

from .observing import open_connection, seen, served

Ws = type[asyncio.Protocol]


async def logged(ws: Ws, fail: object) -> list[str]:
    """What the log has, by levels, but for what is at info."""
    async with open_connection(ws) as (server, client, call):
        client.close()
        await call.receive()
        await eventually(lambda: not server.state.connections)
        await call.finish(fail)
        return [record.levelname for record in server.logs.records if record.levelno > logging.INFO]


@seen("the app raises after the client is gone", ours=["WARNING"], stock=["ERROR"])
async def fails_after_the_end(ws: Ws) -> object:
    return await logged(ws, ValueError("late"))


@seen("the app's task is cancelled", ours=["WARNING"], stock=["ERROR"])
async def cancelled(ws: Ws) -> object:
    async with open_connection(ws) as (server, client, call):
        assert call.task is not None
        call.task.cancel()
        await client.send_close(1012)
        await client.rest()
        await eventually(lambda: not server.state.tasks)
        return [record.levelname for record in server.logs.records if record.levelno > logging.INFO]


@seen(
    "a connection ends",
    "the log",
    ours=["[accepted]", "[closed]"],
    legacy=["[accepted]", "connection open", "connection closed"],
    sansio=["[accepted]", "connection open"],
    wsproto=["[accepted]"],
)
async def lines(ws: Ws) -> object:
    """The last words of the lines at info."""
    async with open_connection(ws) as (server, client, call):
        receiving = asyncio.ensure_future(call.receive())
        await client.send_close(1000)
        await client.rest()
        client.close()
        await receiving
        await call.finish()
        await eventually(lambda: server.idle)
        return [" ".join(re.findall(r"\[\w+\]|connection \w+", line)) for line in server.logs.infos]


@seen("a request is malformed", ours=(0, 1), stock=(1, 0), wsproto=(0, 0))
async def lines_of_a_malformed_request(ws: Ws) -> object:
    app = App()
    async with served(app, ws) as server, server.connect() as client:
        await client.request(omit=[b"sec-websocket-key"])
        await client.response()
        return len(server.logs.about("rejected")), len(server.logs.warnings)
