"""What an operator reads: every line that safews writes to uvicorn's ``uvicorn.error`` logger."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.utils import get_path_with_query_string

from ._app_errors import origin
from ._close import CloseRecord, code_name
from ._headers import shown

logger = logging.getLogger("uvicorn.error")


class Totals(NamedTuple):
    """What a connection did: ``seconds`` open, messages and bytes (with framing), the last ping's round trip."""

    seconds: float
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    round_trip: float | None


class Report:
    """The lines about one connection. ``scope`` is the app's, whose client a proxy's headers may have corrected."""

    __slots__ = ("_client", "_path", "_scope", "_target")

    def __init__(self, scope: Any) -> None:
        self._scope = scope
        self._client = scope["client"]
        # The scope is the app's to change; what is a path in a log is made only where there is a line.
        self._target = scope["path"], scope["query_string"]
        self._path = ""

    @property
    def _who(self) -> tuple[str, str]:
        if not self._path:
            path, query_string = self._target
            target: Any = {"path": path, "query_string": query_string}
            self._path = get_path_with_query_string(target)
        client = self._scope.get("client")
        # It may be whatever the app likes by now.
        return _address(client if isinstance(client, tuple) and len(client) == 2 else self._client), self._path

    def refused(self, status: int, detail: str) -> None:
        """The request was answered with an HTTP error without asking the app."""
        logger.warning('%s - "WebSocket %s" %d refused: %s', *self._who, status, detail)

    def accepted(self) -> None:
        """The handshake is done."""
        if logger.isEnabledFor(logging.INFO):
            logger.info('%s - "WebSocket %s" [accepted]', *self._who)

    def rejected(self, status: int) -> None:
        """The app has answered the request with an HTTP status."""
        logger.info('%s - "WebSocket %s" %d', *self._who, status)

    def accept_timeout(self, seconds: float | None, *, answering: bool) -> None:
        """The app has not answered the request in time, or not to the end."""
        if answering:
            logger.warning('%s - "WebSocket %s": the app has not ended its response within %s s', *self._who, seconds)
        else:
            logger.warning('%s - "WebSocket %s" 504: the app has not answered within %s s', *self._who, seconds)

    def not_answered(self) -> None:
        """The app has returned without an answer."""
        logger.error('%s - "WebSocket %s" 500: ASGI callable returned without completing handshake.', *self._who)

    def denial_cut(self) -> None:
        """The app has returned in the middle of its denial response."""
        logger.error('%s - "WebSocket %s": ASGI callable returned without completing its response.', *self._who)

    def failed(self, exc: BaseException) -> None:
        """The app has raised."""
        logger.error("Exception in ASGI application\n", exc_info=exc)

    def failed_after_end(self, exc: BaseException) -> None:
        """The app has raised after its peer was gone: most often a consequence, so one line, and the rest at debug."""
        logger.warning(
            '%s - "WebSocket %s" app failed after the client was gone: %s: %s (%s)',
            *self._who,
            type(exc).__name__,
            shown(str(exc)),
            origin(exc),
        )
        logger.debug("Exception in ASGI application after the client was gone\n", exc_info=exc)

    def cancelled(self) -> None:
        """The app's task has been cancelled."""
        logger.warning('%s - "WebSocket %s" app cancelled', *self._who)

    def wrong_result(self, result: object) -> None:
        """The app has returned something."""
        logger.error("ASGI callable should return None, but returned '%s'.", shown(result))

    def closed(self, record: CloseRecord, totals: Totals, level: int) -> None:
        """The close record: how the connection ended and what it did. The same stands in the log record's fields."""
        if not logger.isEnabledFor(level):
            return
        client, path = self._who
        why = record.reason and f" {shown(record.reason)}"
        why += record.detail and f" ({record.detail})"
        round_trip = "-" if totals.round_trip is None else f"{totals.round_trip * 1000:.1f} ms"
        logger.log(
            level,
            '%s - "WebSocket %s" [closed] %d %s%s by %s, %.1f s open, in %d messages %d bytes, '
            "out %d messages %d bytes, ping %s",
            client,
            path,
            record.code,
            code_name(record.code),
            why,
            record.by.value,
            totals.seconds,
            totals.messages_in,
            totals.bytes_in,
            totals.messages_out,
            totals.bytes_out,
            round_trip,
            extra={
                "websocket_client": client,
                "websocket_path": path,
                "websocket_close_code": record.code,
                "websocket_close_name": code_name(record.code),
                "websocket_close_reason": record.reason,
                "websocket_close_detail": record.detail,
                "websocket_close_clean": record.clean,
                "websocket_closed_by": record.by.value,
                "websocket_seconds": totals.seconds,
                "websocket_messages_in": totals.messages_in,
                "websocket_messages_out": totals.messages_out,
                "websocket_bytes_in": totals.bytes_in,
                "websocket_bytes_out": totals.bytes_out,
                "websocket_round_trip": totals.round_trip,
            },
        )


def _address(client: tuple[object, object] | None) -> str:
    """Return ``host:port``, escaped: a proxy's header may have anything in it."""
    return ascii(f"{client[0]}:{client[1]}")[1:-1] if client else ""


def handshake_failed(client: tuple[str, int] | None, exc: Exception) -> None:
    """Something went wrong in safews itself before the app was called."""
    logger.warning("%s - WebSocket handshake failed: %s: %s", _address(client), type(exc).__name__, shown(str(exc)))
    logger.debug("Exception in the handshake\n", exc_info=exc)


def connection_made(client: tuple[str, int] | None) -> None:
    """An upgrade request's transport has been taken over."""
    if logger.isEnabledFor(TRACE_LOG_LEVEL):
        logger.log(TRACE_LOG_LEVEL, "%sWebSocket connection made", _prefix(client))


def connection_lost(client: tuple[str, int] | None) -> None:
    """The transport is gone."""
    if logger.isEnabledFor(TRACE_LOG_LEVEL):
        logger.log(TRACE_LOG_LEVEL, "%sWebSocket connection lost", _prefix(client))


def _prefix(client: tuple[str, int] | None) -> str:
    return f"{_address(client)} - " if client else ""


def shutting_down(connections: int, code: int) -> None:
    """The server goes down: the one line that stands for all its open connections."""
    logger.info("Closing %d WebSocket connection(s) with code %d", connections, code)
