"""An HTTP answer other than the 101: a refusal, or the app's denial response, streamed part by part.

It always ends the connection, so ``Connection: close`` is ours, and so is the framing of the body (RFC 9112 section 6):
``Content-Length`` where the app gave it or the first part is the last, else chunks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

import h11

from ._headers import Headers, checked, fitting, shown

_content_length = re.compile(rb"[0-9]{1,20}")

_CONNECTION = frozenset((b"connection", b"transfer-encoding"))
_FRAMING = _CONNECTION | {b"content-length"}


def reason_phrase(status: int) -> bytes:
    """Return the registered reason phrase of a status code, empty for a code that has none."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


class Answer:
    """A response with its body, written by the h11 connection that has read the request.

    An app's ``Connection`` and ``Transfer-Encoding`` are ignored, as ASGI wants of the latter. A 204 and a 304 have no
    body, whatever the app sends, and a 204 no ``Content-Length`` (RFC 9110 section 8.6).

    Raises what ``checked`` raises, and ``ValueError`` for a status that is not from 200 to 599 and a
    ``Content-Length`` that is not one number. The h11 connection is as it was then.
    """

    __slots__ = ("_bodiless", "_conn", "_declared", "_headers", "_sent", "_status")

    def __init__(
        self,
        conn: h11.Connection,
        status: int,
        headers: Iterable[tuple[bytes, bytes]],
        default_headers: Iterable[tuple[bytes, bytes]],
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"'status' of websocket.http.response.start must be from 200 to 599, not {status}")
        dropped = _FRAMING if status == 204 else _CONNECTION
        own = [(name, value) for name, value in checked(headers) if name.lower() not in dropped]
        self._conn = conn
        self._status = status
        self._bodiless = status in (204, 304)
        declared = _declared_length(own)
        self._declared = None if self._bodiless else declared
        self._sent = 0
        self._headers = fitting(default_headers, _FRAMING) + own

    def body(self, part: bytes, more: bool) -> bytes:
        """Return the bytes for one part of the body; those of the head come before the first.

        Raises ``ValueError`` where the body is longer than its ``Content-Length``, or ends before it: nothing of this
        part is sent, and the answer can go on or be cut.
        """
        data = b"" if self._bodiless else part
        sent = self._sent + len(data)
        if self._declared is not None and (sent > self._declared or (sent < self._declared and not more)):
            raise ValueError(f"body of {sent} bytes, but Content-Length is {self._declared}")
        self._sent = sent
        output = [self._head(None if more else len(data)), self._conn.send(h11.Data(data=data))]
        if not more:
            output.append(self._conn.send(h11.EndOfMessage()))
        return b"".join(output)

    def cut(self) -> bytes:
        """Return what is still to be sent where no further part will come: the head if it is still here.

        The body gets no end that it does not have: a peer can tell from ``Content-Length`` or the missing last chunk.
        """
        return self._head(None)

    def _head(self, length: int | None) -> bytes:
        """Return the head, once; ``length`` is that of the whole body where it is known."""
        if self._conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return b""
        headers = list(self._headers)
        # Without any framing header h11 adds "Transfer-Encoding: chunked".
        if length is not None and self._declared is None and not self._bodiless:
            headers.append((b"Content-Length", b"%d" % length))
        # "Upgrade", as a 426 has it, must be named in Connection (RFC 9110 section 7.8).
        upgrade = any(name.lower() == b"upgrade" for name, _ in headers)
        headers.append((b"Connection", b"close, Upgrade" if upgrade else b"close"))
        reason = reason_phrase(self._status)
        return self._conn.send(h11.Response(status_code=self._status, headers=headers, reason=reason))


def _declared_length(headers: Headers) -> int | None:
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if not lengths:
        return None
    if len(lengths) > 1 or not _content_length.fullmatch(lengths[0]):
        raise ValueError(f"Content-Length {shown(lengths)} is not one number")
    return int(lengths[0])
