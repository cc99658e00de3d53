"""Who is let in before the app is asked: a well-formed request, from an origin and in a number that are allowed."""

from __future__ import annotations

import time

from uvicorn.config import Config
from uvicorn.server import ServerState

from ._handshake import Handshake, HandshakeRefused
from ._headers import shown
from ._options import Options
from ._origins import is_listed

RETRY_AFTER = 5
"""Seconds after which a client that was one too many may try again (RFC 9110 section 10.2.3)."""

WARNING_INTERVAL = 10.0
"""Seconds between two warnings that there are too many connections."""


class Census:
    """The WebSockets in this process that have been let in, unanswered ones included: ``members``."""

    __slots__ = ("_quiet_until", "members")

    def __init__(self) -> None:
        self.members: set[object] = set()
        self._quiet_until = 0.0

    def may_warn(self) -> bool:
        """Say whether it is time for another warning that there are too many."""
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + WARNING_INTERVAL
        return True


CENSUS = Census()


def refusal(
    handshake: Handshake, options: Options, config: Config, server_state: ServerState
) -> HandshakeRefused | None:
    """Return why a request is refused, or ``None``. The connection counts as one of ``server_state.connections``."""
    if handshake.refusal is not None:
        return handshake.refusal
    allowed, origin = options.allowed_origins, handshake.origin
    # Only browsers send an Origin, and only browsers can be abused by a foreign page (RFC 6455 section 10.2).
    if allowed is not None and origin is not None and not is_listed(origin, allowed):
        return HandshakeRefused(403, f"origin {shown(origin)} is not allowed")
    most = options.max_connections
    if most is not None and len(CENSUS.members) >= most:
        return _too_many(f"more than {most} connections (max_connections)")
    limit = config.limit_concurrency
    if limit is not None and (len(server_state.connections) >= limit or len(server_state.tasks) >= limit):
        return _too_many(f"{limit} connections or tasks (limit_concurrency)")
    return None


def _too_many(detail: str) -> HandshakeRefused:
    return HandshakeRefused(503, detail, [(b"retry-after", str(RETRY_AFTER).encode())])
