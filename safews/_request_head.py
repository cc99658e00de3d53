"""Reading the head of a request (RFC 9112 sections 2 to 5), which uvicorn's HTTP layer has read before.

h11 knows every rule there is, at the price of the most expensive step of a handshake. Nearly all heads are plain: a GET
with nothing about a body. ``_plain`` matches some of those, none that h11 would refuse, and for them the two readings
are the same (a test compares them). Every other head is h11's to read, or to say what is wrong with it.

Names are lower-cased, values without the whitespace around them, everything else is as received. h11 also joins folded
lines, and takes repeated equal ``Content-Length`` as one. Its limit on the size of a head is for one that arrives bit
by bit: a whole one of any size passes.
"""

from __future__ import annotations

import re

import h11

from ._headers import FIELD_CHARS, TCHARS, Fields, Headers, fields_of, shown
from ._request import malformed

_line = rf"{TCHARS}:{FIELD_CHARS}*\r\n"
_plain = re.compile(rf"GET ([\x21-\x7e]+) HTTP/1\.1\r\n((?:{_line})*)\r\n".encode())
# Cuts what _plain has matched.
_name_and_value = re.compile(rb"([^:]+):([^\r]*)\r\n")

_OF_A_BODY = frozenset((b"content-length", b"transfer-encoding"))


Head = tuple[bytes, bytes, bytes, Headers, Fields, int]
"""A request's method, target and HTTP version; its headers in the order received; the same by their names; and how many
bytes came behind it all."""


def read_head(data: bytes) -> Head:
    """Read a whole head; raise ``HandshakeRefused`` for what is not HTTP."""
    return _read_plain(data) or _read_any(data)


def _read_plain(data: bytes) -> Head | None:
    match = _plain.fullmatch(data)
    if match is None:
        return None
    headers = [(name.lower(), value.strip(b" \t")) for name, value in _name_and_value.findall(match[2])]
    fields = fields_of(headers)
    # Without just one Host it is no request of HTTP/1.1 (RFC 9112 section 3.2).
    if len(fields.get(b"host", ())) != 1 or not _OF_A_BODY.isdisjoint(fields):
        return None
    return b"GET", match[1], b"1.1", headers, fields, 0


def _read_any(data: bytes) -> Head:
    conn, read = _by_h11(data)
    if isinstance(read, h11.RemoteProtocolError):
        raise malformed(f"not an HTTP request: {shown(str(read))}")
    if not isinstance(read, h11.Request):
        raise malformed("request is not complete")
    surplus, _ = conn.trailing_data
    headers = list(read.headers)
    return read.method, read.target, read.http_version, headers, fields_of(headers), len(surplus)


def answerer(data: bytes) -> h11.Connection:
    """Return h11 as it is when it has read a head: ready to write an HTTP answer that is right for that request."""
    conn, read = _by_h11(data)
    # Of no data h11 makes the end of the stream, after which it answers nothing.
    return conn if isinstance(read, (h11.Request, h11.RemoteProtocolError)) else h11.Connection(h11.SERVER)


def _by_h11(data: bytes) -> tuple[h11.Connection, object]:
    """Return h11 after a head, and what it has made of that: an event or its error."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(data)
    try:
        return conn, conn.next_event()
    except h11.RemoteProtocolError as error:
        return conn, error
