"""The opening handshake (RFC 6455 section 4.2), the same for both codecs.

uvicorn's HTTP layer has parsed the request and hands its head over as bytes. ``_request_head`` reads that head once
more, and h11 writes every answer but the 101; what is in between is here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any, Literal, TypedDict
from urllib.parse import unquote

from ._answer import Answer
from ._deflate import DeflateParameters
from ._extensions import Agreement, negotiate_deflate
from ._headers import Fields, Headers, checked, elements, fitting, is_token, shown
from ._request import HandshakeRefused, malformed, parse_target, refusal_of
from ._request_head import answerer, read_head

__all__ = ["Handshake", "HandshakeRefused", "WebSocketScope"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_SWITCHING = b"\r\n".join(
    (
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: %b",
        b"%b",
        b"",
    )
)
"""Our answer to a handshake that succeeds (section 4.2.2), for the accept value and the lines of all other headers."""

_SUBPROTOCOL = b"sec-websocket-protocol"

_RESERVED = frozenset(
    (
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"upgrade",
        b"connection",
        b"content-length",
        b"transfer-encoding",
    )
)
"""What only the handshake itself may say in a 101: its own headers, and those of a body, which a 101 has not."""

_NOT_BY_DEFAULT = _RESERVED | {_SUBPROTOCOL}


class _Versions(TypedDict):
    version: Literal["2.0", "3.0"]
    spec_version: str


class _ConnectionScope(TypedDict):
    type: Literal["websocket"]
    asgi: _Versions
    http_version: str
    scheme: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: Iterable[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    subprotocols: Iterable[str]


class WebSocketScope(_ConnectionScope, total=False):
    """ASGI's connection scope for a WebSocket, key by key as uvicorn types it."""

    state: dict[str, Any]
    extensions: dict[str, Any]


