"""A browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.browser import chromium, missing
from tests.harness import DEADLINE, Server

from .base import Can, Driver, Rejected, Session, url
from .javascript import FOLDER, JavaScriptSession, Remote

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

ORIGIN = "http://localhost"
"""Where the page says that it comes from."""


class Window(Remote):
    """A browser with one page, started for the first command. Playwright's blocking objects belong to one thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._resources = ExitStack()
        self._page: Page | None = None
        self._complaints: list[str] = []

    async def call(self, command: str, *values: Any) -> Any:
        calling = "([command, ...values]) => call(command, ...values)"
        return await self._run(lambda page: page.evaluate(calling, [command, *values]))

    async def reload(self) -> None:
        """Leave the page, and load it again."""
        await self._run(lambda page: page.reload())

    async def complaint(self) -> str:
        """What was written last to the console, which alone says why a connection failed."""
        return await self._run(self._complaint)

    def end(self) -> None:
        """End the browser."""
        self._thread.submit(self._resources.close).result()
        self._thread.shutdown()

    async def _run(self, action: Callable[[Page], Any]) -> Any:
        def with_page() -> Any:
            page = self._page = self._page or self._opened()
            return action(page)

        return await asyncio.get_running_loop().run_in_executor(self._thread, with_page)

    def _opened(self) -> Page:
        browser = self._resources.enter_context(chromium())
        page = browser.new_page(ignore_https_errors=True, permissions=["local-network-access"])
        page.on("console", lambda message: self._complaints.append(message.text))
        page.route("**/*", serve)
        page.goto(f"{ORIGIN}/page.html")
        return page

    def _complaint(self, page: Page) -> str:
        if not self._complaints:
            page.wait_for_event("console", timeout=DEADLINE * 1000)
        return self._complaints.pop()


def serve(route: Route) -> None:
    """Answer a request of the page from the disk."""
    route.fulfill(path=FOLDER / route.request.url.rpartition("/")[2])


class Chromium(Driver):
    """A browser."""

    name = "chromium"
    can = frozenset(
        {Can.DEFLATE, Can.DEFLATE_SENDS, Can.LEAVE, Can.SEND_BARE_CLOSE, Can.SHOW_ECHO_REASON, Can.SHOW_STATUS}
    )
    loops = ("uvloop",)

    def __init__(self) -> None:
        self.window = Window()

    def missing(self) -> str | None:
        return missing()

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        session = JavaScriptSession(self.window)
        try:
            await session.open(url(server), subprotocols)
        except Rejected:
            complaint = await self.window.complaint()
            status = re.search(r"Unexpected response code: (\d+)", complaint)
            raise Rejected(int(status[1]) if status else None) from None
        yield session

    def end(self) -> None:
        self.window.end()
