"""The demo's cases and its live view; ``test_demo_*.py`` have the rest of it."""

from __future__ import annotations

import asyncio

import pytest

from safews import _protocol, _statistics
from safews._statistics import Ledger
from safews.demo import _cases, _feed
from tests.demo_serving import following, served, viewed
from tests.harness import BINARY, TEXT, Client, Server, eventually, turns


async def ended(client: Client, code: int, reason: str = "") -> None:
    """Take part in a close that the server has begun."""
    await client.expect_close(code, reason)
    await client.send_close(code, reason)
    await client.expect_eof()


def is_held_back(server: Server) -> bool:
    """Say whether a connection has more output than its socket takes."""
    return any(protocol.transport.get_write_buffer_size() for protocol in server.state.connections)


class TestEcho:
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    @pytest.mark.parametrize("message", ["hello", "", "grüße \N{ROCKET}"])
    async def test_a_message_comes_back_as_it_went(self, opcode: int, message: str) -> None:
        async with served() as server, server.open(b"/echo") as client:
            await client.send_frame(opcode, message.encode())
            received = await client.frame()
            assert (received.opcode, received.payload) == (opcode, message.encode())

    async def test_the_live_view_counts_it(self) -> None:
        async with viewed() as (server, view), server.open(b"/echo?a=1") as client:
            await client.send_text("grüße")
            await client.expect_text("grüße")
            await view.until(lambda: view.totals.get("messages_out"))
            seen = view.connections["/echo?a=1"]
            assert (seen["messages_in"], seen["bytes_in"]) == (1, 7)
            assert (seen["messages_out"], seen["bytes_out"]) == (1, 7)
            assert (seen["state"], seen["end"]) == ("open", None)
            assert seen["client"] == "{}:{}".format(*client.wire.socket.getsockname())

    async def test_the_live_view_has_the_clients_close(self) -> None:
        async with viewed() as (server, view), server.open(b"/echo") as client:
            await client.send_bytes(b"12345")
            await client.frame()
            await client.send_close(4001, "enough")
            await client.expect_close(4001, "enough")
            end = (await view.state("/echo", "closed"))["end"]
            assert (end["code"], end["name"], end["reason"]) == (4001, "private use", "enough")
            assert (end["by"], end["clean"], end["detail"], end["ping"]) == ("peer", True, "", None)
            assert (end["messages_in"], end["messages_out"]) == (1, 1)
            assert (end["bytes_in"], end["bytes_out"]) == (11 + 14, 7 + 10)
            assert end["seconds"] >= 0


class TestRefusals:
    @pytest.mark.parametrize("path", ["/refuse", "/nothing"])
    async def test_a_refusal_and_a_path_that_there_is_not(self, path: str) -> None:
        async with viewed() as (server, view):
            assert (await server.get(path.encode())).status == 403
            assert (await view.state(path, "refused"))["status"] == 403
            assert view.totals["refused"] == 1

    async def test_a_response_of_its_own(self) -> None:
        async with viewed() as (server, view):
            response = await server.get(b"/deny")
            assert (response.status, response.one(b"retry-after")) == (429, b"60")
            assert response.body == b"Too many of you. Try again in a minute.\n"
            assert (await view.state("/deny", "refused"))["status"] == 429

    async def test_a_crash_before_accepting(self) -> None:
        async with viewed(errors=1) as (server, view):
            assert (await server.get(b"/crash-early")).status == 500
            seen = await view.state("/crash-early", "refused")
            assert (seen["status"], seen["error"]) == (500, "RuntimeError: crashed on purpose, before accepting")
            await view.until(lambda: view.lines[-1]["level"] == "error")
            assert view.lines[-1]["text"] == "Exception in ASGI application"
            assert view.lines[-1]["trace"].endswith("RuntimeError: crashed on purpose, before accepting\n")


class TestSlow:
    async def test_it_accepts_in_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_cases, "SLOW_SECONDS", 0.01)
        async with served() as server, server.open(b"/slow") as client:
            await client.send_text("hello")
            await client.expect_text("hello")

    async def test_a_client_that_leaves_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_cases, "SLOW_SECONDS", 3600)
        async with viewed() as (server, view):
            async with server.connect() as client:
                await client.request(b"/slow")
                await view.state("/slow", "connecting")
            assert (await view.state("/slow", "gone"))["status"] is None


