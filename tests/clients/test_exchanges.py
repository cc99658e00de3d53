"""What clients and applications do with each other, in words that all clients share."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.clients.drivers.base import Can, Driver, Ending, Rejected
from tests.clients.drivers.chromium import ORIGIN, Chromium
from tests.clients.exchange import Connected
from tests.harness import DEADLINE, App, Call, Server, Start, echo, eventually
from tests.harness.app import Script

DEFLATE = pytest.mark.parametrize("deflate", [True, False], ids=["deflate", "plain"])
"""Whether the server agrees on compression; every client that has it offers it."""

LARGE = random.Random(1).randbytes(2**19).hex()
"""1 MiB that deflates to half of it. What does not deflate would make a frame of more than 1 MiB, too much for some."""

DISTANT = random.Random(2).randbytes(10_000).hex() * 3
"""Repeats itself further back than the default window reaches: who deflates it with a larger one is found out."""

MESSAGES = (
    "",
    b"",
    "hello",
    "grüße, \N{ROCKET} \0",
    bytes(range(256)) * 2,
    "grüße, " * 100,
    b"\0" * 70_000,
    "grüße, \N{ROCKET}" * 40_000,
    LARGE,
    LARGE.encode(),
    DISTANT,
    "after large ones",
)

COMPRESSIBLE = "What is said again and again takes little room. " * 2000

REASON = "grüße \N{ROCKET}"


async def rejection(driver: Driver, server: Server) -> Rejected:
    """How the client says that it was rejected."""
    with pytest.raises(Rejected) as caught:
        async with driver.connect(server, ()):
            pass
    return caught.value


def denial(*parts: bytes) -> Script:
    """A script that answers with 429 and a body in parts."""

    async def deny(call: Call) -> None:
        await call.connect()
        await call.send("websocket.http.response.start", status=429, headers=[(b"Retry-After", b"60")])
        for number, part in enumerate(parts, 1):
            await call.send("websocket.http.response.body", body=part, more_body=number < len(parts))
        await call.disconnect(1006)

    return deny


class TestMessages:
    @DEFLATE
    async def test_text_and_binary_come_back(self, connected: Connected, deflate: bool) -> None:
        async with connected(echo, ws_per_message_deflate=deflate) as exchange:
            for message in MESSAGES:
                await exchange.client.send(message)
                assert await exchange.client.receive() == message
            await exchange.client.close(1000)
            await exchange.record()

    @DEFLATE
    async def test_many_small_ones_without_waiting(self, connected: Connected, deflate: bool) -> None:
        # Every other one is long enough to be compressed.
        messages = [f"{number} " * (1 + number % 2 * 30) for number in range(500)]
        async with connected(echo, ws_per_message_deflate=deflate) as exchange:
            await exchange.client.send(*messages)
            assert [await exchange.client.receive() for _ in messages] == messages
            await exchange.client.close(1000)
            await exchange.record()

    @DEFLATE
    @pytest.mark.needs(Can.FRAGMENT)
    async def test_fragments_are_one_message(self, connected: Connected, deflate: bool) -> None:
        async with connected(echo, ws_per_message_deflate=deflate) as exchange:
            for parts in (["grü", "ße, " * 500, "", "\N{ROCKET}"], [b"\0\xff", b"\1" * 2000, b"end"]):
                await exchange.client.send_fragments(parts)
                assert await exchange.client.receive() == type(parts[0])().join(parts)  # type: ignore[arg-type]
            await exchange.client.close(1000)
            assert vars(await exchange.record())["websocket_messages_in"] == 2

    async def test_over_tls(self, connected: Connected) -> None:
        async with connected(echo, tls=True) as exchange:
            for message in ("hello", COMPRESSIBLE, LARGE):
                await exchange.client.send(message)
                assert await exchange.client.receive() == message
            ending = await exchange.client.close(4001, "bye")
            assert ending.code == 4001
            await exchange.record()
        assert exchange.received[-1] == {"type": "websocket.disconnect", "code": 4001, "reason": "bye"}


class TestHandshake:
    async def test_a_subprotocol_is_agreed_on(self, connected: Connected) -> None:
        async def accept_second(call: Call) -> None:
            await call.accept(subprotocol=call.scope["subprotocols"][1])
            await call.disconnect(1000, "")

        async with connected(accept_second, subprotocols=["chat.v2", "chat.v1"]) as exchange:
            assert exchange.app.calls[0].scope["subprotocols"] == ["chat.v2", "chat.v1"]
            assert exchange.client.subprotocol == "chat.v1"
            await exchange.client.close(1000)
            await exchange.record()

    @pytest.mark.needs(Can.DEFLATE)
    async def test_compression_is_used(self, connected: Connected, driver: Driver) -> None:
        async with connected(echo) as exchange:
            assert exchange.client.extensions.startswith("permessage-deflate")
            for _ in range(2):
                await exchange.client.send(COMPRESSIBLE)
                assert await exchange.client.receive() == COMPRESSIBLE
            await exchange.client.close(1000)
            counted = vars(await exchange.record())
        assert counted["websocket_bytes_out"] < len(COMPRESSIBLE) / 10
        assert (counted["websocket_bytes_in"] < len(COMPRESSIBLE) / 10) is (Can.DEFLATE_SENDS in driver.can)

    async def test_compression_is_not_used_without_the_servers_consent(self, connected: Connected) -> None:
        async with connected(echo, ws_per_message_deflate=False) as exchange:
            assert exchange.client.extensions == ""
            await exchange.client.send(COMPRESSIBLE)
            assert await exchange.client.receive() == COMPRESSIBLE
            await exchange.client.close(1000)
            counted = vars(await exchange.record())
        assert counted["websocket_bytes_out"] > len(COMPRESSIBLE)
        assert counted["websocket_bytes_in"] > len(COMPRESSIBLE)

    async def test_a_rejection_is_a_403(self, driver: Driver, start: Start) -> None:
        async def reject(call: Call) -> None:
            await call.connect()
            await call.send("websocket.close")
            await call.disconnect(1006)

        async with start(App(reject)) as server:
            rejected = await rejection(driver, server)
            await server.became_idle()
            (line,) = server.logs.about('"WebSocket /"')
        assert line.endswith(" 403")
        assert rejected.status == (403 if Can.SHOW_STATUS in driver.can else None)

    async def test_a_denial_has_a_status_and_a_body(self, driver: Driver, start: Start) -> None:
        async with start(App(denial(b"Not now."))) as server:
            rejected = await rejection(driver, server)
            await server.became_idle()
            (line,) = server.logs.about('"WebSocket /"')
        assert line.endswith(" 429")
        assert rejected.status == (429 if Can.SHOW_STATUS in driver.can else None)
        if Can.SHOW_BODY in driver.can:
            assert rejected.body == b"Not now."

    @pytest.mark.needs(Can.SHOW_CHUNKED_BODY)
    async def test_a_denial_has_a_body_in_parts(self, driver: Driver, start: Start) -> None:
        async with start(App(denial(b"Not now, ", b"not yet."))) as server:
            rejected = await rejection(driver, server)
        assert (rejected.status, rejected.body) == (429, b"Not now, not yet.")


class TestPings:
    @pytest.mark.needs(Can.PING)
    async def test_the_clients_is_answered(self, connected: Connected) -> None:
        async with connected(echo) as exchange:
            for payload in (b"first", b"second"):
                await exchange.client.ping(payload)
            await exchange.client.close(1000)
            await exchange.record()

    async def test_the_servers_is_answered(self, connected: Connected) -> None:
        answered = asyncio.Event()

        async def wait(call: Call) -> None:
            await call.accept()
            await answered.wait()
            await call.send("websocket.send", text="answered")
            await call.disconnect(1000, "")

        async with connected(wait, ws_ping_interval=0.02, ws_ping_timeout=DEADLINE) as exchange:
            receiving = asyncio.ensure_future(exchange.client.receive())  # Some clients answer only while they read.
            await eventually(lambda: exchange.server.protocol._keepalive.round_trip is not None)
            answered.set()
            assert await receiving == "answered"
            await exchange.client.close(1000)
            assert vars(await exchange.record())["websocket_round_trip"] is not None


class TestClosing:
    @pytest.mark.parametrize(("code", "reason"), [(4001, REASON), (1000, ""), (1013, "later " * 20)])
    async def test_the_server_closes(self, connected: Connected, code: int, reason: str) -> None:
        async def close(call: Call) -> None:
            await call.accept()
            await call.send("websocket.send", text="last words")
            await call.send("websocket.close", code=code, reason=reason)
            await call.receive()

        async with connected(close) as exchange:
            assert await exchange.client.receive() == "last words"
            assert await exchange.client.closed() == Ending(code, reason)
            record = vars(await exchange.record())
        assert (record["websocket_close_code"], record["websocket_closed_by"]) == (code, "app")
        assert exchange.received == [disconnect(code, reason or None)]

    @pytest.mark.parametrize(("code", "reason"), [(4002, REASON), (1000, ""), (3000, "r" * 123)])
    async def test_the_client_closes(self, connected: Connected, driver: Driver, code: int, reason: str) -> None:
        async with connected(echo) as exchange:
            ending = await exchange.client.close(code, reason)
            record = vars(await exchange.record())
        assert ending == Ending(code, reason if Can.SHOW_ECHO_REASON in driver.can else None)
        assert (record["websocket_close_code"], record["websocket_closed_by"]) == (code, "peer")
        assert exchange.received == [disconnect(code, reason)]

    @pytest.mark.needs(Can.SEND_BARE_CLOSE)
    async def test_the_client_closes_without_a_code(self, connected: Connected) -> None:
        async with connected(echo) as exchange:
            assert (await exchange.client.close()).code == 1005
            await exchange.record()
        assert exchange.received == [disconnect(1005, "")]

    async def test_the_server_shuts_down(self, connected: Connected) -> None:
        async with connected(echo) as exchange:
            await exchange.client.send("hello")
            assert await exchange.client.receive() == "hello"
            shutdown = asyncio.ensure_future(exchange.server.shutdown())
            assert await exchange.client.closed() == Ending(1012, "")
            await shutdown
        assert exchange.server.logs.about("with code 1012") == ["Closing 1 WebSocket connection(s) with code 1012"]
        assert exchange.received[-1]["code"] == 1012


@pytest.mark.needs(Can.LEAVE)
class TestPage:
    async def test_its_origin_is_allowed(self, connected: Connected, protocol: Any) -> None:
        async with connected(echo, ws=protocol.with_options(allowed_origins=[ORIGIN])) as exchange:
            await exchange.client.send("hello")
            assert await exchange.client.receive() == "hello"
            await exchange.client.close()
            await exchange.record()

    async def test_its_origin_is_not_allowed(self, driver: Driver, start: Start, protocol: Any) -> None:
        ws = protocol.with_options(allowed_origins=["https://example.org"])
        async with start(App(), ws=ws, warnings=1) as server:
            assert (await rejection(driver, server)).status == 403
            await server.became_idle()
        assert ORIGIN in server.logs.warnings[0]

    async def test_its_user_leaves(self, connected: Connected, driver: Chromium) -> None:
        async with connected(echo) as exchange:
            await driver.window.reload()
            await exchange.record()
        assert exchange.received == [disconnect(1001, "")]


def disconnect(code: int, reason: str | None) -> dict[str, Any]:
    """The disconnect that the application receives."""
    keys = {"type": "websocket.disconnect", "code": code}
    return keys if reason is None else {**keys, "reason": reason}
