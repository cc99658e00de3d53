"""Refusals and denial responses."""

from __future__ import annotations

import asyncio
from typing import Any

from .observing import LONG, outcome, seen, unanswered

Ws = type[asyncio.Protocol]

START, BODY = "websocket.http.response.start", "websocket.http.response.body"


@seen("`websocket.send` after a 403", ours="RuntimeError", stock="ClientDisconnected", legacy="RuntimeError")
async def send_after_a_403(ws: Ws) -> object:
    async with unanswered(ws) as (_, client, call):
        await call.send("websocket.close")
        await client.response()
        return await outcome(call.send("websocket.send", text="late"))


def status(code: int) -> Any:
    """Observe a denial with a status out of range."""

    async def observe(ws: Ws) -> object:
        async with unanswered(ws) as (_, client, call):
            got = await outcome(call.send(START, status=code, headers=[]))
            client.close()
            return got

    observe.__name__ = f"status_{code}"
    return observe


seen("a denial's status out of range", ours="ValueError", stock="RuntimeError", legacy="ValueError")(status(99))
seen(
    "a denial's status out of range",
    ours="ValueError",
    legacy="ValueError",
    sansio="done",
    wsproto="LocalProtocolError",
)(status(199))
seen("a denial's status out of range", ours="ValueError", stock="RuntimeError", legacy="ValueError")(status(600))


@seen(
    "a denial without `headers` or `body`", ours=("done", "done"), stock=("done", "KeyError"), wsproto=("KeyError", "-")
)
async def denial_without_keys(ws: Ws) -> object:
    async with unanswered(ws) as (_, client, call):
        start = await outcome(call.send(START, status=404))
        body = await outcome(call.send(BODY)) if start == "done" else "-"
        client.close()
        return start, body


@seen(
    "a denial",
    ours=(True, b"onetwo", []),
    legacy=(True, b"", [b"text/plain"]),
    sansio=(False, b"onetwo", [b"text/plain; charset=utf-8"]),
    wsproto=(True, b"onetwo", []),
)
async def denial(ws: Ws) -> object:
    """Whether its first part arrives by itself, and the type that it gets."""
    async with unanswered(ws) as (_, client, call):
        await call.send(START, status=404, headers=[])
        sending = asyncio.ensure_future(outcome(call.send(BODY, body=b"one", more_body=True)))
        await sending
        head = asyncio.ensure_future(client.head())
        done, _ = await asyncio.wait([head], timeout=LONG)
        await outcome(call.send(BODY, body=b"two"))
        response = await head
        while await client.part(response):
            pass
        return bool(done), response.body, response.all(b"content-type")


@seen("a denial whose only body is its last", ours=True, stock=True, wsproto=False)
async def whole_denial(ws: Ws) -> object:
    """Whether it has a Content-Length."""
    async with unanswered(ws) as (_, client, call):
        await call.send(START, status=404, headers=[])
        await outcome(call.send(BODY, body=b"no"))
        return bool((await client.response()).all(b"content-length"))
