from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib.util
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click.testing
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

import safews
from safews import demo
from safews.demo import __main__ as command
from tests.harness import Server, serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLAYWRIGHT = importlib.util.find_spec("playwright")
if PLAYWRIGHT is not None:
    from playwright.sync_api import expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = pytest.mark.parametrize("width", [320, 390, 1200])


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    async with serve(demo.app, ws=safews.Protocol, lifespan="on") as server:
        yield server


def connecting(server: Server, path: str = "/echo") -> connect:
    """A client; one that is given a socket asks no proxy."""
    assert isinstance(server.address, tuple)
    return connect(f"ws://localhost{path}", sock=socket.create_connection(server.address))


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a process of its own, on a free port; yields it and its address as it prints it."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", "safews.demo", "--port", "0"]
    with subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
            yield process, found[0]
        finally:
            process.kill()


async def respond(server: Server, method: str = "GET", path: str = "/") -> tuple[int, dict[str, str], bytes]:
    """Request something; returns status, headers (names in lower case) and body."""
    async with server.connect() as client:
        await client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


class TestEcho:
    @pytest.mark.parametrize("message", ["hello", "", "grüße \N{ROCKET}", b"\x00\xff", b""])
    async def test_a_message_comes_back_as_it_went(self, message: str | bytes) -> None:
        async with served() as server, connecting(server) as client:
            await client.send(message)
            assert await client.recv() == message

    async def test_the_clients_close_is_answered(self) -> None:
        async with served() as server, connecting(server) as client:
            await client.close(4001, "enough")
            assert (client.protocol.close_code, client.protocol.close_reason) == (4001, "enough")

    async def test_a_shutdown_closes_with_1012(self) -> None:
        async with served() as server, connecting(server) as client:
            shutdown = asyncio.create_task(server.shutdown())
            with pytest.raises(ConnectionClosedError):
                await client.recv()
            assert client.protocol.close_code == 1012
            await shutdown

    async def test_any_other_path_is_refused(self) -> None:
        async with served() as server:
            with pytest.raises(InvalidStatus) as caught:
                await connecting(server, "/other")
        assert caught.value.response.status_code == 403


