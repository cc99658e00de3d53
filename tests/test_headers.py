from __future__ import annotations

from typing import Any

import pytest

from safews._headers import checked, elements, fields_of, fitting, is_token, shown

LINES = [(b"a", b"1, 2"), (b"b", b"x"), (b"a", b",\t3 ,")]


class TestReading:
    def test_fields_have_the_values_of_every_line_with_the_name(self) -> None:
        assert fields_of(LINES) == {b"a": [b"1, 2", b",\t3 ,"], b"b": [b"x"]}

    def test_elements_of_all_lines_without_empty_ones(self) -> None:
        assert elements([b"1, 2", b",\t3 ,"]) == [b"1", b"2", b"3"]

    @pytest.mark.parametrize("token", [b"a", b"X-Y_z.1", b"!#$%&'*+-.^_`|~"])
    def test_token(self, token: bytes) -> None:
        assert is_token(token)

    @pytest.mark.parametrize("value", [b"", b" ", b"a b", b"a\n", b"a:", b"a/b", b'"a"', b"\xe9", b"a\x00", b"a,b"])
    def test_not_a_token(self, value: bytes) -> None:
        assert not is_token(value)


class TestShown:
    def test_is_one_line_of_ascii(self) -> None:
        assert shown("a\r\n\x1b[31m\u2028\xe9") == r"'a\r\n\x1b[31m\u2028\xe9'"

    def test_a_long_value_is_cut(self) -> None:
        assert shown(b"x" * 60_000) == "b'" + "x" * 115 + "..."

    def test_a_value_of_120_characters_is_whole(self) -> None:
        assert shown("x" * 118) == "'" + "x" * 118 + "'"


class TestChecked:
    def test_order_case_and_repetition_are_kept(self) -> None:
        headers = [(b"X-B", b"2"), (b"x-a", b"1"), (b"X-B", b"2")]
        assert checked(headers) == headers

    def test_any_pairs_will_do(self) -> None:
        pairs: Any = iter([[b"a", b"1"]])
        assert checked(pairs) == [(b"a", b"1")]

    def test_whitespace_around_a_value_is_dropped(self) -> None:
        assert checked([(b"a", b" \tx y\t")]) == [(b"a", b"x y")]

    @pytest.mark.parametrize("value", [b"", b"a\tb", b"caf\xe9", b"\x80\xff", b"~ !"])
    def test_value_that_may_be_sent(self, value: bytes) -> None:
        assert checked([(b"a", value)]) == [(b"a", value)]

    @pytest.mark.parametrize("control", [b"\r", b"\n", b"\0", b"\x01", b"\x0b", b"\x0c", b"\x1f", b"\x7f"])
    @pytest.mark.parametrize("value", [b"%b", b"x%b", b"%bx", b"x%by"])
    def test_control_character_in_a_value_is_named(self, control: bytes, value: bytes) -> None:
        with pytest.raises(ValueError, match="b'x-a' has a control character: b'") as caught:
            checked([(b"ok", b"1"), (b"x-a", value % control)])
        assert ascii(value % control) in str(caught.value)

    @pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"a\n", b"\xe9", b" a"])
    def test_name_that_is_no_token_is_named(self, name: bytes) -> None:
        with pytest.raises(ValueError, match="is not a token") as caught:
            checked([(name, b"1")])
        assert ascii(name) in str(caught.value)

    @pytest.mark.parametrize(
        "header", [("a", b"1"), (b"a", "1"), (b"a", 1), (b"a", None), (bytearray(b"a"), b"1"), (b"a", bytearray(b"1"))]
    )
    def test_name_and_value_must_be_bytes(self, header: Any) -> None:
        with pytest.raises(TypeError, match="must be bytes") as caught:
            checked([header])
        assert ascii(header) in str(caught.value)

    @pytest.mark.parametrize("header", [None, 5, (b"a",), (b"a", b"1", b"2"), b"abc"])
    def test_what_is_no_pair_is_named(self, header: Any) -> None:
        with pytest.raises(TypeError, match="is not a pair") as caught:
            checked([header])
        assert ascii(header) in str(caught.value)

    def test_two_bytes_are_no_pair_of_bytes(self) -> None:
        ambiguous: Any = [b"ab"]
        with pytest.raises(TypeError, match="must be bytes: b'ab'"):
            checked(ambiguous)

    @pytest.mark.parametrize("headers", [None, 5])
    def test_what_is_not_iterable_is_named(self, headers: Any) -> None:
        with pytest.raises(TypeError, match=f"pairs of bytes, not {headers}"):
            checked(headers)


class TestFitting:
    def test_headers_that_can_go_out_are_kept_in_order(self) -> None:
        assert fitting([(b"server", b"x"), (b"Date", b" y ")], frozenset()) == [(b"server", b"x"), (b"Date", b"y")]

    @pytest.mark.parametrize("header", [(b"a b", b"x"), (b"a", b"x\r\ny"), (b"Upgrade", b"h2c")])
    def test_others_are_left_out(self, header: tuple[bytes, bytes]) -> None:
        assert fitting([(b"server", b"x"), header], frozenset((b"upgrade",))) == [(b"server", b"x")]
