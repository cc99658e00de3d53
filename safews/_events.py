"""What the framing tells the connection. A message needs no class of its own: it is its ``str`` or ``bytes``."""

from __future__ import annotations

from typing import NamedTuple

from ._close import Close


class Ping(NamedTuple):
    """A Ping and its payload (RFC 6455 section 5.5.2)."""

    payload: bytes


class Pong(NamedTuple):
    """A Pong and its payload (section 5.5.3)."""

    payload: bytes


class Violation(NamedTuple):
    """The peer broke the protocol or a limit (section 7.1.7).

    ``code`` is the close code that says so; ``detail`` is for the log, made by us from numbers and fixed words.
    """

    code: int
    detail: str


Event = str | bytes | Ping | Pong | Close | Violation
