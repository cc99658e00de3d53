"""Open, rows O3 and O4: what the app sends, and what it cannot send."""

from __future__ import annotations

import array
from typing import Any

import pytest

from tests.contract.helpers_o import DEFLATE, opened
from tests.harness import App, Frame, Start, turns

TEXTS = ["", "x", "grüße", "x" * 125, "x" * 126, "ä" * 40_000, "x" * 65535, "x" * 65536, "x" * 300_000]
BINARIES = [b"", b"\0", b"\xff" * 125, b"\xff" * 126, b"\xff" * 65535, b"\xff" * 65536, b"\xff" * 300_000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)}-characters")
async def test_o3_text_is_one_message(start: Start, text: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", text=text)
        await client.expect_text(text)
        await call.send("websocket.send", text=text, bytes=None)
        await client.expect_text(text)
        await call.finish()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("data", BINARIES, ids=lambda data: f"{len(data)}-bytes")
async def test_o3_bytes_are_one_message(start: Start, kind: Any, data: bytes) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", bytes=kind(data))
        await client.expect_bytes(data)
        await call.send("websocket.send", bytes=kind(data), text=None)
        await client.expect_bytes(data)
        await call.finish()


async def test_o3_memoryview_with_a_stride_or_wide_items(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", bytes=memoryview(b"a1b2c3")[::2])
        await client.expect_bytes(b"abc")
        numbers = array.array("H", [1, 2, 3])
        await call.send("websocket.send", bytes=memoryview(numbers))
        await client.expect_bytes(numbers.tobytes())
        await call.finish()


@pytest.mark.parametrize("size", [10, 100_000])
async def test_o3_bytearray_may_change_after_it_was_sent(start: Start, size: int) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        data = bytearray(b"o" * size)
        await call.send("websocket.send", bytes=data)
        data[:] = b"n" * size
        await client.expect_bytes(b"o" * size)
        await call.finish()


async def test_o3_messages_arrive_in_the_order_sent(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        for size in (1, 20_000, 2, 70_000, 3):
            await call.send("websocket.send", bytes=b"b" * size)
            await call.send("websocket.send", text="t" * size)
        for size in (1, 20_000, 2, 70_000, 3):
            await client.expect_bytes(b"b" * size)
            await client.expect_text("t" * size)
        await call.finish()


WRONG = [
    pytest.param({}, ValueError, ("'text'", "'bytes'"), id="neither"),
    pytest.param({"text": None}, ValueError, ("'text'", "'bytes'"), id="text-none"),
    pytest.param({"bytes": None}, ValueError, ("'text'", "'bytes'"), id="bytes-none"),
    pytest.param({"text": None, "bytes": None}, ValueError, ("'text'", "'bytes'"), id="both-none"),
    pytest.param({"text": "t", "bytes": b"b"}, ValueError, ("'text'", "'bytes'"), id="both"),
    pytest.param({"text": "", "bytes": b""}, ValueError, ("'text'", "'bytes'"), id="both-empty"),
    pytest.param({"text": b"t"}, TypeError, ("'text'", "b't'"), id="bytes-as-text"),
    pytest.param({"text": 5}, TypeError, ("'text'", "5"), id="int-as-text"),
    pytest.param({"text": ["t"]}, TypeError, ("'text'",), id="list-as-text"),
    pytest.param({"text": False}, TypeError, ("'text'", "False"), id="false-as-text"),
    pytest.param({"text": b"t", "bytes": None}, TypeError, ("'text'",), id="bytes-as-text-bytes-none"),
    pytest.param({"bytes": "b"}, TypeError, ("'bytes'", "'b'"), id="str-as-bytes"),
    pytest.param({"bytes": 5}, TypeError, ("'bytes'", "5"), id="int-as-bytes"),
    pytest.param({"bytes": 0}, TypeError, ("'bytes'", "0"), id="zero-as-bytes"),
    pytest.param({"bytes": [1]}, TypeError, ("'bytes'",), id="list-as-bytes"),
    pytest.param({"bytes": "b", "text": None}, TypeError, ("'bytes'",), id="str-as-bytes-text-none"),
    pytest.param({"text": "\ud800"}, ValueError, ("'text'",), id="surrogate"),
    pytest.param({"text": "x" * 70_000 + "\udfff"}, ValueError, ("'text'",), id="surrogate-at-the-end"),
]


@pytest.mark.parametrize("headers", [[], DEFLATE], ids=["plain", "compressed"])
@pytest.mark.parametrize(("keys", "error", "named"), WRONG)
async def test_o4_wrong_message_is_refused(
    start: Start, keys: dict[str, object], error: type[Exception], named: tuple[str, ...], headers: Any
) -> None:
    """The wire shows nothing of it, and the connection stays open."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client, headers=headers)
        with pytest.raises(error) as caught:
            await call.send("websocket.send", **keys)
        assert not isinstance(caught.value, UnicodeError)  # Which would be a ValueError that names no key.
        assert all(name in str(caught.value) for name in named), caught.value
        await turns()
        assert client.pending() == b""
        await call.send("websocket.send", text="right")
        assert await client.frame() == Frame(1, b"right")
        await call.finish()


async def test_o4_long_wrong_value_is_not_repeated_at_length(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        for keys in ({"bytes": "x" * 100_000}, {"text": b"x" * 100_000}, {"text": "x" * 100_000, "bytes": b"x"}):
            with pytest.raises((TypeError, ValueError)) as caught:
                await call.send("websocket.send", **keys)
            assert len(str(caught.value)) < 1000
        await call.finish()
