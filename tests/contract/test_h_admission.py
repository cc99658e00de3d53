"""Handshake, rows H11 to H13 and H18's limits: requests that are refused before the application is asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from safews._admission import CENSUS
from tests.harness import UPGRADE, App, Call, Headers, Start, echo, eventually

pytestmark = pytest.mark.every_http


def changed(name: bytes, *values: bytes) -> Headers:
    """The usual headers with other values of one: none, one or several."""
    return [*(header for header in UPGRADE if header[0] != name), *((name, value) for value in values)]


MALFORMED: dict[str, Headers] = {
    "no key": changed(b"Sec-WebSocket-Key"),
    "empty key": changed(b"Sec-WebSocket-Key", b""),
    "short key": changed(b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ"),
    "key of 15 bytes": changed(b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25j"),
    "key that is not base64": changed(b"Sec-WebSocket-Key", b"????????????????????????"),
    "two keys": changed(b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ=="),
    "no version": changed(b"Sec-WebSocket-Version"),
}

USUAL = tuple(name.lower() for name, _ in UPGRADE)


@pytest.mark.parametrize("headers", MALFORMED.values(), ids=MALFORMED)
async def test_h11_malformed_upgrade_is_a_400(start: Start, headers: Headers) -> None:
    app = App(echo)
    async with start(app, warnings=1) as server, server.connect() as client:
        await client.request(headers=headers, omit=USUAL)
        response = await client.response()
        assert (response.status, response.complete) == (400, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
    assert app.calls == []
    assert server.logs.infos == []


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"HEAD", b"OPTIONS"])
async def test_h11_method_other_than_get_is_a_400(start: Start, method: bytes) -> None:
    app = App(echo)
    async with start(app, warnings=1) as server, server.connect() as client:
        await client.request(method=method)
        assert (await client.head()).status == 400
        await client.rest()
    assert app.calls == []


async def test_h11_head_gets_no_body(start: Start) -> None:
    async with start(App(echo), warnings=1) as server, server.connect() as client:
        await client.request(method=b"HEAD")
        await client.rest()
        head, _, body = client.raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert body == b""


@pytest.mark.parametrize("version", [b"8", b"7", b"0", b"14", b"255", b"abc"])
async def test_h11_other_version_is_a_426_that_names_ours(start: Start, version: bytes) -> None:
    app = App(echo)
    async with start(app, warnings=1) as server, server.connect() as client:
        await client.request(headers=changed(b"Sec-WebSocket-Version", version), omit=USUAL)
        response = await client.response()
        assert (response.status, response.reason) == (426, b"Upgrade Required")
        assert response.complete
        assert response.one(b"sec-websocket-version") == b"13"
        await client.expect_eof()
    assert app.calls == []


ORIGINS = ["https://example.org", "http://example.org:8080"]


@pytest.mark.parametrize(
    "origin", [b"https://evil.example", b"http://example.org", b"null", b"https://example.org:444"]
)
async def test_h12_origin_that_is_not_allowed_is_a_403(start: Start, protocol: Any, origin: bytes) -> None:
    app = App(echo)
    ws = protocol.with_options(allowed_origins=ORIGINS)
    async with start(app, ws=ws, warnings=1) as server, server.connect() as client:
        await client.request(headers=[(b"Origin", origin)])
        response = await client.response()
        assert (response.status, response.complete) == (403, True)
        assert response.one(b"connection").lower() == b"close"
        await client.expect_eof()
    assert app.calls == []
    assert origin.decode() in server.logs.warnings[0]


async def test_h12_an_allowed_origin_beside_another_does_not_help(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(allowed_origins=ORIGINS)
    async with start(App(echo), ws=ws, warnings=1) as server:
        origins = [(b"Origin", b"https://example.org"), (b"Origin", b"https://evil.example")]
        assert (await server.get(headers=origins)).status == 403


async def test_h12_line_breaks_of_an_origin_do_not_reach_the_log(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(allowed_origins=ORIGINS)
    async with start(App(echo), ws=ws, warnings=1) as server:
        assert (await server.get(headers=[(b"Origin", b"http://\xe9\x85\x1b")])).status in (400, 403)
    (line,) = server.logs.warnings
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("origin", [b"https://example.org", b"HTTPS://Example.ORG", b"http://example.org:8080"])
async def test_h12_allowed_origin_is_let_in(start: Start, protocol: Any, origin: bytes) -> None:
    ws = protocol.with_options(allowed_origins=ORIGINS)
    async with start(App(echo), ws=ws) as server, server.open(headers=[(b"Origin", origin)]) as client:
        await client.send_text("hello")
        await client.expect_text("hello")


async def test_h12_absent_origin_is_let_in(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(allowed_origins=ORIGINS)
    async with start(App(echo), ws=ws) as server, server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")


async def test_h12_all_origins_are_allowed_by_default(start: Start) -> None:
    async with start(App(echo)) as server, server.open(headers=[(b"Origin", b"https://evil.example")]) as client:
        await client.send_text("hello")
        await client.expect_text("hello")


@pytest.fixture
def may_warn(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget, now and on each call, when the last warning about too many connections was: it is rate-limited."""

    def forget() -> None:
        monkeypatch.setattr(CENSUS, "_quiet_until", 0.0)

    forget()
    return forget


