from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safews._headers import fields_of
from safews._request import HandshakeRefused
from safews._request_head import Head, _read_any, _read_plain, answerer, read_head
from tests.examples import examples

HEAD = b"GET /a?b HTTP/1.1\r\nHost: example.org\r\n%b\r\n"

_names = st.sampled_from([b"Host", b"host", b"X-A", b"x-a", b"Content-Length", b"transfer-encoding", b"bad name", b""])
_values = st.binary(max_size=12) | st.sampled_from(
    [b"5", b"chunked", b"a, b", b" \ta\tb \t", b"\r\n folded", b"\x0b", b"\x85"]
)
_lines = st.builds(b"%b:%b%b".__mod__, st.tuples(_names, st.sampled_from([b"", b" ", b"\t "]), _values))
_targets = st.sampled_from([b"/", b"*", b"http://host/a", b"/\x7f", b"/ b", b"/\xe9", b""]) | st.binary(max_size=4)
_firsts = st.builds(
    b"%b %b HTTP/%b".__mod__,
    st.tuples(
        st.sampled_from([b"GET", b"GET ", b"get", b"HEAD"]), _targets, st.sampled_from([b"1.1", b"1.0", b"1.1 "])
    ),
)


def plain(data: bytes) -> Head:
    head = _read_plain(data)
    assert head is not None
    return head


class TestPlain:
    """RFC 9112 sections 2 to 5."""

    def test_headers_are_kept_in_order_names_lower_cased_values_stripped(self) -> None:
        head = plain(HEAD % b"X-B: 1\r\nx-a:\t a:\tb \t\r\nX-b:2\r\nx-empty:\r\nx-latin: caf\xe9\r\n")
        headers = [
            (b"host", b"example.org"),
            (b"x-b", b"1"),
            (b"x-a", b"a:\tb"),
            (b"x-b", b"2"),
            (b"x-empty", b""),
            (b"x-latin", b"caf\xe9"),
        ]
        assert head == (b"GET", b"/a?b", b"1.1", headers, fields_of(headers), 0)

    @pytest.mark.parametrize(
        "data",
        [
            HEAD.replace(b"GET", b"POST") % b"",
            HEAD.replace(b"1.1", b"1.0") % b"",
            HEAD.replace(b"/a", b"/\xe9") % b"",
            HEAD.replace(b"Host", b"Hose") % b"",
            HEAD % b"host: second\r\n",
            HEAD % b"Content-Length: 0\r\n",
            HEAD % b"Transfer-Encoding: chunked\r\n",
            HEAD % b"x: a\r\n folded\r\n",
            HEAD % b"x y: z\r\n",
            HEAD % b"x: a\0b\r\n",
            HEAD % b"x: a\nb: c\r\n",
            HEAD % b"" + b"surplus",
            (HEAD % b"")[:-2],
            b"",
        ],
    )
    def test_any_other_is_left_to_h11(self, data: bytes) -> None:
        assert _read_plain(data) is None

    @examples(200)
    @example(b"GET / HTTP/1.1", [b"Host: a", b"X-A:\x85"])
    @example(b"GET / HTTP/1.1", [b"Host: a", b"Host: a"])
    @given(_firsts, st.lists(_lines, max_size=5).map(lambda lines: [b"Host: a", *lines]))
    def test_what_is_plain_h11_reads_the_same(self, first: bytes, lines: list[bytes]) -> None:
        data = b"\r\n".join([first, *lines, b"", b""])
        head = _read_plain(data)
        assert head is None or head == _read_any(data)

    @pytest.mark.parametrize("byte", range(256))
    def test_each_byte_in_each_place_is_read_as_h11_does_or_left_to_it(self, byte: int) -> None:
        it = bytes((byte,))
        for data in (
            HEAD % b"x: a%bb\r\n" % it,
            HEAD % b"x:%b\r\n" % it,
            HEAD % b"x%b: a\r\n" % it,
            HEAD % b"%b" % it,
            HEAD.replace(b"/a", b"/" + it.replace(b"%", b"%%")) % b"",
        ):
            head = _read_plain(data)
            assert head is None or head == _read_any(data)


class TestAny:
    def test_plain_and_other_heads_are_read(self) -> None:
        assert read_head(HEAD % b"")[3] == [(b"host", b"example.org")]
        assert read_head(HEAD % b"x: a\r\n b\r\n")[3] == [(b"host", b"example.org"), (b"x", b"a b")]

    def test_surplus_is_counted(self) -> None:
        assert read_head(HEAD % b"" + b"12345")[5] == 5

    @pytest.mark.parametrize(
        ("data", "detail"), [(b"GET", "request is not complete"), (b"\xff\r\n\r\n", "not an HTTP")]
    )
    def test_what_is_no_request_is_refused(self, data: bytes, detail: str) -> None:
        with pytest.raises(HandshakeRefused, match=detail) as caught:
            read_head(data)
        assert caught.value.status == 400


class TestAnswerer:
    @pytest.mark.parametrize("data", [HEAD % b"", b"\xff\r\n\r\n", b"GET", b""])
    def test_h11_can_answer_whatever_the_request_was(self, data: bytes) -> None:
        conn = answerer(data)
        assert conn.send(h11.Response(status_code=400, headers=[(b"Connection", b"close")]))
