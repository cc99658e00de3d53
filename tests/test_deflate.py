"""Inflating within a bound, deflating: RFC 7692 section 7."""

from __future__ import annotations

import random
import sys
import tracemalloc
import zlib

import pytest

from safews import _deflate
from safews._deflate import DeflateParameters, Deflater, InflateError, InflateLimit, Inflater
from tests.reference import Compressor

DEFAULT = DeflateParameters()
HELLO = bytes.fromhex("f248cdc9c90700")
"""Section 7.2.3.1."""

MEBIBYTE = 1 << 20


def message(inflater, *pieces):
    return b"".join([*map(inflater.inflate, pieces), inflater.finish()])


def stored_block(data, *, final):
    size = len(data)
    return bytes((final,)) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data


class TestInflate:
    def test_example_of_the_rfc(self):
        assert message(Inflater(DEFAULT, None), HELLO) == b"Hello"

    @pytest.mark.parametrize("max_size", [sys.maxsize - 1, sys.maxsize, 1 << 70])
    def test_a_limit_that_is_none(self, max_size):
        assert message(Inflater(DEFAULT, max_size), HELLO) == b"Hello"

    def test_byte_by_byte(self):
        assert message(Inflater(DEFAULT, None), *(bytes((byte,)) for byte in HELLO)) == b"Hello"

    def test_pieces_come_out_as_they_go_in(self):
        data = random.Random(1).randbytes(10_000)
        first = Compressor(DEFAULT).compress(data)[:5000]
        assert data.startswith(Inflater(DEFAULT, None).inflate(first)[:4000])

    def test_window_shared_between_messages(self):
        # Section 7.2.3.2: the second "Hello" refers to the first.
        inflater = Inflater(DEFAULT, None)
        message(inflater, HELLO)
        assert message(inflater, bytes.fromhex("f200110000")) == b"Hello"

    def test_no_window_shared_under_no_context_takeover(self):
        inflater = Inflater(DeflateParameters(client_no_context_takeover=True), None)
        message(inflater, HELLO)
        with pytest.raises(InflateError):
            message(inflater, bytes.fromhex("f200110000"))

    def test_no_context_takeover(self):
        inflater = Inflater(DeflateParameters(client_no_context_takeover=True), None)
        assert [message(inflater, HELLO) for _ in range(3)] == [b"Hello"] * 3

    def test_stored_block(self):
        # Section 7.2.3.3: a block with no compression, then the empty one.
        assert message(Inflater(DEFAULT, None), bytes.fromhex("000500faff48656c6c6f00")) == b"Hello"

    def test_two_blocks(self):
        # Section 7.2.3.5.
        assert message(Inflater(DEFAULT, None), bytes.fromhex("f248050000 00ffffcac9c90700")) == b"Hello"

    def test_empty_message(self):
        # Section 7.2.3.6.
        inflater = Inflater(DEFAULT, None)
        assert message(inflater, b"\x00") == b""
        assert message(inflater, HELLO) == b"Hello"

    def test_message_without_any_data_leaves_the_stream_alone(self):
        inflater = Inflater(DEFAULT, None)
        assert [message(inflater, data) for data in (b"", HELLO, b"", HELLO)] == [b"", b"Hello", b"", b"Hello"]

    @pytest.mark.parametrize("bits", range(8, 16))
    def test_window_sizes(self, bits):
        parameters = DeflateParameters(client_max_window_bits=bits)
        data = random.Random(bits).randbytes(300) * 30
        assert message(Inflater(parameters, None), Compressor(parameters).compress(data)) == data

    def test_data_that_reaches_beyond_the_agreed_window(self):
        data = random.Random(1).randbytes(5000) * 2
        with pytest.raises(InflateError):
            message(Inflater(DeflateParameters(client_max_window_bits=9), None), Compressor(DEFAULT).compress(data))

    def test_size_counts_the_unfinished_message(self):
        inflater = Inflater(DEFAULT, None)
        sizes = [inflater.size]
        inflater.inflate(HELLO)
        sizes.append(inflater.size)
        inflater.finish()
        assert [*sizes, inflater.size] == [0, 5, 0]

    @pytest.mark.parametrize("data", [b"\x07", b"\xff\xff\xff", b"\x00\x05\x00\x05\x00Hello"])
    def test_bad_data(self, data):
        with pytest.raises(InflateError):
            message(Inflater(DEFAULT, None), data)

    def test_bad_data_in_what_the_tail_completes(self):
        # A stored block of 5 bytes announced, whose check of the length is then read from the tail.
        with pytest.raises(InflateError):
            message(Inflater(DEFAULT, None), b"\x00\x05\x00")


