"""safews: a WebSocket protocol for uvicorn.

``uvicorn app:app --ws safews:Protocol`` uses it. Its options are keyword arguments of ``Protocol.with_options`` and
environment variables.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._options import Options

if TYPE_CHECKING:
    from ._app_errors import ClientDisconnected
    from ._close import ClosedBy, CloseRecord
    from ._configure import ConfiguredProtocol as Protocol
    from ._info import ConnectionInfo
    from ._statistics import RoundTrips, Statistics, stats

__all__ = [
    "ClientDisconnected",
    "CloseRecord",
    "ClosedBy",
    "ConnectionInfo",
    "Options",
    "Protocol",
    "RoundTrips",
    "Statistics",
    "__version__",
    "stats",
]

__version__ = "0.1.0"
"""The version of this package."""

if not TYPE_CHECKING:
    # Importing safews needs neither a library nor the network.
    _HOMES = {
        "ClientDisconnected": "_app_errors",
        "CloseRecord": "_close",
        "ClosedBy": "_close",
        "ConnectionInfo": "_info",
        "RoundTrips": "_statistics",
        "Statistics": "_statistics",
        "stats": "_statistics",
    }

    def __getattr__(name: str) -> object:
        # The environment is read when uvicorn looks Protocol up.
        if name == "Protocol":
            return import_module("._lookup", __name__).class_from_environ("auto")
        if name in _HOMES:
            return getattr(import_module(f".{_HOMES[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
