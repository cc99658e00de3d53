"""How connections end."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from typing import Any

from tests.contract.helpers_o import SOCKET_BUFFER, opened, text_event
from tests.harness import BINARY, CLOSE, TEXT, App, Call, Client, eventually, frame

from .observing import LONG, open_connection, outcome, rest, seen, served

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


@seen(
    "`websocket.close` with a code or reason that cannot be sent",
    "`websocket.close` with code 999",
    ours=("ValueError", STILL_OPEN),
    legacy=("ProtocolError", b""),
    sansio=("ProtocolError", STILL_OPEN),
    wsproto=("done", close(999)),
)
async def close_with_999(ws: Ws) -> object:
    return await closed_with(ws, code=999)


@seen(
    "`websocket.close` with a code or reason that cannot be sent",
    "`websocket.close` with 1005, or a reason over 123 bytes",
    ours=("ValueError", STILL_OPEN),
    legacy=("ProtocolError", b""),
    sansio=("ProtocolError", STILL_OPEN),
    wsproto=("done", close(1000)),
)
async def close_with_1005(ws: Ws) -> object:
    return await closed_with(ws, code=1005)


@seen(
    "`websocket.close` with a code or reason that cannot be sent",
    "`websocket.close` with 1005, or a reason over 123 bytes",
    ours=("ValueError", STILL_OPEN),
    legacy=("ProtocolError", b""),
    sansio=("ProtocolError", STILL_OPEN),
    wsproto=("done", close(1000, "x" * 123)),
)
async def close_with_a_long_reason(ws: Ws) -> object:
    return await closed_with(ws, reason="x" * 124)


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


@seen("close codes in events", ours="int", stock="int", wsproto="CloseReason")
async def type_of_a_code(ws: Ws) -> object:
    async with open_connection(ws) as (_, client, call):
        receiving = asyncio.ensure_future(call.receive())
        await client.send_close(1001)
        await client.rest()
        client.close()
        return type((await receiving)["code"]).__name__


@seen("`websocket.send` with neither `text` nor `bytes`", ours="ValueError", stock="TypeError", sansio="done")
async def send_nothing(ws: Ws) -> object:
    async with open_connection(ws) as (_, _client, call):
        return await outcome(call.send("websocket.send"))


async def sent(ws: Ws, **keys: Any) -> object:
    """What becomes of a send, and the opcode on the wire, ``None`` for nothing."""
    async with open_connection(ws) as (_, client, call):
        result = await outcome(call.send("websocket.send", **keys))
        await asyncio.sleep(LONG)
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
        await asyncio.sleep(LONG)
        await client.send(frame(9, b"p"))
        answered = await outcome(client.frame()) == "done"
        client.close()
        return answered


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
