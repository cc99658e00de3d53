"""A page that shows what safews does, case by case, and what the server sees of it: ``safews demo``."""

from __future__ import annotations

from ._app import Demo

__all__ = ["Demo", "app"]

app = Demo()
"""For ``uvicorn safews.demo:app``, which lets any origin in: the command allows only the page's own."""
