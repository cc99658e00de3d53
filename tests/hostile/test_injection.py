"""What a peer or an app would smuggle into a response head or a log line: line breaks, NUL, escape sequences."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_c import wait_for_end
from tests.harness import ACCEPT, App, Call, Server, Start, close_frame
from tests.hostile.attacks import ATTACKS, PLACES, SNEAKED
from tests.hostile.helpers import echoes, under_attack

pytestmark = pytest.mark.every_http


def check_lines(server: Server) -> None:
    """Every line that was logged is one line of printable ASCII."""
    for record in server.logs.records:
        line = record.getMessage()
        assert line.isascii(), line
        assert line.isprintable(), line


def check_head(data: bytes) -> None:
    """The head of a response is lines of printable ASCII, none of them sneaked in."""
    head = data.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        assert not line.startswith(SNEAKED)
        assert line.isascii(), line
        assert line.decode().isprintable(), line


async def answers(call: Call) -> None:
    """A script: 404 to what an attack has made of the request, if it is no WebSocket's any more."""
    if call.scope["type"] == "websocket":
        await wait_for_end(call)
    else:
        await call.send_event({"type": "http.response.start", "status": 404})
        await call.send_event({"type": "http.response.body"})


@pytest.mark.parametrize("place", PLACES)
async def test_request(start: Start, protocol: Any, place: str) -> None:
    """It is answered in one way or another, and taken up by nothing."""
    ws = protocol.with_options(allowed_origins=["https://example.org"])
    settings = {"ws": ws, "warnings": None, "proxy_headers": True, "forwarded_allow_ips": "*"}
    async with under_attack(start, answers, **settings) as (server, other):
        for attack in ATTACKS.values():
            async with server.connect() as client:
                await client.send(PLACES[place](attack))
                answer = await client.wire.receive()
                client.half_close()
                answer += await client.rest()
            assert answer.startswith(b"HTTP/1.1 "), attack
            assert SNEAKED not in answer, attack
            check_head(answer)
            await echoes(other)
    check_lines(server)


REASONS = [attack.decode("latin-1")[:60] for attack in ATTACKS.values()]


async def test_reason_of_the_peer(start: Start) -> None:
    """It goes back to whom it came from, in a frame; in the log it is escaped."""
    async with start(App(wait_for_end)) as server:
        for reason in REASONS:
            async with server.open() as client:
                await client.send_close(4000, reason)
                await client.expect_close(4000, reason)
        await server.became_idle()
        check_lines(server)
        lines = server.logs.about("[closed]")
        assert [ascii(reason) in line for reason, line in zip(REASONS, lines, strict=True)] == [True] * len(REASONS)


async def test_reason_of_the_app(start: Start) -> None:
    reasons = iter(REASONS)

    async def closes(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        await call.send_event({"type": "websocket.close", "code": 4000, "reason": next(reasons)})

    async with start(App(closes)) as server:
        for reason in REASONS:
            async with server.open() as client:
                await client.expect_close(4000, reason)
                await client.send(close_frame(4000))
        await server.became_idle()
        check_lines(server)
        assert len(server.logs.about("[closed] 4000")) == len(REASONS)


BREAKING = [attack for attack in ATTACKS.values() if any(byte < 0x20 or byte == 0x7F for byte in attack)]
"""Attacks with a control character; without any, bytes above 127 may stand in the value of a header."""


async def test_what_an_app_hands_back(start: Start) -> None:
    """An app that puts what it was sent into headers and a subprotocol: ``ValueError``, and nothing on the wire."""

    async def hands_back(call: Call) -> None:
        await call.receive_event()
        for attack in BREAKING:
            for message in handing_back(attack):
                with pytest.raises(ValueError, match=r"header|subprotocol"):
                    await call.send_event(message)
        await call.send_event({"type": "websocket.accept"})

    app = App(hands_back)
    async with start(app) as server:
        async with server.connect() as client:
            await client.request()
            response = await client.head()
            assert (response.status, response.one(b"sec-websocket-accept")) == (101, ACCEPT)
            check_head(client.raw)
            await client.send_close(1000)
            await client.rest()
        await server.became_idle()
        assert len(app.calls[0].errors) == 4 * len(BREAKING)
        check_lines(server)


def handing_back(attack: bytes) -> list[dict[str, Any]]:
    """Messages of an app that has been talked into them."""
    return [
        {"type": "websocket.accept", "headers": [(b"x-back", attack)]},
        {"type": "websocket.accept", "headers": [(b"x-" + attack, b"back")]},
        {"type": "websocket.accept", "subprotocol": attack.decode("latin-1")},
        {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x-back", attack)]},
    ]
