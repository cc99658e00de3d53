"""Close codes and close frames: RFC 6455 sections 5.5.1, 7.1.5, 7.1.6 and 7.4."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

NO_STATUS = 1005
"""The peer's Close had no code (section 7.1.5). Never on the wire."""

ABNORMAL = 1006
"""The connection ended without a Close (section 7.1.5). Never on the wire."""

# https://www.iana.org/assignments/websocket/websocket.xhtml
CODE_NAMES = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    NO_STATUS: "no status received",
    ABNORMAL: "abnormal closure",
    1007: "invalid payload data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
}

MAX_REASON = 123
"""The longest reason, in bytes of UTF-8: a control frame carries 125 bytes, the code takes two (section 5.5)."""


class ClosedBy(Enum):
    """Who ended a connection."""

    # As State has it.
    __hash__ = object.__hash__

    PEER = "peer"
    """The client has sent a Close."""
    APP = "app"
    """The app has closed, returned or raised."""
    SERVER = "server"
    """safews: on a shutdown, for a violation, by a timeout."""
    NETWORK = "network"
    """TCP has ended without a Close."""


class CloseRecord(NamedTuple):
    """How a connection ended. There is none until that is known, and the first one stays."""

    code: int
    """The close code (RFC 6455 section 7.1.5): 1005 where the Close had none, 1006 where there was no Close."""
    reason: str
    """The reason (section 7.1.6), as it came."""
    by: ClosedBy
    """Who ended the connection."""
    clean: bool
    """Whether a Close went both ways (section 7.1.4)."""
    detail: str = ""
    """What else is known, for the log alone: which violation, which timeout, which error of the network."""


class Close(NamedTuple):
    """A Close as received: ``code`` is ``None`` where the frame was empty."""

    code: int | None
    reason: str


class InvalidClose(ValueError):
    """The payload of a received Close breaks the protocol; ``code`` is the close code that says so."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def code_name(code: int) -> str:
    """Return the registered name of a close code, or the name of its range (section 7.4.2)."""
    if 3000 <= code <= 3999:
        return "registered"
    if 4000 <= code <= 4999:
        return "private use"
    return CODE_NAMES.get(code, "unknown")


def may_be_sent(code: int) -> bool:
    """Say whether a close code may stand in a Close frame (section 7.4)."""
    return 3000 <= code <= 4999 or (code in CODE_NAMES and code not in (NO_STATUS, ABNORMAL))


def parse_close(payload: bytes) -> Close:
    """Read the payload of a Close frame (section 5.5.1).

    Raises ``InvalidClose`` for a payload of one byte, a code that may not be sent, and a reason that is not UTF-8.
    """
    if not payload:
        return Close(None, "")
    if len(payload) == 1:
        raise InvalidClose(1002, "close frame with a payload of one byte")
    code = int.from_bytes(payload[:2], "big")
    if not may_be_sent(code):
        raise InvalidClose(1002, f"close frame with code {code}")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise InvalidClose(1007, "close frame with a reason that is not UTF-8") from None


def close_payload(code: int | None, reason: str) -> bytes:
    """Build the payload of a Close frame; ``None`` stands for no code, as ``parse_close`` has it."""
    if code is None:
        return b""
    return code.to_bytes(2, "big") + reason.encode()
