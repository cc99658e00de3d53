"""For those who switch: what else safews does otherwise than uvicorn's own classes, both sides of it.

Whoever changes one of these facts, or finds that a newer uvicorn has, changes the tables for those who switch too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from tests.contract.helpers_o import opened, text_event
from tests.contract.helpers_stock import SAME, close_of, is_ours, is_sansio, rest_of
from tests.harness import TEXT, App, Start, close_frame, eventually, frame

pytestmark = SAME

LONG = 0.2
"""Seconds after which what has not come is said not to come."""


# What the application sees otherwise


async def test_code_of_a_lost_peer(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        client.close()
        await call.disconnect(1006 if is_ours(protocol) else 1005)
        await call.finish()


async def test_reason_after_a_close_without_one(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close")
        await call.disconnect(1000, None if is_ours(protocol) else "")
        assert await rest_of(client, 1000) == close_of(1000)
        await call.finish()


async def test_close_whose_code_is_none(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close", code=None)
        await client.expect_close(1000 if is_ours(protocol) else None)
        assert await rest_of(client, 1000) == b""
        await call.finish()


async def test_second_close(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.close", code=4000)
        if is_ours(protocol):
            await call.send("websocket.close", code=4001)
        else:
            with pytest.raises(RuntimeError):
                await call.send("websocket.close", code=4001)
        assert await rest_of(client, 4000) == close_of(4000)
        await call.finish()


async def test_close_to_a_lost_peer(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        client.close()
        await eventually(lambda: not server.state.connections)
        if is_ours(protocol):
            await call.send("websocket.close")
        else:
            with pytest.raises(ClientDisconnected):
                await call.send("websocket.close")
        await call.finish()


async def test_receive_after_the_disconnect(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        client.close()
        assert (await call.receive())["type"] == "websocket.disconnect"
        await eventually(lambda: not server.state.connections)
        again = asyncio.ensure_future(call.receive_event())
        await asyncio.wait([again], timeout=LONG)
        if is_ours(protocol):
            assert isinstance(again.exception(), ClientDisconnected)
        else:
            assert not again.done()
            again.cancel()
        await call.finish()


async def test_send_with_text_and_bytes(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        if is_ours(protocol):
            with pytest.raises(ValueError, match="only one"):
                await call.send("websocket.send", text="t", bytes=b"b")
        else:
            await call.send("websocket.send", text="t", bytes=b"b")
            await client.expect_bytes(b"b")
        await call.finish()


async def test_status_of_a_response_that_is_none(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        with pytest.raises(ValueError if is_ours(protocol) else RuntimeError, match="700"):
            await call.send("websocket.http.response.start", status=700, headers=[])
        await call.finish()


async def test_send_between_the_peers_close_and_its_receipt(start: Start, protocol: Any) -> None:
    """A message waits before the Close: the answer to it still goes out, and then that to the Close."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_text("first")
        assert await call.receive() == text_event("first")
        await client.send(frame(TEXT, b"question") + close_frame(4000))
        assert await call.receive() == text_event("question")
        if is_ours(protocol):
            await call.send("websocket.send", text="answer")
            await client.expect_text("answer")
        else:
            with pytest.raises(ClientDisconnected):
                await call.send("websocket.send", text="answer")
        await call.disconnect(4000, "")
        await client.expect_close(4000)
        await call.finish()


# What an operator sees otherwise


async def test_app_that_fails_after_the_peer_was_lost(start: Start, protocol: Any) -> None:
    levels = {"warnings": 1} if is_ours(protocol) else {"errors": 1}
    app = App()
    async with start(app, **levels) as server, server.connect() as client:
        call = await opened(app, client)
        client.close()
        assert (await call.receive())["type"] == "websocket.disconnect"
        await eventually(lambda: not server.state.connections)
        await call.finish(ValueError("secret"))
        assert len(server.logs.tracebacks()) == (0 if is_ours(protocol) else 1)


async def test_line_about_the_end(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_close(1000)
        await call.disconnect(1000, "")
        await client.expect_close(1000)
        await call.finish()
        client.close()
        await eventually(lambda: server.idle)
        assert len(server.logs.about("[closed] 1000")) == is_ours(protocol)
        assert server.logs.about("connection open") == (["connection open"] if is_sansio(protocol) else [])


async def test_limit_concurrency(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app, limit_concurrency=1, warnings=None) as server, server.connect() as client:
        if is_ours(protocol):
            await client.request()
            assert (await client.response()).status == 503
            assert not app.calls
        else:
            await (await opened(app, client)).finish()


async def test_limit_max_requests(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        assert server.state.total_requests == is_ours(protocol)
        await call.finish()


async def test_headers_of_a_refusal(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        await call.send("websocket.close")
        response = await client.response()
        assert response.all(b"server") == ([b"uvicorn"] if is_ours(protocol) else [])
        assert response.reason == (b"" if not is_ours(protocol) and not is_sansio(protocol) else b"Forbidden")
        await call.finish()


@pytest.mark.parametrize(
    ("headers", "omit", "statuses"),
    [
        ([], [b"sec-websocket-key"], (400, 400, 400)),
        ([(b"Sec-WebSocket-Version", b"11")], [b"sec-websocket-version"], (426, 400, 426)),
    ],
    ids=["no key", "another version"],
)
async def test_malformed_request(
    start: Start, protocol: Any, headers: Any, omit: list[bytes], statuses: tuple[int, int, int]
) -> None:
    app = App()
    async with start(app, warnings=int(is_ours(protocol))) as server, server.connect() as client:
        await client.request(headers=headers, omit=omit)
        response = await client.response()
        assert response.status == statuses[0 if is_ours(protocol) else 1 if is_sansio(protocol) else 2]
        assert bool(response.body) is is_sansio(protocol)
        assert not app.calls


async def test_subprotocols_stay_among_the_headers(start: Start, protocol: Any) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client, headers=[(b"Sec-WebSocket-Protocol", b"chat")])
        names = [name for name, _ in call.scope["headers"]]
        assert (b"sec-websocket-protocol" in names) is (is_ours(protocol) or is_sansio(protocol))
        assert call.scope["subprotocols"] == ["chat"]
        await call.finish()