async def test_h13_one_connection_too_many_is_a_503(start: Start, protocol: Any, may_warn: object) -> None:
    app = App(echo)
    ws = protocol.with_options(max_connections=1)
    async with start(app, ws=ws, warnings=1) as server, server.open():
        response = await server.get()
        assert (response.status, response.complete) == (503, True)
        assert int(response.one(b"retry-after")) > 0
        assert response.one(b"connection").lower() == b"close"
        await eventually(lambda: len(server.state.connections) == 1)
    assert len(app.calls) == 1


async def test_h13_unanswered_ones_count(start: Start, protocol: Any, may_warn: object) -> None:
    app = App()
    ws = protocol.with_options(max_connections=1)
    async with start(app, ws=ws, warnings=1) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        assert (await server.get()).status == 503
        await call.accept()
        assert (await client.head()).status == 101
        await call.finish()
    assert len(app.calls) == 1


async def test_h13_all_servers_of_the_process_count(start: Start, protocol: Any, may_warn: object) -> None:
    ws = protocol.with_options(max_connections=1)
    async with start(App(echo), ws=ws, warnings=None) as one, start(App(echo), ws=ws, warnings=1) as two, one.open():
        assert (await two.get()).status == 503


async def test_h13_the_limit_itself_is_let_in(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(max_connections=2)
    async with start(App(echo), ws=ws) as server, server.open(), server.open() as client:
        await client.send_text("hello")
        await client.expect_text("hello")


async def test_h13_there_is_room_again_after_an_end(start: Start, protocol: Any, may_warn: object) -> None:
    ws = protocol.with_options(max_connections=1)
    async with start(App(echo), ws=ws, warnings=1) as server:
        async with server.open():
            assert (await server.get()).status == 503
        await server.became_idle()
        async with server.open() as client:
            await client.send_text("hello")
            await client.expect_text("hello")


async def test_h13_refusals_take_no_room(start: Start, protocol: Any, may_warn: object) -> None:
    """A client that is refused and does not go away keeps nobody else out."""
    ws = protocol.with_options(max_connections=1)
    async with start(App(echo), ws=ws, warnings=1) as server, AsyncExitStack() as clients:
        async with server.open():
            for _ in range(3):
                refused = await clients.enter_async_context(server.connect())
                await refused.request()
                assert (await refused.response()).status == 503
        await eventually(lambda: not server.state.tasks)
        async with server.open() as client:
            await client.send_text("hello")
            await client.expect_text("hello")


async def test_h13_a_burst_of_refusals_is_one_warning(
    start: Start, protocol: Any, may_warn: Callable[[], None]
) -> None:
    ws = protocol.with_options(max_connections=1)
    async with start(App(echo), ws=ws, warnings=2) as server, server.open():
        for _ in range(5):
            assert (await server.get()).status == 503
        assert len(server.logs.warnings) == 1
        may_warn()
        assert (await server.get()).status == 503


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_h18_limit_concurrency_counts_this_connection(start: Start, limit: int, may_warn: object) -> None:
    app = App(echo)
    async with start(app, limit_concurrency=limit, warnings=None) as server, AsyncExitStack() as clients:
        for _ in range(limit - 1):
            await clients.enter_async_context(server.open())
        response = await server.get()
        assert (response.status, response.complete) == (503, True)
        assert len(app.calls) == limit - 1


async def test_h18_limit_concurrency_counts_tasks(start: Start, may_warn: object) -> None:
    async def linger(call: Call) -> object:
        await call.send_event({"type": "websocket.accept"})
        return await call.verdict()

    app = App(linger)
    async with start(app, limit_concurrency=2, warnings=None) as server:
        for _ in range(2):
            async with server.open():
                pass
            await eventually(lambda: not server.state.connections)
        assert len(server.state.tasks) == 2
        assert (await server.get()).status == 503
        assert len(app.calls) == 2
        for call in app.calls:
            await call.finish()
