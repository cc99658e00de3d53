"""``safews.wsproto:Protocol``: safews with the codec that uses the wsproto library."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._configure import ConfiguredProtocol as Protocol

__all__ = ["Protocol"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "Protocol":
            from ._lookup import class_from_environ

            return class_from_environ("wsproto")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
