"""What hostile peers send: floods, frames without an end, anything but the Pong, and what they would smuggle in."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.harness import BINARY, CONTINUATION, PING, PONG, TEXT, frame, upgrade_request
from tests.hostile.processes import KIB


class Kind(NamedTuple):
    """What a flood is made of: a beginning, and what is repeated then."""

    first: bytes
    again: bytes

    def of(self, size: int) -> bytes:
        """Make so many bytes of it, or a little less."""
        return self.first + self.again * (size // len(self.again))


BEGUN = frame(BINARY, b"begun", fin=False)

FLOODS = {
    "messages of 64 KiB": Kind(b"", frame(BINARY, bytes(64 * KIB))),
    "messages of one byte": Kind(b"", frame(TEXT, b"x")),
    "empty messages": Kind(b"", frame(TEXT)),
    "fragments of no byte": Kind(BEGUN, frame(CONTINUATION, fin=False)),
    "fragments of one byte": Kind(BEGUN, frame(CONTINUATION, b"x", fin=False)),
    "fragments of text of one byte": Kind(frame(TEXT, b"begun", fin=False), frame(CONTINUATION, b"x", fin=False)),
    "fragments of many bytes": Kind(BEGUN, frame(CONTINUATION, bytes(10_000), fin=False)),
    "pings": Kind(b"", frame(PING, bytes(125))),
}

ENDLESS = {
    "a header": frame(BINARY, bytes(70_000))[:9],
    "a payload": frame(BINARY, bytes(70_000))[:500],
    "a text": frame(TEXT, b"x" * 70_000)[:500],
    "a fragment": (frame(BINARY, bytes(10), fin=False) + frame(CONTINUATION, bytes(70_000)))[:500],
    "a ping": frame(PING, bytes(125))[:60],
}
"""Beginnings of frames, after which nothing comes."""

NO_PONG = {
    "pongs nobody asked for": frame(PONG, bytes(125)) * 100,
    "pongs with other payloads": b"".join(frame(PONG, n.to_bytes(4, "big")) for n in range(100)),
    "pongs without a payload": frame(PONG) * 100,
    "messages": frame(TEXT, b"here") * 10,
    "pings": frame(PING, b"and you?") * 100,
}
"""So little at once that reading is not paused: only the time in which the peer is read counts."""

SNEAKED = b"Sneaked: in"

ATTACKS = {
    "CRLF": b"a\r\n" + SNEAKED,
    "LF": b"a\n" + SNEAKED,
    "CR": b"a\r" + SNEAKED,
    "two CRLF": b"a\r\n\r\nHTTP/1.1 200 OK\r\n" + SNEAKED,
    "NUL": b"a\0" + SNEAKED,
    "escape": b"a\x1b[2J\x1b]0;title\x07" + SNEAKED,
    "DEL and C1": b"a\x7f\x85\x9b31m" + SNEAKED,
    "line separators of Unicode": "a\u2028\u2029\u0085".encode() + SNEAKED,
    "bidirectional override": "a\u202e\u2066".encode() + SNEAKED,
    "backspaces": b"a\b\b\b\b" + SNEAKED,
    "format characters": b"a%s%d%(x)s{0}{x!r}" + SNEAKED,
}
"""What would end a line, a header or a request early, or show as something else."""


def percent_encoded(data: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in data)


PLACES: dict[str, Any] = {
    "path": lambda attack: upgrade_request(b"/" + attack),
    "encoded path": lambda attack: upgrade_request(b"/" + percent_encoded(attack)),
    "query": lambda attack: upgrade_request(b"/?" + attack),
    "encoded query": lambda attack: upgrade_request(b"/?" + percent_encoded(attack)),
    "method": lambda attack: upgrade_request(method=b"GET" + attack),
    "header name": lambda attack: upgrade_request(headers=[(b"X-" + attack, b"value")]),
    **{
        name: lambda attack, name=name: upgrade_request(headers=[(name.encode(), attack)])
        for name in ("X-Any", "Cookie", "Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "User-Agent")
    },
    **{
        name: lambda attack, name=name: upgrade_request(headers=[(name.encode(), attack)], omit=[name.lower().encode()])
        for name in ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
    },
    "X-Forwarded-For": lambda attack: upgrade_request(headers=[(b"X-Forwarded-For", attack)]),
}
"""Where in a request such a thing may stand, and the request with it."""
