from __future__ import annotations

import pytest

from safews._frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL,
    FIN,
    MASKED,
    MAX_CONTROL_PAYLOAD,
    PING,
    PONG,
    RSV1,
    TEXT,
    control_frame,
    frame_header,
)
from tests.harness.frames import Frame, parse_frame

OPCODES = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]


class TestHeader:
    @pytest.mark.parametrize(
        ("length", "header"),
        [
            (0, b"\x81\x00"),
            (5, b"\x81\x05"),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65535, b"\x81\x7e\xff\xff"),
            (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
            (2**62, b"\x81\x7f\x40\x00\x00\x00\x00\x00\x00\x00"),
        ],
    )
    def test_length_in_its_shortest_form(self, length, header):
        assert frame_header(FIN | TEXT, length) == header

    @pytest.mark.parametrize("length", [0, 126, 65536])
    def test_masked_is_said_with_the_length(self, length):
        plain = frame_header(FIN | BINARY, length)
        assert frame_header(FIN | BINARY, length, MASKED) == bytes((plain[0], plain[1] | 0x80)) + plain[2:]

    @pytest.mark.parametrize("first", [*OPCODES, FIN | TEXT, FIN | RSV1 | TEXT])
    def test_first_byte(self, first):
        assert frame_header(first, 0) == bytes((first, 0))

    @pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
    def test_is_read_back(self, length):
        payload = bytes(length)
        wire = frame_header(FIN | BINARY, length) + payload
        assert parse_frame(wire) == (Frame(BINARY, payload), len(wire))


class TestControl:
    def test_empty(self):
        assert control_frame(PING) == b"\x89\x00"

    def test_example_of_rfc_6455(self):
        assert control_frame(PONG, b"Hello") == b"\x8a\x05Hello"

    def test_longest_payload(self):
        payload = bytes(MAX_CONTROL_PAYLOAD)
        assert control_frame(CLOSE, payload) == b"\x88\x7d" + payload

    def test_only_control_opcodes_have_the_bit(self):
        assert [opcode for opcode in OPCODES if opcode & CONTROL] == [CLOSE, PING, PONG]
