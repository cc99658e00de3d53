"""The browser that tests drive: Chromium, by Playwright."""

from __future__ import annotations

import importlib.util
from pathlib import Path

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
