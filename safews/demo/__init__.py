"""A small echo application with a page to try it from a browser: ``python -m safews.demo``."""

from __future__ import annotations

from ._app import app

__all__ = ["app"]
