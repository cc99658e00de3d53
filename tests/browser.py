"""The browser that tests drive: Chromium, by Playwright."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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


def missing() -> str | None:
    """Say what there is not, if anything."""
    if importlib.util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None if CHROMIUM.exists() else f"there is no {CHROMIUM} (Debian's package chromium)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser. Playwright's blocking objects belong to the thread that has made them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()
