"""How connections end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.contract.helpers_o import text_event
from tests.harness import CLOSE, TEXT, Call, Client, eventually, frame

from .observing import LONG, Observe, open_connection, outcome, rest, seen

Ws = type[asyncio.Protocol]


def close(code: int, reason: str = "") -> bytes:
    """A Close as the server sends it."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode(), mask=None)


@seen("the app returns while open", ours=close(1000), stock=b"")
async def app_returns(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        await call.finish()
        await client.send_close(1000)
        return await client.rest()


@seen("the app raises while open", ours=close(1011), stock=b"")
async def app_raises(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        await call.finish(ValueError("secret"))
        await client.send_close(1011)
        return await client.rest()


@seen("the server shuts down, open", ours=(True, "waits"), stock=(True, "done"))
async def shutdown(ws: Ws) -> object:
    """Whether a Close 1012 comes, and whether TCP ends without the client's."""
    async with open_connection(ws) as (server, client, call):
        ending = asyncio.ensure_future(server.shutdown())
        closed = (await client.frame()).payload[:2] == (1012).to_bytes(2, "big")
        end = await outcome(client.rest())
        client.close()
        await call.receive()
        await call.finish()
        await ending
        return closed, end


@seen(
    "the client's Close comes behind a message that the app has not received",
    ours="done",
    stock="ClientDisconnected",
    legacy="waits",  # For the end of TCP; then it fails.
)
async def send_before_the_close_is_reached(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        await client.send_text("first")
        await call.receive()
        await client.send(frame(TEXT, b"question") + frame(CLOSE, b"\x0f\xa0"))
        assert await call.receive() == text_event("question")
        return await outcome(call.send("websocket.send", text="answer"))


@seen("`receive` after the disconnect", ours="ClientDisconnected", stock="waits", legacy="done")
async def receive_after_the_disconnect(ws: Ws) -> object:
    async with open_connection(ws) as (server, client, call):
        client.close()
        await call.receive()
        await eventually(lambda: not server.state.connections)
        return await outcome(call.receive_event())


@seen("`websocket.close` a second time", ours="done", stock="RuntimeError")
async def second_close(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        await close_by_app(client, call, code=4000)
        return await outcome(call.send("websocket.close", code=4001))


@seen("`websocket.close` after the client is gone", ours="done", stock="ClientDisconnected", legacy="done")
async def close_after_the_client_is_gone(ws: Ws) -> object:
    async with open_connection(ws) as (server, client, call):
        client.close()
        await eventually(lambda: not server.state.connections)
        return await outcome(call.send("websocket.close"))


@seen(
    "`websocket.send` after the disconnect",
    ours="ClientDisconnected",
    stock="ClientDisconnected",
    legacy="RuntimeError",
)
async def send_after_the_disconnect(ws: Ws) -> object:
    async with open_connection(ws) as (server, client, call):
        client.close()
        await call.receive()
        await eventually(lambda: not server.state.connections)
        return await outcome(call.send("websocket.send", text="late"))


@seen(
    "the client's TCP ends without a Close",
    "the client's TCP ends without a Close, a ping is not answered",
    ours={"code": 1006},
    stock={"code": 1005},
    legacy={"code": 1006, "reason": ""},
)
async def client_is_lost(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        client.close()
        return details(await call.receive())


@seen(
    "the client's TCP ends without a Close, a ping is not answered",
    ours={"code": 1006},
    stock={"code": 1005},
    legacy={"code": 1006, "reason": ""},
)
async def no_pong(ws: Ws) -> object:
    async with open_connection(ws, ws_ping_interval=0.05, ws_ping_timeout=0.05) as (_, client, call):
        assert (await answer_close(client))[:2] == (1011).to_bytes(2, "big")
        return details(await call.receive())


def details(event: Any) -> dict[str, object]:
    """What a disconnect says."""
    return {key: value for key, value in event.items() if key != "type"}


@seen(
    "a disconnect after its own `websocket.close` without a reason",
    "the app sends `websocket.close`",
    ours=("done", {"code": 4000}),
    stock=("done", {"code": 4000, "reason": ""}),
    legacy=("waits", {"code": 1005}),
)
async def own_close(ws: Ws) -> object:
    """Whether the send waits for the client's Close, and the disconnect."""
    async with open_connection(ws) as (_, client, call):
        return await close_by_app(client, call, code=4000), details(await call.receive())


async def close_by_app(client: Client, call: Call, **keys: Any) -> str:
    """Close, and say whether that waits for the client's Close; then it is sent, and TCP ended."""
    sending = asyncio.ensure_future(call.send("websocket.close", **keys))
    done, _ = await asyncio.wait([sending], timeout=LONG)
    if not done:
        await answer_close(client)
        await sending
    return "done" if done else "waits"


async def answer_close(client: Client) -> bytes:
    """Read a Close and what comes before it, send one, end TCP; returns the Close's payload."""
    while (got := await client.frame()).opcode != CLOSE:
        pass
    await client.send_close(1000)
    await client.rest()
    client.close()
    return got.payload


@seen(
    "`websocket.close` with `code: None`", ours=("done", b"\x03\xe8"), stock=("done", b""), legacy=("TypeError", None)
)
async def close_without_a_code(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        sending = asyncio.ensure_future(outcome(call.send("websocket.close", code=None)))
        with suppress(AssertionError):
            await eventually(client.pending, LONG)
        payload = await answer_close(client) if client.pending() else None
        return await sending, payload


STILL_OPEN = frame(TEXT, b"still open", mask=None)


async def closed_with(ws: Ws, **keys: Any) -> object:
    """What becomes of a close, and whether a message still gets through; else what came instead."""
    async with open_connection(ws) as (_, client, call):
        sent = await outcome(call.send("websocket.close", **keys))
        text = asyncio.ensure_future(outcome(call.send("websocket.send", text="still open")))
        on_the_wire = await rest(client)
        client.close()
        await text
        return sent, (client.raw.partition(b"\r\n\r\n")[2] if on_the_wire is None else on_the_wire)


def cannot_be_sent(row: str, *, wsproto: bytes) -> Callable[[Observe], Observe]:
    """Say what must be seen of such a close; ``wsproto`` is what uvicorn's own on that library sends instead."""
    return seen(
        "`websocket.close` with a code or reason that cannot be sent",
        row,
        ours=("ValueError", STILL_OPEN),
        legacy=("ProtocolError", b""),
        sansio=("ProtocolError", STILL_OPEN),
        wsproto=("done", wsproto),
    )


@cannot_be_sent("`websocket.close` with code 999", wsproto=close(999))
async def close_with_999(ws: Ws) -> object:
    return await closed_with(ws, code=999)


MENDED = "`websocket.close` with 1005, or a reason over 123 bytes"


@cannot_be_sent(MENDED, wsproto=close(1000))
async def close_with_1005(ws: Ws) -> object:
    return await closed_with(ws, code=1005)


@cannot_be_sent(MENDED, wsproto=close(1000, "x" * 123))
async def close_with_a_long_reason(ws: Ws) -> object:
    return await closed_with(ws, reason="x" * 124)


@seen("close codes in events", ours="int", stock="int", wsproto="CloseReason")
async def type_of_a_code(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        receiving = asyncio.ensure_future(call.receive())
        await client.send_close(1001)
        await client.rest()
        client.close()
        return type((await receiving)["code"]).__name__
