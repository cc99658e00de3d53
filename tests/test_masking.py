"""Masking: RFC 6455 section 5.3."""

from __future__ import annotations

import sys

import pytest

from safews import _masking
from tests.reference import xor

KEY = bytes.fromhex("37fa213d")
FUNCTIONS = [_masking.unmask, _masking.xor_mask]


@pytest.mark.parametrize("function", FUNCTIONS)
class TestUnmask:
    def test_example_of_the_rfc(self, function):
        # Section 5.7: a single-frame masked text message.
        assert function(bytes.fromhex("7f9f4d5158"), KEY) == b"Hello"

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 125, 1000, 65537])
    def test_every_alignment(self, function, size):
        data = bytes(index % 251 for index in range(size))
        assert function(data, KEY) == xor(data, KEY)

    @pytest.mark.parametrize("data", [b"", b"\x00\x00", b"\x00" * 9])
    def test_key_of_zeros(self, function, data):
        assert function(data, bytes(4)) == data

    def test_twice_is_the_identity(self, function):
        data = bytes(range(200))
        assert function(function(data, KEY), KEY) == data

    def test_bytearray_gives_bytes(self, function):
        assert type(function(bytearray(b"abcde"), KEY)) is bytes


class TestFindMask:
    def test_pure_python_without_websockets(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "websockets.speedups", None)
        assert _masking.find_mask() == (_masking.xor_mask, False)

    def test_c_where_websockets_has_it(self):
        speedups = pytest.importorskip("websockets.speedups")
        assert _masking.find_mask() == (speedups.apply_mask, True)

    def test_constant_tells_which(self):
        assert _masking.find_mask() == (_masking.unmask, _masking.C_MASKING)


class TestRotate:
    @pytest.mark.parametrize("offset", range(10))
    def test_continues_where_the_first_part_has_ended(self, offset):
        data = bytes(range(30))
        rest = _masking.unmask(data[offset:], _masking.rotate(KEY, offset))
        assert _masking.unmask(data[:offset], KEY) + rest == _masking.unmask(data, KEY)

    def test_whole_turns_change_nothing(self):
        assert _masking.rotate(KEY, 4) == _masking.rotate(KEY, 1 << 20) == KEY
