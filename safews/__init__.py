"""safews: a WebSocket protocol for uvicorn.

``uvicorn app:app --ws safews:Protocol`` uses it. Its options are keyword arguments of ``Protocol.with_options`` and
environment variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._options import Options

if TYPE_CHECKING:
    from ._app_errors import ClientDisconnected
    from ._configure import ConfiguredProtocol as Protocol

__all__ = ["ClientDisconnected", "Options", "Protocol", "__version__"]

__version__ = "0.1.0"
"""The version of this package."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # The environment is read when uvicorn looks Protocol up, so importing safews needs neither it nor uvicorn.
        if name == "Protocol":
            from ._configure import class_from_environ

            return class_from_environ("auto")
        if name == "ClientDisconnected":
            from ._app_errors import ClientDisconnected

            return ClientDisconnected
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
