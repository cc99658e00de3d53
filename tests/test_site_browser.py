"""The site in a browser, on a desk's width and on a phone's: what ``make docs`` has built."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium, missing
from tests.code_blocks import DOCS
from tests.installed import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SITE = ROOT / "site"

MISSING = missing() or (None if (SITE / "index.html").exists() else "the site is not built: make docs")
if MISSING is None:
    from playwright.sync_api import expect

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

DESK, PHONE = 1280, 390
WIDTHS = [1920, 1320, DESK, 1000, PHONE]
"""Widths of windows, in pixels: around those at which the theme changes, too."""

PAGES = sorted(page.stem for page in DOCS.glob("*.md"))

LEGIBLE = 9.0
"""The least height of letters, in pixels on the screen."""

TABLES = "tables => tables.map(({ parentElement: frame }) => [frame.clientWidth, getComputedStyle(frame).overflowX])"

SCROLLED = "tables => tables.map(({ parentElement: frame }) => [frame.clientWidth, frame.scrollWidth])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and writes nothing down."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served: its search reads other pages, which a browser allows no page that is a file."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> int:
    """The width of the window, in pixels."""
    return int(request.param)


@pytest.fixture
def page(browser: Browser, width: int) -> Iterator[Page]:
    """A window, of which nothing is complained."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    # A browser asks for it where no page names one.
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def test_no_page_is_wider_than_the_window(page: Page, address: str, width: int) -> None:
    for name in PAGES:
        page.goto(f"{address}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        frames = page.locator("table.docutils").evaluate_all(TABLES)
        assert [overflow for _, overflow in frames] == ["auto"] * len(frames), name
        assert all(frame <= width for frame, _ in frames), name


@pytest.mark.parametrize("width", [PHONE], indirect=True)
def test_a_phone_shows_tables_of_prose_row_by_row(page: Page, address: str) -> None:
    for name in ("behaviour", "migrate", "options"):
        page.goto(f"{address}/{name}.html")
        tables = page.locator("table.prose")
        for frame, contents in tables.evaluate_all(SCROLLED):
            assert contents <= frame, name
        named = tables.first.locator("td[data-column]").first
        assert named.evaluate("cell => getComputedStyle(cell, '::before').content") not in ("none", "")


def test_the_diagram_can_be_read(page: Page, address: str) -> None:
    page.goto(f"{address}/states.html")
    diagram = page.locator("img[src$='states.svg']")
    expect(diagram).to_be_visible()
    box = diagram.bounding_box()
    assert box is not None
    letters = re.findall(r"text \{ font: (\d+)px", (DOCS / "states.svg").read_text(encoding="utf-8"))
    (drawn,) = re.findall(r'viewBox="0 0 (\d+) ', (DOCS / "states.svg").read_text(encoding="utf-8"))
    assert int(letters[0]) * box["width"] / int(drawn) >= LEGIBLE


@pytest.mark.parametrize("width", [DESK], indirect=True)
@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Unexpected ASGI message 'websocket.close', after sending 'websocket.close'", "Known failures"),
        ("cannot be sent during the handshake", "Known failures"),
        ("ASGI callable returned without completing handshake", "Logging"),
        ("write_timeout", "Options"),
    ],
)
def test_the_search_finds_an_error_message(page: Page, address: str, message: str, found: str) -> None:
    page.goto(f"{address}/index.html")
    page.locator("input.sidebar-search").fill(message)
    page.keyboard.press("Enter")
    titles = page.locator("ul.search > li > a")
    expect(titles.filter(has_text=re.compile(f"^{found}")).first).to_be_visible()