class TestFinalBlock:
    """Section 7.2.3.4: a message that ends its deflate stream."""

    def test_example_of_the_rfc(self):
        assert message(Inflater(DEFAULT, None), bytes.fromhex("f348cdc9c9070000")) == b"Hello"

    @pytest.mark.parametrize("padded", [False, True])
    def test_next_message_starts_a_new_stream(self, padded):
        inflater, compressor = Inflater(DEFAULT, None), Compressor(DEFAULT)
        wire = [compressor.compress_final(b"Hello", padded=padded), *map(compressor.compress, [b"Hello", b"Hello"])]
        assert [message(inflater, data) for data in wire] == [b"Hello"] * 3

    def test_more_blocks_in_the_same_message(self):
        data = stored_block(b"one ", final=True) + stored_block(b"two ", final=True) + HELLO
        assert message(Inflater(DEFAULT, None), data) == b"one two Hello"

    def test_a_block_that_the_tail_completes(self):
        inflater = Inflater(DEFAULT, None)
        assert message(inflater, b"\x01") == b""
        assert message(inflater, HELLO) == b"Hello"

    def test_limit_holds_across_streams(self):
        inflater = Inflater(DEFAULT, 7)
        with pytest.raises(InflateLimit):
            inflater.inflate(stored_block(b"four", final=True) * 2)

    def test_run_of_tiny_streams_is_linear(self):
        # Were all that follows a stream copied at its end, it would be 100 GB in all.
        data = stored_block(b"", final=True) * (MEBIBYTE // 5)
        assert message(Inflater(DEFAULT, None), data) == b""


class TestLimit:
    DATA = random.Random(2).randbytes(5000) * 2

    @pytest.mark.parametrize("sizes", [[], [1], [100, 100], [4095, 1], [1] * 50])
    @pytest.mark.parametrize("above", [0, 1])
    def test_limit_itself_and_one_below_pass(self, sizes, above):
        inflater = Inflater(DEFAULT, len(self.DATA) + above)
        compressed = Compressor(DEFAULT).compress(self.DATA)
        pieces = []
        for size in sizes:
            pieces.append(compressed[:size])
            compressed = compressed[size:]
        assert message(inflater, *pieces, compressed) == self.DATA

    def test_one_above_fails(self):
        with pytest.raises(InflateLimit):
            message(Inflater(DEFAULT, len(self.DATA) - 1), Compressor(DEFAULT).compress(self.DATA))

    def test_is_for_each_message(self):
        inflater, compressor = Inflater(DEFAULT, 10_000), Compressor(DEFAULT)
        assert [message(inflater, compressor.compress(self.DATA)) for _ in range(3)] == [self.DATA] * 3

    def test_none_at_all(self):
        data = bytes(MEBIBYTE)
        assert message(Inflater(DEFAULT, None), Compressor(DEFAULT).compress(data)) == data

    def test_of_zero(self):
        inflater = Inflater(DEFAULT, 0)
        assert message(inflater, b"\x00") == b""
        with pytest.raises(InflateLimit):
            message(inflater, HELLO)

    def test_bomb_is_not_allocated(self):
        bomb = Compressor(DEFAULT).compress(bytes(64 * MEBIBYTE))
        inflater = Inflater(DEFAULT, MEBIBYTE)
        tracemalloc.start()
        try:
            with pytest.raises(InflateLimit):
                inflater.inflate(bomb)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(bomb) < 64 * MEBIBYTE / 1000
        assert peak < 4 * MEBIBYTE


class TestLaziness:
    def test_no_zlib_object_before_the_first_message(self, monkeypatch):
        # Another test may have made the one that is copied.
        _deflate._unused.cache_clear()
        monkeypatch.delattr(zlib, "decompressobj")
        monkeypatch.delattr(zlib, "compressobj")
        inflater, deflater = Inflater(DEFAULT, None), Deflater(DEFAULT, level=6, mem_level=5)
        with pytest.raises(AttributeError):
            inflater.inflate(HELLO)
        with pytest.raises(AttributeError):
            deflater.deflate(b"Hello")


class TestDeflate:
    @pytest.mark.parametrize("no_context", [False, True])
    @pytest.mark.parametrize("bits", range(9, 16))
    def test_peer_can_inflate(self, bits, no_context):
        parameters = DeflateParameters(server_no_context_takeover=no_context, server_max_window_bits=bits)
        peer = Inflater(
            DeflateParameters(client_no_context_takeover=no_context, client_max_window_bits=bits), max_size=None
        )
        deflater = Deflater(parameters, level=6, mem_level=5)
        payloads = [b"", b"Hello", b"Hello", b"", bytes(100_000), random.Random(3).randbytes(70_000), b""]
        assert [message(peer, deflater.deflate(payload)) for payload in payloads] == payloads

    def test_context_takeover_makes_a_repetition_small(self):
        deflater = Deflater(DEFAULT, level=6, mem_level=8)
        payload = random.Random(4).randbytes(1000)
        # The first is nothing to refer to yet: it may stay the only one.
        assert len(deflater.deflate(payload)) > 1000
        assert len(deflater.deflate(payload)) > 1000
        assert len(deflater.deflate(payload)) < 100

    def test_no_context_takeover_starts_afresh(self):
        deflater = Deflater(DeflateParameters(server_no_context_takeover=True), level=6, mem_level=8)
        assert deflater.deflate(b"Hello") == deflater.deflate(b"Hello") == HELLO

    def test_empty_message(self):
        # Section 7.2.3.6.
        assert Deflater(DEFAULT, level=6, mem_level=8).deflate(b"") == b"\x00"

    def test_level_is_used(self):
        payload = random.Random(5).choices(b"abcd", k=5000)
        sizes = [len(Deflater(DEFAULT, level=level, mem_level=8).deflate(bytes(payload))) for level in (0, 9)]
        assert sizes[0] > len(payload) > sizes[1]

    def test_memory_level_is_used(self):
        payload = bytes(random.Random(6).choices(b"abcd", k=5000))
        sizes = [len(Deflater(DEFAULT, level=6, mem_level=mem_level).deflate(payload)) for mem_level in (1, 8)]
        assert sizes[0] > sizes[1]

    def test_same_kind_same_bytes(self):
        no_context = DeflateParameters(server_no_context_takeover=True)
        deflaters = [
            Deflater(no_context._replace(server_max_window_bits=bits), level=level, mem_level=mem_level)
            for bits, level, mem_level in ((12, 6, 5), (12, 6, 5), (11, 6, 5), (12, 5, 5), (12, 6, 4))
        ]
        first, same, *others = [deflater.kind for deflater in deflaters]
        assert first is not None
        assert first == same
        assert first not in others
        payload = random.Random(7).randbytes(50) * 20
        assert deflaters[0].deflate(payload) == deflaters[1].deflate(payload)

    def test_in_context_it_is_of_no_kind(self):
        assert Deflater(DEFAULT, level=6, mem_level=8).kind is None

    def test_a_copy_is_as_good_as_a_new_compressor(self, monkeypatch):
        deflater = Deflater(DeflateParameters(server_no_context_takeover=True), level=6, mem_level=7)
        first = deflater.deflate(b"Hello")
        monkeypatch.delattr(zlib, "compressobj")
        assert deflater.deflate(b"Hello") == first == HELLO

    def test_rests_only_when_it_was_not_used(self):
        deflater = Deflater(DEFAULT, level=6, mem_level=8)
        payload = random.Random(8).randbytes(1000)
        deflater.deflate(payload)
        assert not deflater.rest()
        first = len(deflater.deflate(payload))
        assert not deflater.rest()
        assert len(deflater.deflate(payload)) < 100 < first
        assert not deflater.rest()
        assert deflater.rest()
        assert [len(deflater.deflate(payload)) for _ in range(2)] == [first, first]
        assert len(deflater.deflate(payload)) < 100

    def test_a_message_that_comes_alone_leaves_no_compressor(self):
        deflater = Deflater(DEFAULT, level=6, mem_level=5)
        deflater.deflate(b"Hello")
        tracemalloc.start()
        try:
            for _ in range(3):
                assert [deflater.rest(), deflater.rest()] == [False, True]
                assert deflater.deflate(b"Hello") == HELLO
            assert tracemalloc.get_traced_memory()[0] < 1000
        finally:
            tracemalloc.stop()

    def test_window_below_what_zlib_can_make(self):
        with pytest.raises(ValueError, match="server_max_window_bits 8"):
            Deflater(DeflateParameters(server_max_window_bits=8), level=6, mem_level=8)
