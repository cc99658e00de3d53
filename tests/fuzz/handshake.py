"""The opening handshake: any request has its answer, and the answer says no more than it should."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from itertools import product

from safews._deflate import DeflateParameters, Deflater, Inflater
from safews._framing import Framing
from safews._handshake import Handshake
from tests.connections import CODECS
from tests.fuzz.reached import REACHED
from tests.reference import BINARY, FIN, RSV1, Compressor, frame

OUR_WINDOW_BITS = 12
MESSAGE = b"hello, hello, hello"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""


def check(data: bytes) -> None:
    """Run an input, which is the head of a request; raise ``AssertionError`` for what must not be."""
    handshake = Handshake(data)
    check_facts(handshake, data)
    refusal = handshake.refusal
    if refusal is not None:
        assert refusal.detail.isprintable()
        assert refusal.detail.isascii()
        check_answer(handshake.reject(refusal.status, headers=refusal.headers), refusal.status)
        return
    REACHED["accepted"] += 1
    agreed = handshake.negotiate(window_bits=OUR_WINDOW_BITS, context_takeover=len(data) % 2 == 0)
    offered = handshake.subprotocols
    headers = check_answer(
        handshake.accept(subprotocol=offered[-1] if offered else None, headers=(), default_headers=()), 101
    )
    assert headers[b"sec-websocket-accept"] == accept_value(handshake)
    assert headers.get(b"sec-websocket-protocol") == (offered[-1].encode() if offered else None)
    assert (b"sec-websocket-extensions" in headers) == (agreed is not None)
    if agreed is not None:
        check_agreement(agreed)


def accept_value(handshake: Handshake) -> bytes:
    """Section 4.2.2."""
    (key,) = [value for name, value in handshake.headers if name == b"sec-websocket-key"]
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def check_facts(handshake: Handshake, data: bytes) -> None:
    """What the app is told is in the request, and no more of it than there was."""
    scope = handshake.scope(scheme="ws", server=None, client=None, root_path="", asgi_version="3.0", state={})
    # An absolute-form target may have no path, which is "/" then.
    assert scope["raw_path"].removeprefix(b"/") in data
    assert scope["query_string"] in data
    # Not UTF-8 is U+FFFD, which is three bytes for the one that it stands for, or for the three of its escape.
    assert len(scope["path"].encode()) <= 3 * len(data)
    for name, value in scope["headers"]:
        assert name == name.lower()
        assert not set(b"\r\n\0") & {*name, *value}
    assert sum(len(name) + len(value) for name, value in scope["headers"]) <= len(data)
    assert sum(map(len, scope["subprotocols"])) <= len(data)
    assert all(offered.isascii() and offered.isprintable() and " " not in offered for offered in scope["subprotocols"])


def check_answer(answer: bytes, status: int) -> dict[bytes, bytes]:
    """Return the headers of an answer that is well-formed and has no body."""
    head, end, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    assert status_line.startswith(b"HTTP/1.1 %d " % status)
    assert (end, body) == (b"\r\n\r\n", b"")
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, separator, value = line.partition(b": ")
        assert separator
        assert not set(b"\r\n\0") & set(line)
        assert name.lower() not in headers
        headers[name.lower()] = value
    return headers


def check_agreement(agreed: DeflateParameters) -> None:
    """What was agreed works in both directions, by both codecs."""
    assert 9 <= agreed.server_max_window_bits <= OUR_WINDOW_BITS
    assert 8 <= agreed.client_max_window_bits <= 15
    wire = frame(FIN | RSV1 | BINARY, Compressor(agreed).compress(MESSAGE))
    for codec, fast_lane in product(CODECS, (True, False)):
        framing = Framing(partial(codec, agreed, None), max_size=None, deflate=agreed, fast_lane=fast_lane)
        framing.feed(wire)
        assert framing.parse(1, len(MESSAGE)) == [MESSAGE]
    peer = Inflater(agreed._replace(client_max_window_bits=agreed.server_max_window_bits), None)
    assert peer.inflate(Deflater(agreed, level=6, mem_level=5).deflate(MESSAGE)) + peer.finish() == MESSAGE