def _accept_value(key: bytes) -> bytes:
    """Compute Sec-WebSocket-Accept (RFC 6455 section 4.2.2); no security rests on this SHA-1."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


class Handshake:
    """One request and its one answer: a 101 by ``accept``, or HTTP by ``reject`` or ``deny_start`` and ``deny_body``.

    ``refusal`` says what is wrong with the request, ``None`` if nothing is. ``headers`` are in the order received,
    names lower-cased, and empty with a request that is not HTTP. ``raw_path``, ``query_string`` (bytes as received)
    and ``path`` (percent-decoded, U+FFFD for what is not UTF-8) are empty if the target has no path. ``subprotocols``
    are the offered tokens of all lines in order; an element that is no token is no offer. ``origin`` is ``None`` where
    the peer gave none; several lines are joined by commas, which no allowed origin equals.
    """

    __slots__ = (
        "_agreement",
        "_answer",
        "_data",
        "_fields",
        "_method",
        "headers",
        "origin",
        "path",
        "query_string",
        "raw_path",
        "refusal",
        "subprotocols",
    )

    _answer: Answer

    def __init__(self, request: bytes) -> None:
        """Parse and check a head, ``METHOD SP target SP HTTP/1.1 CRLF name: value CRLF ... CRLF``; raise nothing."""
        self._data = request
        self._method = b""
        self._fields: Fields = {}
        self._agreement: Agreement | None = None
        self.headers: Headers = []
        self.raw_path = b""
        self.path = ""
        self.query_string = b""
        self.subprotocols: list[str] = []
        self.origin: str | None = None
        self.refusal = self._read(request)

    def _read(self, data: bytes) -> HandshakeRefused | None:
        try:
            self._method, target, version, self.headers, self._fields, surplus = read_head(data)
        except HandshakeRefused as refused:
            return refused
        self._read_target(target)
        self._read_headers()
        if surplus:
            return malformed(f"{surplus} bytes after the head of the request")
        return refusal_of(self._method, target, self.raw_path, version, self._fields)

    def _read_target(self, data: bytes) -> None:
        target = parse_target(data)
        if target:
            self.raw_path, self.query_string = target
            self.path = unquote(self.raw_path.decode("ascii"))

    def _read_headers(self) -> None:
        offered = self._fields.get(_SUBPROTOCOL)
        if offered:
            self.subprotocols = [element.decode() for element in elements(offered) if is_token(element)]
        origins = self._fields.get(b"origin")
        if origins:
            self.origin = b", ".join(origins).decode("latin-1")

    def scope(
        self,
        *,
        scheme: str,
        server: tuple[str, int | None] | None,
        client: tuple[str, int] | None,
        root_path: str,
        asgi_version: Literal["2.0", "3.0"],
        state: dict[str, Any],
    ) -> WebSocketScope:
        """Build the app's scope (ASGI, WebSocket connection scope); ``state`` is copied, its values are not."""
        return {
            "type": "websocket",
            "asgi": {"version": asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": scheme,
            "server": server,
            "client": client,
            "root_path": root_path,
            "path": root_path + self.path,
            "raw_path": root_path.encode() + self.raw_path,
            "query_string": self.query_string,
            "headers": list(self.headers),
            "subprotocols": list(self.subprotocols),
            "state": state.copy(),
            "extensions": {"websocket.http.response": {}},
        }

    def negotiate(self, *, window_bits: int, context_takeover: bool) -> DeflateParameters | None:
        """Agree on permessage-deflate, or return ``None``; ``accept`` tells the peer. See ``negotiate_deflate``."""
        offers = self._fields.get(b"sec-websocket-extensions")
        if offers:
            self._agreement = negotiate_deflate(offers, window_bits=window_bits, context_takeover=context_takeover)
        return self._agreement.parameters if self._agreement else None

    def accept(
        self,
        *,
        subprotocol: object,
        headers: Iterable[tuple[bytes, bytes]],
        default_headers: Iterable[tuple[bytes, bytes]],
    ) -> bytes:
        """Return the 101 to a request that is not refused (RFC 6455 section 4.2.2).

        Our headers come first, then the server's default ones, then the app's in their order.
        A ``sec-websocket-protocol`` among ``headers`` is the same as ``subprotocol``; an empty one of either is none,
        as it is with uvicorn's own protocols.

        Raises ``TypeError`` or ``ValueError``, which names the header or subprotocol, for what ``checked`` refuses,
        a header that only the handshake may send, a subprotocol that was not offered, and two of them. Nothing has
        changed then.
        """
        own = checked(headers)
        for name, value in own:
            if name.lower() in _RESERVED:
                raise ValueError(f"header {shown(name)} ({shown(value)}) is not the app's to send in a 101")
        chosen = self._choose(subprotocol, [value for name, value in own if name.lower() == _SUBPROTOCOL])
        answer: Headers = []
        if chosen:
            answer.append((b"Sec-WebSocket-Protocol", chosen.encode()))
        if self._agreement:
            answer.append((b"Sec-WebSocket-Extensions", self._agreement.answer))
        answer += fitting(default_headers, _NOT_BY_DEFAULT)
        answer += [(name, value) for name, value in own if name.lower() != _SUBPROTOCOL]
        # All of it has been checked, and a 101 has no body: there is nothing left that h11 could say of it.
        lines = b"".join([b"%b: %b\r\n" % header for header in answer])
        return _SWITCHING % (_accept_value(self._fields[b"sec-websocket-key"][0]), lines)

    def _choose(self, subprotocol: object, lines: list[bytes]) -> str | None:
        """Return the one subprotocol that the app names by argument and header lines, ``None`` if it names none."""
        if not isinstance(subprotocol, (str, type(None))):
            raise TypeError(f"subprotocol must be str or None, not {shown(subprotocol)}")
        if not (subprotocol or lines):
            return None
        named = [name for name in (subprotocol, *(line.decode("latin-1") for line in lines)) if name]
        for name in named:
            if name not in self.subprotocols:
                raise ValueError(f"subprotocol {shown(name)} was not offered, only {shown(self.subprotocols)}")
        if len(set(named)) > 1:
            raise ValueError(f"more than one subprotocol: {shown(named)}")
        return named[0] if named else None

    def reject(
        self,
        status: int,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        default_headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes = b"",
    ) -> bytes:
        """Return a whole HTTP answer that ends the connection, whatever the request was. Raises as ``Answer`` does."""
        answer = Answer(answerer(self._data), status, headers, default_headers)
        # A HEAD is refused, and its answer has no body (RFC 9110 section 9.3.2).
        return answer.body(b"" if self._method == b"HEAD" else body, more=False)

    def deny_start(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], default_headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        """Take the app's denial response (ASGI, ``websocket.http.response.start``). Raises as ``Answer`` does."""
        self._answer = Answer(answerer(self._data), status, headers, default_headers)

    def deny_body(self, body: bytes, more: bool) -> bytes:
        """Return the bytes for one part of the denial's body, and those of its head before the first part.

        Raises as ``Answer.body`` does; the denial can go on, or be cut.
        """
        return self._answer.body(body, more)

    def deny_cut(self) -> bytes:
        """Return what is still to be sent of a denial that the app has left unfinished. See ``Answer.cut``."""
        return self._answer.cut()
