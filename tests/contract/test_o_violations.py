"""Open, row O10: whatever breaks the protocol gets its Close, in order, and one line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_o import DEFLATE, LANES, RSV1, Deflate, ending_line, opened, text_event
from tests.harness import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    App,
    Frame,
    Start,
    close_frame,
    eventually,
    frame,
)


def close_with(payload: bytes) -> bytes:
    return frame(CLOSE, payload)


def deflated(data: bytes) -> bytes:
    return Deflate().deflate(data)


OPEN_TEXT = frame(TEXT, b"open", fin=False)
PING_BETWEEN = frame(PING)

FRAMES = {
    **{f"opcode-{opcode}": frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "opcode-3-unfinished": frame(3, b"x", fin=False),
    "rsv1": frame(TEXT, b"x", rsv=4),
    "rsv2": frame(TEXT, b"x", rsv=2),
    "rsv3": frame(TEXT, b"x", rsv=1),
    "rsv-on-ping": frame(PING, b"x", rsv=4),
    "rsv2-on-close": frame(CLOSE, b"\x03\xe8", rsv=2),
    "rsv3-on-continuation": OPEN_TEXT + frame(CONTINUATION, b"x", rsv=1),
    "no-mask": frame(TEXT, b"x", mask=None),
    "no-mask-on-ping": frame(PING, b"x", mask=None),
    "no-mask-on-close": frame(CLOSE, b"\x03\xe8", mask=None),
    "no-mask-on-empty": frame(BINARY, b"", mask=None),
    "length-of-5-in-two-bytes": frame(TEXT, b"hello", length_bytes=2),
    "length-of-5-in-eight-bytes": frame(TEXT, b"hello", length_bytes=8),
    "length-of-125-in-two-bytes": frame(BINARY, b"x" * 125, length_bytes=2),
    "length-of-200-in-eight-bytes": frame(BINARY, b"x" * 200, length_bytes=8),
    "length-of-65535-in-eight-bytes": frame(BINARY, b"x" * 65535, length_bytes=8),
    "length-of-64-bits": b"\x82\xff" + b"\x80" + b"\0" * 7 + b"mask",
    "ping-of-126-bytes": frame(PING, b"x" * 126),
    "pong-of-126-bytes": frame(PONG, b"x" * 126),
    "close-of-126-bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "ping-of-70000-bytes": frame(PING, b"x" * 70_000),
    "ping-in-fragments": frame(PING, b"x", fin=False),
    "close-in-fragments": frame(CLOSE, b"\x03\xe8", fin=False),
    "continuation-of-nothing": frame(CONTINUATION, b"x"),
    "continuation-of-nothing-unfinished": frame(CONTINUATION, b"x", fin=False),
    "text-in-text": OPEN_TEXT + frame(TEXT, b"x"),
    "binary-in-text": OPEN_TEXT + frame(BINARY, b"x", fin=False),
    "text-in-binary": frame(BINARY, b"", fin=False) + frame(TEXT, b"x"),
}

CLOSES = {
    "close-of-one-byte": close_with(b"\x03"),
    **{
        f"close-{code}": close_frame(code)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "close-with-a-reason-and-code-1005": close_frame(1005, "reason"),
    "close-1006-between-fragments": OPEN_TEXT + close_frame(1006),
}

INVALID = {
    "continuation-byte": b"\x80",
    "overlong": b"\xc0\xaf",
    "overlong-of-three": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "above-unicode": b"\xf4\x90\x80\x80",
    "ff": b"fine so far \xff",
    "cut-at-the-end": b"gr\xc3",
    "cut-of-four": b"\xf0\x9f\x92",
}

TEXTS = {
    **{f"utf8-{name}": frame(TEXT, payload) for name, payload in INVALID.items()},
    **{
        f"utf8-{name}-fragmented": frame(TEXT, payload[:-1], fin=False) + frame(CONTINUATION, payload[-1:])
        for name, payload in INVALID.items()
    },
    "utf8-across-fragments": frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION, b"x", fin=False),
    "utf8-in-the-first-fragment": frame(TEXT, b"\xff", fin=False),
    "utf8-in-the-second-fragment": OPEN_TEXT + frame(CONTINUATION, b"\xff", fin=False),
    "utf8-behind-a-ping": frame(TEXT, b"\xc3", fin=False) + PING_BETWEEN + frame(CONTINUATION, b"\xc3", fin=False),
    "utf8-in-an-unfinished-frame": frame(TEXT, b"\xff" + b"x" * 5000)[:20],
    "utf8-in-an-unfinished-short-frame": frame(TEXT, b"\xff" + b"x" * 100)[:10],
    "utf8-in-an-unfinished-fragment": frame(TEXT, b"\xff" + b"x" * 5000, fin=False)[:20],
    "utf8-in-an-unfinished-second-fragment": OPEN_TEXT + frame(CONTINUATION, b"\xff" + b"x" * 5000)[:20],
    "utf8-in-a-reason": close_with(b"\x03\xe8\xff"),
    "utf8-cut-in-a-reason": close_with(b"\x03\xe8gr\xc3"),
}

COMPRESSED = {
    "garbage": (frame(TEXT, b"\xff" * 20, rsv=RSV1), 1002),
    "garbage-in-binary": (frame(BINARY, b"\xff" * 20, rsv=RSV1), 1002),
    "garbage-in-fragments": (frame(TEXT, b"\xff" * 9, rsv=RSV1, fin=False) + frame(CONTINUATION, b"\xff"), 1002),
    "garbage-in-the-last-fragment": (
        frame(BINARY, deflated(b"x" * 100), rsv=RSV1, fin=False) + frame(CONTINUATION, b"\xff" * 20),
        1002,
    ),
    "stored-block-with-wrong-length": (frame(BINARY, b"\x00\x05\x00\x00\x00hello", rsv=RSV1), 1002),
    "reference-before-the-window": (frame(BINARY, b"\x02\x13\x00\x00", rsv=RSV1), 1002),
    "rsv1-on-a-continuation": (OPEN_TEXT + frame(CONTINUATION, b"x", rsv=RSV1), 1002),
    "rsv1-on-the-next-fragment": (
        frame(TEXT, deflated(b"x"), rsv=RSV1, fin=False) + frame(CONTINUATION, b"x", rsv=RSV1),
        1002,
    ),
    "rsv1-on-a-ping": (frame(PING, b"x", rsv=RSV1), 1002),
    "rsv1-on-a-close": (frame(CLOSE, b"\x03\xe8", rsv=RSV1), 1002),
    "utf8": (frame(TEXT, deflated(b"gr\xff"), rsv=RSV1), 1007),
    "utf8-cut": (frame(TEXT, deflated(b"gr\xc3"), rsv=RSV1), 1007),
    "utf8-unfinished": (frame(TEXT, deflated(b"gr\xff"), rsv=RSV1, fin=False), 1007),
}

PLAIN = {
    **{name: (data, 1002) for name, data in {**FRAMES, **CLOSES}.items()},
    **{name: (data, 1007) for name, data in TEXTS.items()},
}

VIOLATIONS = pytest.mark.parametrize(
    ("data", "code", "headers"),
    [
        *(pytest.param(data, code, [], id=name) for name, (data, code) in PLAIN.items()),
        *(pytest.param(data, code, DEFLATE, id=f"deflate-{name}") for name, (data, code) in COMPRESSED.items()),
    ],
)

NAMES = {1002: "1002 protocol error", 1007: "1007 invalid payload data"}


@LANES
@VIOLATIONS
async def test_o10_violation(
    start: Start, protocol: Any, fast_lane: bool, data: bytes, code: int, headers: Any
) -> None:
    """The app has been given a message, has another before the violation, and answers both."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws) as server:
        async with server.connect() as client:
            call = await opened(app, client, headers=headers)
            await client.send_text("first")
            assert await call.receive() == text_event("first")
            await client.send(frame(TEXT, b"before") + data + frame(TEXT, b"after"))
            assert await call.receive() == text_event("before")
            await eventually(lambda: server.protocol._connection.inbox)
            await call.send("websocket.send", text="answer")
            await call.disconnect(code)
            if PING_BETWEEN in data:
                assert await client.frame() == Frame(PONG, b"")
            await client.expect_text("answer")
            closing = await client.frame()
            assert (closing.opcode, closing.payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
            closing.payload[2:].decode()
            await client.expect_eof()
            await call.finish()
        await server.became_idle()
        line = ending_line(server)
        assert NAMES[code] in line
        assert "by server" in line
        assert not server.logs.tracebacks()


async def test_o10_app_that_waits_is_told_at_once(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"\xff"))
        await call.disconnect(1007)
        assert (await client.frame()).payload[:2] == (1007).to_bytes(2, "big")
        await call.finish()


async def test_o10_app_that_has_not_received_yet_gets_what_came_before(start: Start) -> None:
    """The Close does not wait for an app that may never receive."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(TEXT, b"\xff") + frame(TEXT, b"after"))
        assert (await client.frame()).payload[:2] == (1007).to_bytes(2, "big")
        assert [await call.receive(), await call.receive()] == [text_event("1"), text_event("2")]
        await call.disconnect(1007)
        await call.finish()


@LANES
async def test_o10_violation_behind_a_full_queue_keeps_its_place(start: Start, protocol: Any, fast_lane: bool) -> None:
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, ws_max_queue=2) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(TEXT, b"x") * 7 + frame(TEXT, b"\xff"))
        for _ in range(7):
            assert await call.receive() == text_event("x")
        await call.disconnect(1007)
        assert (await client.frame()).payload[:2] == (1007).to_bytes(2, "big")
        await call.finish()
