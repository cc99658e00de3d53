"""What the fuzzer begins with: requests and frames of every kind, so that it need not find out how they are made."""

from __future__ import annotations

from collections.abc import Iterable

from safews._deflate import DeflateParameters
from tests.connections import DEFLATE, request
from tests.fuzz import connection, framing
from tests.fuzz.script import Kind, raw, repeated, written
from tests.reference import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, RSV2, TEXT, Compressor, close, text
from tests.reference import frame as wire_frame

EURO = "\u20ac".encode()

FRAMES = [
    [written(Kind.FRAME, FIN | TEXT, b"hello")],
    [written(Kind.FRAME, FIN | TEXT, EURO)],
    [written(Kind.FRAME, FIN | BINARY, b"\x00\xff")],
    [written(Kind.FRAME, FIN | BINARY, b"")],
    [repeated(Kind.LONG, FIN | BINARY, 0, 8)],
    [repeated(Kind.LONG, FIN | TEXT, ord("a"), 26)],
    [repeated(Kind.LONG, FIN | BINARY, 0, 255)],
    [
        written(Kind.FRAME, TEXT, b"a" + EURO[:1]),
        written(Kind.FRAME, FIN | PING, b"?"),
        written(Kind.FRAME, CONTINUATION, EURO[1:]),
        written(Kind.FRAME, FIN | CONTINUATION, b"b"),
    ],
    [written(Kind.FRAME, BINARY, b"a"), written(Kind.FRAME, FIN | CLOSE, b"\x03\xe8")],
    [written(Kind.FRAME, FIN | PING, b"?"), written(Kind.FRAME, FIN | PONG, b"!")],
    [written(Kind.COMPRESSED, FIN | RSV1 | TEXT, b"hello"), written(Kind.COMPRESSED, FIN | RSV1 | TEXT, b"hello")],
    [written(Kind.FINAL, FIN | RSV1 | BINARY, b"hello"), written(Kind.COMPRESSED, FIN | RSV1 | TEXT, b"hello")],
    [
        written(Kind.COMPRESSED, RSV1 | TEXT, b"hello"),
        written(Kind.FRAME, FIN | PING, b"?"),
        written(Kind.FINAL, CONTINUATION, b"hello"),
        written(Kind.COMPRESSED, FIN | CONTINUATION, b"hello"),
    ],
    [repeated(Kind.LONG_COMPRESSED, FIN | RSV1 | BINARY, 0, 20), repeated(Kind.LONG_FINAL, FIN | RSV1 | TEXT, 97, 25)],
    [repeated(Kind.LONG_COMPRESSED, FIN | RSV1 | BINARY, 0, 255)],
    [written(Kind.FRAME, FIN | CLOSE, b"\x03\xe8bye")],
    [written(Kind.FRAME, FIN | CLOSE, b"")],
    [written(Kind.FRAME, FIN | CLOSE, b"\x03")],
    [written(Kind.FRAME, FIN | CLOSE, b"\x03\xf6" + EURO[:2])],
    [written(Kind.FRAME, FIN | TEXT, b"\xff")],
    [written(Kind.FRAME, FIN | RSV1 | BINARY, b"\x07\xff")],
    [written(Kind.FRAME, FIN | RSV2 | TEXT, b"hello")],
    [raw(text("hello") + text("again"))],
    [raw(text("hello")[:-2])],
    [raw(text("hello") * 20)],
    [raw(wire_frame(FIN | RSV1 | TEXT, Compressor(DeflateParameters()).compress(b"hello" * 9)) + close(1000, "bye"))],
    [raw(b"\x81\x05hello")],
    [raw(b"\x82\xfe\x00\x05" + bytes(9)), raw(b"\x82\xff" + bytes(8))],
]

REQUESTS = [
    request(),
    DEFLATE,
    request(b"sec-websocket-extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10"),
    request(b'sec-websocket-extensions: x-unknown, permessage-deflate;client_max_window_bits="9" , ,'),
    request(b"sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
    request(b"sec-websocket-protocol: chat, superchat", b"sec-websocket-protocol: v2"),
    request(b"origin: https://example.org", b"cookie: a=b; c=d", b"x-latin: gr\xfc\xdfe"),
    request(b"content-length: 0"),
    request(b"content-length: 5"),
    request(b"transfer-encoding: chunked"),
    request() + b"surplus",
    request()[:-2],
    request().replace(b"/chat", b"/a%20b%ff?q=%41"),
    request().replace(b"/chat", b"wss://example.org:80/chat?x"),
    request().replace(b"GET", b"HEAD"),
    request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    request().replace(b"version: 13", b"version: 8"),
    request().replace(b"upgrade: websocket", b"upgrade: h2c, WebSocket"),
    request().replace(b"==", b"="),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def scripts(starts: Iterable[bytes], cut: int) -> list[bytes]:
    """Return inputs that begin in each of these ways: every list of frames as one read, and a read for each of them."""
    separator = bytes((cut,))
    return [start + between.join(frames) for start in starts for frames in FRAMES for between in (b"", separator)]


def stepping(start: bytes, frames: bytes) -> list[bytes]:
    """Return inputs that begin like this, read these frames and take a step: every step there is."""
    cut, step = bytes((connection.CUT,)), connection.CUT + 1
    return [start + frames + cut + bytes((step, chosen, step, 0)) + cut for chosen in range(len(connection.STEPS))]


FRAMING = scripts([b"\x00\x00\x00", b"\x01\x00\x02", b"\x02\x01\x03", b"\x01\x03\x01"], framing.CUT) + [
    b"\x01\x00\x00" + bytes((framing.CUT_ALL, 1)) + b"".join(frames) for frames in FRAMES
]

SEEDS = {
    "codecs": FRAMING + scripts([bytes((lanes * 4 + 1, 0, 0)) for lanes in range(1, 7)], framing.CUT),
    "framing": FRAMING,
    "connection": scripts([b"\x00\x00\x01", b"\x01\x80\x01", b"\x01\x05\x00"], connection.CUT)
    + stepping(b"\x01\x01\x01", b"".join(FRAMES[0]))
    + stepping(b"\x00\x14\x00", repeated(Kind.LONG, FIN | BINARY, 0, 255)),
    "handshake": REQUESTS,
}
"""By the names of the targets."""