class TestEndings:
    async def test_a_crash(self) -> None:
        async with viewed(errors=1) as (server, view), server.open(b"/crash") as client:
            await client.send_text("now")
            await client.expect_close(1011)
            assert (await view.state("/crash", "closing"))["error"] == "RuntimeError: crashed on purpose, while open"
            await client.send_close(1011)
            assert (await view.state("/crash", "closed"))["end"]["by"] == "app"

    async def test_a_code_and_a_reason(self) -> None:
        path = "/close?code=4001&reason=so%20long"
        async with viewed() as (server, view), server.open(path.encode()) as client:
            await ended(client, 4001, "so long")
            end = (await view.state(path, "closed"))["end"]
            assert (end["code"], end["reason"], end["by"]) == (4001, "so long", "app")

    async def test_a_code_that_may_not_be_sent(self) -> None:
        async with viewed(errors=1) as (server, view), server.open(b"/close?code=1005") as client:
            await ended(client, 1011)
            seen = await view.state("/close?code=1005", "closed")
            assert "ValueError: 'code' of websocket.close cannot be 1005" in seen["error"]

    async def test_a_return(self) -> None:
        async with served() as server, server.open(b"/leave") as client:
            await ended(client, 1000)

    async def test_a_flood_waits_for_the_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_cases, "FLOOD_MESSAGES", 40)
        async with viewed(send_buffer=65536) as (server, view), server.connect(receive_buffer=65536) as client:
            await client.open(b"/flood")
            await eventually(lambda: is_held_back(server))
            assert (await view.state("/flood", "open"))["messages_out"] < 40
            for number in range(40):
                received = await client.frame()
                assert (received.opcode, received.payload[:4]) == (BINARY, number.to_bytes(4, "big"))
                assert len(received.payload) == _cases.FLOOD_SIZE
            await ended(client, 1000, "that was all")
            seen = await view.state("/flood", "closed")
            assert (seen["messages_out"], seen["bytes_out"]) == (40, 40 * _cases.FLOOD_SIZE)
            assert seen["waited"] > 0

    async def test_a_line_that_is_cut(self) -> None:
        async with viewed() as (server, view), server.open(b"/cut?n=1") as client:
            await ended(client, 1000)
            end = (await view.state("/echo?n=1", "closed"))["end"]
            assert (end["code"], end["by"], end["clean"]) == (1006, "network", False)


class TestLiveView:
    async def test_it_begins_with_everything(self) -> None:
        async with served() as server:
            await server.get(b"/refuse")
            async with following(server) as view:
                await view.hear()
                assert [*view.connections] == ["/refuse"]
                assert [line["text"] for line in view.lines if '"WebSocket /refuse" 403' in line["text"]]

    async def test_it_says_at_once_that_there_is_nothing_yet(self) -> None:
        async with served(log_level="warning") as server, following(server) as view:
            assert await view.hear() == {"totals": {}, "connections": [], "log": []}

    async def test_then_it_tells_what_is_new(self) -> None:
        async with viewed() as (server, view):
            await server.get(b"/refuse")
            await view.state("/refuse", "refused")
            await server.get(b"/deny")
            news = await view.hear()
            while "/deny" not in view.connections:
                news = await view.hear()
            assert [seen["path"] for seen in news["connections"]] == ["/deny"]
            versions = [line["version"] for line in view.lines]
            assert versions == sorted({*versions})

    async def test_it_says_nothing_where_nothing_is_new(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_feed, "INTERVAL", 0)
        monkeypatch.setattr(_feed, "STATS_INTERVAL", 3600)
        async with served(log_level="warning") as server, following(server) as view:
            await view.hear()
            await turns(50)
            assert view.client.pending() == b""

    async def test_it_has_the_statistics_of_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_statistics, "LEDGER", ledger := Ledger())
        monkeypatch.setattr(_protocol, "LEDGER", ledger)
        monkeypatch.setattr(_feed, "STATS_INTERVAL", 0)
        ledger.answered(0.25)
        async with viewed() as (server, view), server.open(b"/echo") as client:
            await client.send_text("hello")
            await client.expect_text("hello")
            await server.get(b"/refuse")
            await client.send_close(4001)
            await view.state("/echo", "closed")
            while not view.stats.get("closes"):
                await view.hear_stats()
            stats = view.stats
        assert stats["time"] > 0
        assert (stats["connections"]["open"], stats["handshakes"]["denied"]) == (1, 1)
        assert stats["closes"] == [[4001, "peer", 1]]
        assert (stats["messages_in"], stats["dropped"]) == (1, 0)
        assert stats["messages_out"] > 1
        assert stats["bytes_out"] > stats["bytes_in"] > 0
        assert stats["round_trips"] == {"count": 1, "seconds": 0.25}
        assert set(stats["aborts"].values()) == {0}

    async def test_it_does_not_list_itself(self) -> None:
        async with viewed() as (server, view), following(server):
            await view.until(lambda: sum("/live" in line["text"] for line in view.lines) == 2)
            assert view.connections == {}

    async def test_what_a_client_sends_is_ignored(self) -> None:
        async with viewed() as (server, view):
            await view.client.send_text("?")
            await server.get(b"/refuse")
            await view.state("/refuse", "refused")

    async def test_a_shutdown_ends_it(self) -> None:
        async with viewed() as (server, view):
            await view.until(lambda: view.lines)
            shutdown = asyncio.create_task(server.shutdown())
            await ended(view.client, 1012)
            await shutdown

    async def test_a_client_that_vanishes_leaves_nothing(self) -> None:
        async with viewed() as (server, view):
            view.client.reset()
            await server.became_idle()
