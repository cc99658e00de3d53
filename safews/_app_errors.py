"""Telling an app's failure from an app that merely found its client gone."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Set

from uvicorn.protocols.utils import ClientDisconnected as UvicornClientDisconnected


class ClientDisconnected(UvicornClientDisconnected):
    """Raised out of ``send()`` and ``receive()`` when the client is gone: an ``OSError``, as ASGI 2.4 has it.

    ``code`` and ``reason`` are those of the close (RFC 6455 section 7.1.5), 1006 and empty where there was none. The
    text names the state of the connection.
    """

    def __init__(self, text: str = "", code: int = 1006, reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.reason = reason


def is_disconnect(exc: BaseException, seen: Set[int] = frozenset()) -> bool:
    """Say whether an app raised because its client was gone.

    That is ``ClientDisconnected`` itself, what was raised from one, Starlette's ``WebSocketDisconnect`` that was raised
    while one was handled, and a group in which every exception is such. Frameworks are known by name, not imported.
    ``seen`` holds the ``id`` of each exception on the way here: ``raise exc from exc`` makes a circle of causes.
    """
    seen = set(seen)
    while id(exc) not in seen:
        seen.add(id(exc))
        if isinstance(exc, UvicornClientDisconnected):
            return True
        if _is_a(exc, "BaseExceptionGroup"):
            leaves: Iterable[BaseException] = getattr(exc, "exceptions", ())
            return all(is_disconnect(leaf, seen) for leaf in leaves)
        if exc.__cause__ is None:
            return _is_a(exc, "WebSocketDisconnect") and isinstance(exc.__context__, UvicornClientDisconnected)
        exc = exc.__cause__
    return False


def _is_a(exc: BaseException, name: str) -> bool:
    return any(cls.__name__ == name for cls in type(exc).__mro__)


def origin(exc: BaseException) -> str:
    """Return where an exception was raised, as ``file:line``."""
    frames = traceback.extract_tb(exc.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
