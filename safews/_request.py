"""What a request for a WebSocket must have (RFC 6455 section 4.2.1), and the refusal of one that has not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._headers import Fields, elements, shown

_key = re.compile(rb"[A-Za-z0-9+/]{22}==")

# The scheme and authority of an absolute-form target (RFC 9112 section 3.2.2), which a proxy may send.
_authority = re.compile(rb"(?i:(?:http|ws)s?)://[^/?#]+")


class HandshakeRefused(Exception):
    """A request that is answered with an HTTP error; the app is never called.

    ``status`` and ``headers`` are those of the answer. ``detail`` is for the log: one line of ASCII.
    """

    def __init__(self, status: int, detail: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = list(headers)
        self.detail = detail


def parse_target(target: bytes) -> tuple[bytes, bytes] | None:
    """Return path and query string, as received, of a target in origin-form or absolute-form (RFC 9112 section 3.2).

    Any other form is not for a GET.
    """
    if not target.startswith(b"/"):
        authority = _authority.match(target)
        if authority is None:
            return None
        target = target[authority.end() :]
        if not target.startswith(b"/"):
            target = b"/" + target
    raw_path, _, query_string = target.partition(b"?")
    return raw_path, query_string


def malformed(detail: str) -> HandshakeRefused:
    """Refuse with 400 (section 4.2.1); ``detail`` is for the log."""
    return HandshakeRefused(400, detail)


def refusal_of(
    method: bytes, target: bytes, raw_path: bytes, http_version: bytes, fields: Fields
) -> HandshakeRefused | None:
    """Check a request against RFC 6455 section 4.2.1; return why it is refused, or ``None``.

    ``raw_path`` is that of the target, empty if it has none.
    """
    if method != b"GET":
        return malformed(f"method is {shown(method)}, not GET")
    if http_version != b"1.1":
        return malformed(f"HTTP version is {shown(http_version)}, not 1.1")
    if not raw_path:
        return malformed(f"target {shown(target)} has no path")
    for name, token in ((b"upgrade", b"websocket"), (b"connection", b"upgrade")):
        lines = fields.get(name, [])
        named = b",".join(lines).lower()
        if named != token and token not in elements([named]):
            return malformed(f"{name.decode()} {shown(lines)} does not name {token.decode()}")
    keys = fields.get(b"sec-websocket-key", [])
    if len(keys) != 1 or not _key.fullmatch(keys[0]):
        return malformed(f"sec-websocket-key {shown(keys)} is not the base64 of 16 bytes")
    return _refused_version(fields) or _refused_body(fields)


def _refused_version(fields: Fields) -> HandshakeRefused | None:
    versions = set(fields.get(b"sec-websocket-version", ()))
    if len(versions) != 1:
        return malformed(f"sec-websocket-version {shown(sorted(versions))} is not one value")
    version = versions.pop()
    if version == b"13":
        return None
    # Section 4.4 wants the version that we speak, RFC 9110 section 15.5.22 the protocol.
    supported = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13"))
    return HandshakeRefused(426, f"sec-websocket-version is {shown(version)}, not 13", supported)


def _refused_body(fields: Fields) -> HandshakeRefused | None:
    """Refuse a request with a body: what follows its head could be read as the body or as frames."""
    if b"transfer-encoding" in fields or any(map(int, fields.get(b"content-length", ()))):
        return malformed("request has a body")
    return None