class TestPage:
    async def test_it_is_served_at_the_root(self) -> None:
        async with served() as server:
            status, headers, body = await respond(server)
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert body.startswith(b"<!doctype html>")

    async def test_the_policy_allows_its_script_and_style_and_no_other(self) -> None:
        async with served() as server:
            _, headers, body = await respond(server)
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        for element in (b"style", b"script"):
            (content,) = re.findall(rb"<%b>(.*?)</%b>" % (element, element), body, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            assert f"{element.decode()}-src 'sha256-{digest}'" in policy

    async def test_it_loads_nothing_else(self) -> None:
        async with served() as server:
            _, _, body = await respond(server)
        assert all(value.startswith(b"data:") for value in re.findall(rb'(?:src|href)="([^"]*)"', body))
        assert b"@import" not in body

    async def test_its_socket_is_the_echo(self) -> None:
        async with served() as server:
            _, _, body = await respond(server)
        assert b"${location.host}/echo`" in body

    async def test_head_has_no_body(self) -> None:
        async with served() as server:
            status, headers, body = await respond(server, "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 1000

    async def test_another_method_is_refused(self) -> None:
        async with served() as server:
            status, headers, _ = await respond(server, "POST")
        assert (status, headers["allow"]) == (405, "GET, HEAD")

    async def test_another_path_is_not_found(self) -> None:
        async with served() as server:
            status, _, body = await respond(server, path="/nothing")
        assert status == 404
        assert b"The page is at /" in body


class TestCommand:
    @pytest.fixture
    def runs(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = []
        monkeypatch.setattr(uvicorn, "run", lambda app, **settings: runs.append({"app": app, **settings}))
        return runs

    def test_the_defaults(self, runs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["safews.demo"])
        monkeypatch.delitem(sys.modules, "safews.demo.__main__")
        with pytest.raises(SystemExit) as caught:
            runpy.run_module("safews.demo", run_name="__main__")
        assert caught.value.code == 0
        assert runs == [
            {"app": demo.app, "host": "127.0.0.1", "port": 8000, "ws": safews.Protocol, "log_level": "info"},
        ]

    def test_host_and_port(self, runs: list[dict[str, Any]]) -> None:
        result = click.testing.CliRunner().invoke(command.main, ["--host", "::1", "--port", "8001"])
        assert result.exit_code == 0
        assert [(run["host"], run["port"]) for run in runs] == [("::1", 8001)]

    def test_a_port_out_of_range_is_refused(self, runs: list[dict[str, Any]]) -> None:
        result = click.testing.CliRunner().invoke(command.main, ["--port", "65536"])
        assert result.exit_code == 2
        assert "--port" in result.output
        assert runs == []

    def test_it_prints_its_address_and_ends_on_a_signal(self) -> None:
        with running() as (process, address):
            assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", address)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0


@pytest.fixture
def page(width: int) -> Iterator[Page]:
    """The demo's page in a browser window of that width, in pixels; the browser must not complain of anything."""
    with running() as (_, address), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": width, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        yield page
        browser.close()
        assert complaints == []


def connected(page: Page) -> None:
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("open")


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM} (Debian's package chromium)")
@pytest.mark.skipif(PLAYWRIGHT is None, reason="the package playwright is not installed")
class TestBrowser:
    @WIDTHS
    def test_text_and_binary_come_back(self, page: Page) -> None:
        connected(page)
        page.get_by_label("Message", exact=True).fill("grüße <b>")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("li.received span")).to_have_text("grüße <b>")
        page.get_by_label("Binary").check()
        page.get_by_label("Bytes", exact=True).fill("00ff 7f")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("li.received span").last).to_have_text("00 ff 7f")
        expect(page.locator("li.received small").last).to_contain_text("binary, 3 bytes")

    @WIDTHS
    def test_nothing_is_wider_than_the_window(self, page: Page, width: int) -> None:
        connected(page)
        page.get_by_label("Message", exact=True).fill("x" * 1000)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("li.received")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    @pytest.mark.parametrize("width", [1200])
    def test_enter_sends(self, page: Page) -> None:
        connected(page)
        page.get_by_label("Message", exact=True).press("Enter")
        expect(page.locator("li.received span")).to_have_text("Hello, WebSocket!")

    @pytest.mark.parametrize("width", [1200])
    def test_close_and_reconnect(self, page: Page) -> None:
        connected(page)
        page.get_by_label("Code").fill("4001")
        page.get_by_label("Reason").fill("done for today")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("status")).to_have_text("closed 4001")
        expect(page.locator("li").last).to_contain_text("4001 private use, reason: done for today")
        page.get_by_role("button", name="Reconnect").click()
        expect(page.get_by_role("status")).to_have_text("open")

    @pytest.mark.parametrize("width", [1200])
    @pytest.mark.parametrize(("code", "reason"), [("1005", ""), ("1000", "x" * 124)])
    def test_a_close_that_a_browser_may_not_send_is_refused(self, page: Page, code: str, reason: str) -> None:
        connected(page)
        page.get_by_label("Code").fill(code)
        page.get_by_label("Reason").fill(reason)
        page.get_by_role("button", name="Close").click()
        expect(page.locator("#close-problem")).not_to_be_empty()
        expect(page.get_by_role("status")).to_have_text("open")

    @pytest.mark.parametrize("width", [1200])
    def test_what_is_not_hex_is_not_sent(self, page: Page) -> None:
        connected(page)
        page.get_by_label("Binary").check()
        page.get_by_label("Bytes", exact=True).fill("0")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#send-problem")).to_contain_text("Not hex")
        expect(page.locator("li.sent")).to_have_count(0)
