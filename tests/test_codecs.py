"""The codecs, each on its own: frames in, events out."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
import tracemalloc

import pytest

from safews._close import Close
from safews._codecs import _base, wsproto
from safews._codecs._base import LARGE, BinaryGatherer
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._deflate import DeflateParameters, Inflater
from safews._events import Ping, Pong, Violation
from tests.reference import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Compressor,
    binary,
    close,
    fragments,
    frame,
    text,
)

DEFLATE = DeflateParameters()
LIMIT = 1000


@pytest.fixture(params=[WsprotoCodec, WebsocketsCodec], ids=lambda codec: codec.name)
def new_codec(request):
    return request.param


@pytest.fixture
def codec(new_codec):
    return new_codec(DEFLATE, LIMIT)


@pytest.fixture
def compressor():
    return Compressor(DEFLATE)


def receive(codec, frames):
    """Give the codec frames up to one that nothing may follow, and return what they complete."""
    events = []
    for event in map(codec.receive, frames):
        if event is not None:
            events.append(event)
        if isinstance(event, (Close, Violation)):
            break
    return events


class TestMessages:
    @pytest.mark.parametrize("message", ["", "Hello", "h\u00e9\u20ac\U0001f600", "line\r\nline\n\r", "x" * 70_000])
    def test_text(self, codec, message):
        assert codec.receive(text(message)) == message

    @pytest.mark.parametrize("message", [b"", b"Hello", bytes(range(256)), bytes(70_000)])
    def test_binary_is_bytes(self, codec, message):
        received = codec.receive(binary(message))
        assert received == message
        assert type(received) is bytes

    @pytest.mark.parametrize("sizes", [[0], [2], [5], [1, 1, 1], [0, 3, 0]])
    def test_fragments(self, codec, sizes):
        frames = fragments(FIN | TEXT, b"Hello", sizes) + fragments(FIN | BINARY, b"World", sizes)
        assert receive(codec, frames) == ["Hello", b"World"]

    def test_fragment_that_is_not_the_last_completes_nothing(self, codec):
        assert codec.receive(frame(TEXT, b"Hel")) is None

    def test_character_across_fragments(self, codec):
        frames = fragments(FIN | TEXT, "\U0001f600".encode(), [1, 1, 1])
        assert receive(codec, frames) == ["\U0001f600"]

    def test_line_ends_across_fragments(self, codec):
        assert receive(codec, fragments(FIN | TEXT, b"a\r\nb\rc\n", [2, 1, 2])) == ["a\r\nb\rc\n"]

    def test_messages_do_not_mix(self, codec):
        frames = fragments(FIN | BINARY, b"one", [1]) + fragments(FIN | BINARY, b"two", [1]) + [text("three")]
        assert receive(codec, frames) == [b"one", b"two", "three"]


class TestControlFrames:
    @pytest.mark.parametrize("payload", [b"", b"Hello", bytes(125)])
    def test_ping_and_pong(self, codec, payload):
        frames = [frame(FIN | PING, payload), frame(FIN | PONG, payload)]
        assert receive(codec, frames) == [Ping(payload), Pong(payload)]

    def test_payload_is_bytes(self, codec):
        assert {type(event.payload) for event in receive(codec, [frame(FIN | PING), frame(FIN | PONG)])} == {bytes}

    def test_between_fragments(self, codec):
        first, last = fragments(FIN | TEXT, b"Hello", [2])
        assert receive(codec, [first, frame(FIN | PING, b"?"), last]) == [Ping(b"?"), "Hello"]

    def test_between_compressed_fragments(self, codec, compressor):
        # wsproto 1.3.2 forgets that the message is compressed.
        first, last = fragments(FIN | RSV1 | TEXT, compressor.compress(b"Hello" * 100), [4])
        pong = frame(FIN | PONG, b"!")
        assert receive(codec, [first, pong, last, text("plain")]) == [Pong(b"!"), "Hello" * 100, "plain"]

    def test_limit_does_not_count_them(self, new_codec):
        assert new_codec(None, 10).receive(frame(FIN | PING, bytes(125))) == Ping(bytes(125))

    def test_replies_of_the_library_are_thrown_away(self, codec):
        ping = frame(FIN | PING, bytes(125))
        codec.receive(ping)
        tracemalloc.start()
        try:
            for _ in range(500):
                codec.receive(ping)
            assert tracemalloc.get_traced_memory()[0] < 20_000
        finally:
            tracemalloc.stop()


class TestClose:
    @pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
    def test_every_code_that_may_be_sent(self, codec, code):
        # wsproto 1.3.2 does not know 1014.
        received = codec.receive(close(code, "why"))
        assert received == Close(code, "why")
        assert type(received.code) is int

    def test_without_a_code(self, codec):
        assert codec.receive(frame(FIN | CLOSE)) == Close(None, "")

    def test_without_a_reason(self, codec):
        assert codec.receive(close(1000)) == Close(1000, "")

    def test_between_fragments(self, codec):
        # websockets 17.4 answers 1002.
        assert receive(codec, [frame(TEXT, b"Hel"), close(1001, "bye")]) == [Close(1001, "bye")]

    @pytest.mark.parametrize("before", [[], [frame(TEXT, b"Hel")]], ids=["alone", "between fragments"])
    @pytest.mark.parametrize(
        ("payload", "violation"),
        [
            (b"\x03", Violation(1002, "close frame with a payload of one byte")),
            (b"\x03\xe7", Violation(1002, "close frame with code 999")),
            (b"\x03\xec", Violation(1002, "close frame with code 1004")),
            (b"\x03\xed", Violation(1002, "close frame with code 1005")),
            (b"\x03\xf7", Violation(1002, "close frame with code 1015")),
            (b"\x13\x88", Violation(1002, "close frame with code 5000")),
            (b"\x03\xe8\xff", Violation(1007, "close frame with a reason that is not UTF-8")),
        ],
    )
    def test_invalid(self, codec, before, payload, violation):
        assert receive(codec, [*before, frame(FIN | CLOSE, payload)]) == [violation]


class TestInvalidText:
    @pytest.mark.parametrize("payload", [b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
    def test_in_one_frame(self, codec, payload):
        assert codec.receive(frame(FIN | TEXT, payload)) == _base.INVALID_TEXT

    def test_seen_before_the_message_ends(self, codec):
        assert codec.receive(frame(TEXT, b"Hello\xff")) == _base.INVALID_TEXT

    def test_character_that_goes_wrong_in_the_next_fragment(self, codec):
        assert codec.receive(frame(TEXT, b"\xe2\x82")) is None
        assert codec.receive(frame(CONTINUATION, b"a")) == _base.INVALID_TEXT

    def test_character_that_is_never_finished(self, codec):
        assert codec.receive(frame(TEXT, b"\xe2\x82")) is None
        assert codec.receive(frame(FIN | CONTINUATION)) == _base.INVALID_TEXT

    def test_compressed(self, codec, compressor):
        payload = compressor.compress(b"Hello\xff")
        assert codec.receive(frame(FIN | RSV1 | TEXT, payload)) == _base.INVALID_TEXT

    def test_is_1007(self):
        assert _base.INVALID_TEXT.code == 1007


class TestCompressed:
    @pytest.mark.parametrize("sizes", [[], [1], [3, 3], [1] * 6, [0, 5, 0]])
    def test_message(self, codec, compressor, sizes):
        payloads = [b"Hello, Hello", b"Hello, Hello", b"World"]
        frames = [fragments(FIN | RSV1 | TEXT, compressor.compress(payload), sizes) for payload in payloads]
        assert receive(codec, itertools.chain(*frames)) == [payload.decode() for payload in payloads]

    def test_mixed_with_uncompressed(self, codec, compressor):
        frames = []
        for _ in range(3):
            frames += fragments(FIN | RSV1 | BINARY, compressor.compress(b"small"), [2])
            frames += fragments(FIN | BINARY, b"plain", [2])
        assert receive(codec, frames) == [b"small", b"plain"] * 3

    def test_no_context_takeover(self, new_codec):
        parameters = DeflateParameters(client_no_context_takeover=True)
        codec, compressor = new_codec(parameters, None), Compressor(parameters)
        frames = [frame(FIN | RSV1 | TEXT, compressor.compress(b"Hello")) for _ in range(3)]
        assert receive(codec, frames) == ["Hello"] * 3

    @pytest.mark.parametrize("padded", [False, True])
    def test_message_that_ends_its_stream(self, codec, compressor, padded):
        # RFC 7692 section 7.2.3.4; websockets 17.4 delivers an empty message next.
        final = compressor.compress_final(b"Hello", padded=padded)
        frames = [frame(FIN | RSV1 | TEXT, payload) for payload in (final, compressor.compress(b"World"))]
        assert receive(codec, frames) == ["Hello", "World"]

    @pytest.mark.parametrize("sizes", [[], [1]])
    def test_bad_data(self, codec, sizes):
        assert receive(codec, fragments(FIN | RSV1 | TEXT, b"\x07\xff", sizes)) == [_base.INVALID_DEFLATE]

    def test_bad_data_is_seen_before_the_message_ends(self, codec):
        assert codec.receive(frame(RSV1 | TEXT, b"\x07\xff")) == _base.INVALID_DEFLATE

    def test_bad_data_is_1002(self):
        assert _base.INVALID_DEFLATE.code == 1002

    def test_limit_itself_passes(self, codec, compressor):
        payload = bytes(LIMIT)
        assert codec.receive(frame(FIN | RSV1 | BINARY, compressor.compress(payload))) == payload

    def test_above_the_limit(self, codec, compressor):
        # wsproto 1.3.2 has no limit.
        violation = codec.receive(frame(FIN | RSV1 | BINARY, compressor.compress(bytes(LIMIT + 1))))
        assert violation == Violation(1009, "message of more than 1000 bytes")

    def test_limit_holds_across_fragments(self, codec, compressor):
        frames = fragments(FIN | RSV1 | BINARY, compressor.compress(bytes(range(256)) * 4), [100])
        assert receive(codec, frames) == [_base.too_big(LIMIT)]

    def test_inflated_counts_the_unfinished_message(self, codec, compressor):
        # A stored block, so that the first fragment inflates to what it holds.
        first, last = fragments(FIN | RSV1 | BINARY, b"\x00\x05\x00\xfa\xffHello\x00", [8])
        sizes = [codec.inflated]
        for fragment in (first, last):
            codec.receive(fragment)
            sizes.append(codec.inflated)
        assert sizes == [0, 3, 0]

    def test_nothing_inflated_without_compression(self, new_codec):
        assert new_codec(None, None).inflated == 0


class TestRefused:
    """What the framing never lets pass; no text of a library comes through."""

    @pytest.mark.parametrize(
        "first", [FIN | RSV2 | TEXT, FIN | 0x3, FIN | CONTINUATION, FIN | RSV1 | CONTINUATION, PING]
    )
    def test_header(self, codec, first):
        assert codec.receive(frame(first, b"Hello")) == _base.REFUSED

    @pytest.mark.parametrize("bit", [RSV1, RSV2, RSV3])
    def test_reserved_bit_on_a_continuation_of_a_compressed_message(self, codec, compressor, bit):
        first, last = fragments(FIN | RSV1 | TEXT, compressor.compress(b"Hello"), [2])
        assert codec.receive(first) is None
        assert codec.receive(bytes((last[0] | bit,)) + last[1:]) == _base.REFUSED

    def test_rsv1_on_a_control_frame(self, codec):
        assert codec.receive(frame(FIN | RSV1 | PING)) == _base.REFUSED

    def test_rsv1_without_compression(self, new_codec):
        assert new_codec(None, None).receive(frame(FIN | RSV1 | TEXT, b"Hello")) == _base.REFUSED

    def test_is_1002(self):
        assert _base.REFUSED.code == 1002


class TestQuiet:
    @pytest.mark.parametrize(
        "wire", [frame(FIN | RSV1 | TEXT, b"\x07"), frame(FIN | TEXT, b"\xff"), frame(FIN | 0x3), text("Hello")]
    )
    def test_nothing_is_logged(self, codec, caplog, wire):
        with caplog.at_level(logging.DEBUG):
            codec.receive(wire)
        assert caplog.records == []


class TestHandshake:
    def test_the_extension_takes_no_part_in_it(self):
        assert wsproto._Inflate(Inflater(DEFLATE, None)).offer() is False


class TestImports:
    def test_names(self):
        assert [WsprotoCodec.name, WebsocketsCodec.name] == ["wsproto", "websockets"]

    @pytest.mark.parametrize(("name", "other"), [("wsproto", "websockets"), ("websockets", "wsproto")])
    def test_works_without_the_other_library(self, name, other):
        # The masking function in C is a module of its own in websockets, and may be missing too.
        script = (
            f"import sys; sys.modules['{other}'] = None\n"
            f"from safews._codecs import {name} as module\n"
            f"codec = module.{name.capitalize()}Codec(None, None)\n"
            "print(codec.receive(bytes.fromhex('818537fa213d7f9f4d5158')))"
        )
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
        assert result.stdout == "Hello\n"

    @pytest.mark.parametrize(("name", "other"), [("wsproto", "websockets.protocol"), ("websockets", "wsproto")])
    def test_does_not_import_the_other_library(self, name, other):
        script = f"import sys, safews._codecs.{name}; print('{other}' in sys.modules)"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
        assert result.stdout == "False\n"

    def test_package_imports_neither(self):
        script = "import sys, safews._codecs; print({'wsproto', 'websockets'} & set(sys.modules))"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
        assert result.stdout == "set()\n"


class TestGathering:
    """What a binary message is put together from, in the order in which it came."""

    @pytest.mark.parametrize(
        "sizes", [[], [0], [1, 2, 3], [LARGE], [LARGE - 1, LARGE], [3, LARGE, 2, 1, LARGE + 1, LARGE, 5]]
    )
    def test_pieces_of_every_size(self, sizes: list[int]) -> None:
        gatherer = BinaryGatherer()
        pieces = [bytes((number,)) * size for number, size in enumerate(sizes)]
        for piece in pieces:
            gatherer.add(piece, False)
        assert gatherer.message() == b"".join(pieces)
        assert type(gatherer.message()) is bytes

    def test_small_pieces_are_one_object_and_large_ones_are_not_copied(self) -> None:
        gatherer = BinaryGatherer()
        large = bytes(LARGE)
        for piece in [b"a"] * 1000 + [large] + [b"b"] * 1000:
            gatherer.add(piece, False)
        assert [len(piece) for piece in gatherer._large] == [1000, LARGE]
        assert gatherer._large[1] is large
