"""Frame headers: RFC 6455 section 5.2."""

from __future__ import annotations

import pytest

from safews._frame_header import Header, header_fault, masked_frame, read_header
from tests.reference import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    KEY,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    frame,
    header,
    xor,
)

LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 2**32, 2**63 - 1, 2**63]


def fault(first, second=0x80, length=0, *, message_open=False, compression=False):
    return header_fault(Header(first, second, length, 0), message_open=message_open, compression=compression)


class TestReadHeader:
    @pytest.mark.parametrize("length", LENGTHS)
    def test_every_length(self, length):
        wire = header(FIN | BINARY, length)
        assert read_header(wire + KEY, 0) == Header(FIN | BINARY, wire[1], length, len(wire) + 4)

    @pytest.mark.parametrize("length", LENGTHS)
    def test_none_until_it_is_whole(self, length):
        wire = header(FIN | BINARY, length) + KEY
        assert [read_header(wire[:size], 0) for size in range(len(wire))] == [None] * len(wire)

    @pytest.mark.parametrize("length", LENGTHS)
    def test_unmasked_has_no_key(self, length):
        masked = header(FIN | TEXT, length)
        wire = bytes((masked[0], masked[1] & 0x7F)) + masked[2:]
        assert read_header(wire, 0) == Header(FIN | TEXT, wire[1], length, len(wire))

    @pytest.mark.parametrize("length", LENGTHS)
    def test_at_an_offset(self, length):
        wire = header(FIN | TEXT, length) + KEY
        found = read_header(b"before" + wire + b"after", 6)
        assert found is not None
        assert (found.length, found.start) == (length, 6 + len(wire))


class TestNoFault:
    @pytest.mark.parametrize("first", [FIN | TEXT, FIN | BINARY, TEXT, BINARY, FIN | CLOSE, FIN | PING, FIN | PONG])
    def test_between_messages(self, first):
        assert fault(first) is None

    @pytest.mark.parametrize("first", [CONTINUATION, FIN | CONTINUATION, FIN | CLOSE, FIN | PING, FIN | PONG])
    def test_within_a_message(self, first):
        assert fault(first, message_open=True) is None

    @pytest.mark.parametrize("first", [FIN | RSV1 | TEXT, RSV1 | BINARY])
    def test_compressed(self, first):
        assert fault(first, compression=True) is None

    @pytest.mark.parametrize(
        ("form", "length"), [(0, 0), (125, 125), (126, 126), (126, 65535), (127, 65536), (127, 2**63 - 1)]
    )
    def test_lengths(self, form, length):
        assert fault(FIN | BINARY, 0x80 | form, length) is None

    def test_longest_control_frame(self):
        assert fault(FIN | PING, 0x80 | 125, 125) is None


class TestFault:
    def test_unmasked(self):
        assert fault(FIN | TEXT, 0x05, 5) == "frame that is not masked"

    @pytest.mark.parametrize("bits", [RSV2, RSV3, RSV2 | RSV3])
    @pytest.mark.parametrize("opcode", [TEXT, PING])
    def test_reserved_bits(self, bits, opcode):
        assert fault(FIN | bits | opcode, compression=True) == "frame with RSV2 or RSV3"

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    @pytest.mark.parametrize("message_open", [False, True])
    def test_reserved_opcodes(self, opcode, message_open):
        assert fault(FIN | opcode, message_open=message_open) == f"frame with the reserved opcode {opcode}"

    def test_continuation_without_a_message(self):
        assert fault(FIN | CONTINUATION) == "continuation without a message"

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_message_inside_another(self, opcode):
        assert fault(FIN | opcode, message_open=True) == "new message inside another"

    def test_rsv1_without_compression(self):
        assert fault(FIN | RSV1 | TEXT) == "frame with RSV1"

    def test_rsv1_on_a_continuation(self):
        assert fault(FIN | RSV1 | CONTINUATION, message_open=True, compression=True) == "frame with RSV1"

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_rsv1_on_a_control_frame(self, opcode):
        assert fault(FIN | RSV1 | opcode, compression=True) == "control frame with RSV1"

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_fragmented_control_frame(self, opcode):
        assert fault(opcode) == "control frame in fragments"

    @pytest.mark.parametrize(("form", "length"), [(126, 126), (126, 5), (127, 5)])
    def test_long_control_frame(self, form, length):
        assert fault(FIN | PING, 0x80 | form, length) == "control frame of more than 125 bytes"

    @pytest.mark.parametrize(("form", "length"), [(126, 0), (126, 125), (127, 0), (127, 126), (127, 65535)])
    def test_length_not_in_its_shortest_form(self, form, length):
        assert fault(FIN | BINARY, 0x80 | form, length) == "length not in its shortest form"

    @pytest.mark.parametrize("length", [2**63, 2**64 - 1])
    def test_top_bit_of_the_length(self, length):
        assert fault(FIN | BINARY, 0x80 | 127, length) == "length of more than 63 bits"


class TestMaskedFrame:
    @pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
    def test_is_what_a_client_sends(self, length):
        payload = bytes(length)
        assert masked_frame(FIN | TEXT, KEY, xor(payload, KEY)) == frame(FIN | TEXT, payload)
