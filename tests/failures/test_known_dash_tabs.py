"""Dash 4.2.0rc1 in a browser whose tabs are closed while a callback reports its progress: plotly's Dash, issue 3790.

It has no twin with uvicorn's own: whether a tab's end makes tracebacks there is a race, about one time in a hundred at
this pace. ``test_known_dash.py`` sends what a browser sends, and makes them certain.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import chromium, missing
from tests.failures.dash_clients import FAILED, INSTALLED, PATH, PRINTED, UNAWAITED, dash
from tests.failures.server import ServerProcess
from tests.installed import DEADLINE

MISSING = missing()
if MISSING is None:
    from playwright.sync_api import expect

pytestmark = [INSTALLED, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]

TABS = 3
PAUSE = 0.01


def tabs_open_and_close(server: ServerProcess) -> None:
    """Open tabs one after the other, have each begin a callback, and close it as soon as that has reported."""
    with chromium() as browser:
        for _ in range(TABS):
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.port}")
            page.get_by_role("button", name="Start").click()
            expect(page.locator("#progress")).to_contain_text("step", timeout=DEADLINE * 1000)
            page.close()
    server.expect(rf'"WebSocket {PATH}" \[accepted\]$', TABS)
    server.expect(r'"(GET|POST) /\S* HTTP/1\.1" \d+', least=TABS)


def test_at_most_a_line_for_a_tab(tmp_path: Path, ours: str) -> None:
    with dash(tmp_path, ours, "asyncio", pause=PAUSE) as server:
        tabs_open_and_close(server)
        server.expect(rf'"WebSocket {PATH}" \[closed\] ', TABS)
        server.expect(FAILED, most=TABS)
        server.expect(UNAWAITED, least=0)
        server.expect(PRINTED, least=0)


def test_nothing_with_drop(tmp_path: Path, ours: str) -> None:
    with dash(tmp_path, ours, "asyncio", pause=PAUSE, after_disconnect="drop") as server:
        tabs_open_and_close(server)
        server.expect(rf'"WebSocket {PATH}" \[closed\] ', TABS)
