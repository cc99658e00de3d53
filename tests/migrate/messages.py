"""What is sent and received, and violations."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tests.contract.helpers_o import SOCKET_BUFFER, opened, pass_time
from tests.harness import BINARY, TEXT, App, frame

from .observing import LONG, open_connection, outcome, rest, seen, served

Ws = type[asyncio.Protocol]

VIOLATIONS = {
    "invalid UTF-8": (1007, frame(TEXT, b"\xff")),
    "bad frame": (1002, frame(3, b"")),
    "too big": (1009, frame(TEXT, b"x" * 2000)),
}


def violation(name: str) -> Any:
    """Observe one: the disconnect's code, whether it has a reason, what came on the wire, tracebacks."""

    async def observe(ws: Ws) -> object:
        async with open_connection(ws, ws_max_size=1000) as (server, client, call):
            receiving = asyncio.ensure_future(call.receive())
            await client.send(VIOLATIONS[name][1])
            got = await rest(client)
            if got is None:
                got = client.raw.partition(b"\r\n\r\n")[2]
                await client.send_close(1000)
            client.close()
            event = await receiving
            tracebacks = len(server.logs.tracebacks(logging.ERROR))
            return event["code"], bool(event.get("reason")), got[:1] + got[2:4], len(got) > 4, tracebacks

    observe.__name__ = name.replace(" ", "_")
    return observe


def send_after(name: str) -> Any:
    """Observe a send after a violation, when what was sent before is still to be flushed."""

    async def observe(ws: Ws) -> object:
        app = App()
        async with (
            served(app, ws, ws_max_size=1000, send_buffer=SOCKET_BUFFER) as server,
            server.connect(receive_buffer=SOCKET_BUFFER) as client,
        ):
            call = await opened(app, client)
            # More than the kernel holds, and not so much more that sending waits.
            await call.send("websocket.send", bytes=b"x" * 80_000)
            receiving = asyncio.ensure_future(call.receive())
            await client.send(VIOLATIONS[name][1])
            if await outcome(receiving) == "waits":
                return "not told"
            late = await outcome(call.send("websocket.send", text="late"))
            client.close()
            return late

    observe.__name__ = f"send_after_{name.replace(' ', '_')}"
    return observe


LATE_SENDS = {"invalid UTF-8": "done", "bad frame": "done", "too big": "RuntimeError"}
"""What they do with wsproto."""

for _name in VIOLATIONS:
    seen(
        "`websocket.send` after a message that was too big",
        "`websocket.send` after the client's violation",
        "invalid UTF-8, a bad frame",
        ours="ClientDisconnected",
        legacy="not told",
        sansio="RuntimeError",
        wsproto=LATE_SENDS[_name],
    )(send_after(_name))


def disconnects(code: int) -> dict[str, object]:
    """What is seen of the violation with that code."""
    start = b"\x88" + code.to_bytes(2, "big")
    utf8, too_big = code == 1007, code == 1009
    return {
        "ours": (code, False, start, True, 0),
        "legacy": (1006, False, start, False, 0),
        "sansio": (code, not utf8, start, not utf8, int(utf8)),
        "wsproto": (code, True, start if too_big else b"", too_big, 0),
    }


for _name, (_code, _) in VIOLATIONS.items():
    seen(
        "a disconnect after a violation of the protocol",
        "a violation, a message too big",
        "invalid UTF-8",
        "invalid UTF-8, a bad frame",
        "`--ws-max-size`",
        **disconnects(_code),
    )(violation(_name))


@seen("`websocket.send` with neither `text` nor `bytes`", ours="ValueError", stock="TypeError", sansio="done")
async def send_nothing(ws: Ws) -> object:
    async with open_connection(ws) as (_, _client, call):
        return await outcome(call.send("websocket.send"))


async def sent(ws: Ws, **keys: Any) -> object:
    """What becomes of a send, and the opcode on the wire, ``None`` for nothing."""
    async with open_connection(ws) as (_, client, call):
        result = await outcome(call.send("websocket.send", **keys))
        await pass_time(LONG)
        return result, (await client.frame()).opcode if client.pending() else None


@seen("`websocket.send` with `text` and `bytes` both set", ours=("ValueError", None), stock=("done", BINARY))
async def send_both(ws: Ws) -> object:
    return await sent(ws, text="t", bytes=b"b")


@seen(
    "`websocket.send` with bytes as `text`",
    ours=("TypeError", None),
    stock=("done", BINARY),
    sansio=("AttributeError", None),
)
async def send_bytes_as_text(ws: Ws) -> object:
    return await sent(ws, text=b"t")


@seen("a message that has no place in the state", ours="RuntimeError", stock="RuntimeError")
async def out_of_place(ws: Ws) -> object:
    async with open_connection(ws) as (_, _client, call):
        return await outcome(call.send("websocket.accept"))


@seen("a message waits for the app", ours=True, stock=False, legacy=True)
async def reads_on(ws: Ws) -> object:
    """Whether a ping behind a message that the app has not received is answered."""
    async with open_connection(ws) as (_, client, _call):
        await client.send(frame(TEXT, b"one") + frame(TEXT, b"two"))
        await pass_time(LONG)
        await client.send(frame(9, b"p"))
        answered = await outcome(client.frame()) == "done"
        client.close()
        return answered
