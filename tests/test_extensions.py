from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safews._deflate import DeflateParameters
from safews._extensions import Agreement, Offer, negotiate_deflate, parse_offers
from tests.examples import examples

BAD_BITS = [b"7", b"16", b"0", b"010", b"08", b"+9", b"-9", b"9.0", b'" 9"', b'"9\t"', b"1e1", b"100"]


def negotiated(*lines: bytes, window_bits: int = 12, context_takeover: bool = True) -> Agreement | None:
    return negotiate_deflate(lines, window_bits=window_bits, context_takeover=context_takeover)


def agreed(*lines: bytes, **options: Any) -> DeflateParameters:
    agreement = negotiated(*lines, **options)
    assert agreement is not None
    return agreement.parameters


def answered(*lines: bytes, **options: Any) -> bytes:
    agreement = negotiated(*lines, **options)
    assert agreement is not None
    return agreement.answer


class TestGrammar:
    """RFC 6455 section 9.1."""

    @pytest.mark.parametrize("lines", [(), (b"",), (b" ",), (b",",), (b" ,\t, ", b"")])
    def test_no_offer(self, lines: tuple[bytes, ...]) -> None:
        assert parse_offers(lines) == []

    def test_lines_are_one_list(self) -> None:
        assert parse_offers([b"a, b", b"c"]) == [Offer("a", []), Offer("b", []), Offer("c", [])]

    def test_empty_elements_do_not_count(self) -> None:
        assert parse_offers([b",a,, b ,", b",c"]) == [Offer("a", []), Offer("b", []), Offer("c", [])]

    def test_parameters_in_order_and_repeated(self) -> None:
        assert parse_offers([b"a; y=1; x; y=2"]) == [Offer("a", [("y", "1"), ("x", None), ("y", "2")])]

    def test_whitespace_between_lexemes(self) -> None:
        assert parse_offers([b" a\t;\tx = 1 ;y "]) == [Offer("a", [("x", "1"), ("y", None)])]

    def test_no_whitespace(self) -> None:
        assert parse_offers([b"a;x=1;y,b"]) == [Offer("a", [("x", "1"), ("y", None)]), Offer("b", [])]

    def test_quoted_value(self) -> None:
        assert parse_offers([b'a; x="1"; y']) == [Offer("a", [("x", "1"), ("y", None)])]

    def test_quoted_value_hides_separators(self) -> None:
        assert parse_offers([b'a; x="1, b; c=\xe9", d']) == [Offer("a", [("x", "1, b; c=\xe9")]), Offer("d", [])]

    def test_quoted_pairs_are_unescaped(self) -> None:
        assert parse_offers([rb'a; x="\1\"\\"']) == [Offer("a", [("x", '1"\\')])]

    def test_empty_quoted_value(self) -> None:
        assert parse_offers([b'a; x=""']) == [Offer("a", [("x", "")])]

    @pytest.mark.parametrize(
        "line",
        [
            b"a b",
            b"a;",
            b"a; ;x",
            b"; x",
            b"a; =1",
            b"a; x=",
            b"a; x=1 2",
            b"a; x==1",
            b'a; x="1',
            b'a; x="1\\"',
            b'a; x="1"2',
            b'"a"',
            b"a; x='1 2'",
            b"\xe9",
            b"a@b",
            b"a, b; x=, c",
        ],
    )
    def test_text_that_breaks_the_grammar_is_no_offer(self, line: bytes) -> None:
        assert parse_offers([b"permessage-deflate", line]) == []

    @pytest.mark.parametrize(
        ("line", "offers"),
        [(b" " * 60_000 + b"@", 0), (b"a" * 60_000 + b"@", 0), (b'a;b="' * 12_001, 0), (b"a;b," * 15_000, 15_000)],
    )
    def test_long_text(self, line: bytes, offers: int) -> None:
        assert len(parse_offers([line])) == offers


class TestNegotiation:
    """RFC 7692 sections 5 and 7.1."""

    @pytest.mark.parametrize("lines", [(), (b"x-webkit-deflate-frame",), (b"Permessage-Deflate-2; a=1, bbf",)])
    def test_unknown_extensions_are_ignored(self, lines: tuple[bytes, ...]) -> None:
        assert negotiated(*lines) is None

    def test_malformed_text_is_no_offer(self) -> None:
        assert negotiated(b"permessage-deflate, @") is None

    def test_bare_offer(self) -> None:
        assert negotiated(b"permessage-deflate") == Agreement(
            DeflateParameters(server_max_window_bits=12), b"permessage-deflate; server_max_window_bits=12"
        )

    def test_what_browsers_offer(self) -> None:
        assert negotiated(b"permessage-deflate; client_max_window_bits") == Agreement(
            DeflateParameters(server_max_window_bits=12, client_max_window_bits=12),
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        )

    def test_full_window_need_not_be_said(self) -> None:
        assert answered(b"permessage-deflate", window_bits=15) == b"permessage-deflate"

    def test_full_window_is_said_where_offered(self) -> None:
        offer = b"permessage-deflate; server_max_window_bits=15; client_max_window_bits"
        expected = b"permessage-deflate; server_max_window_bits=15; client_max_window_bits=15"
        assert answered(offer, window_bits=15) == expected

    @pytest.mark.parametrize(("offered", "bits"), [(9, 9), (11, 11), (12, 12), (13, 12), (15, 12)])
    def test_server_window_is_the_smaller(self, offered: int, bits: int) -> None:
        offer = b"permessage-deflate; server_max_window_bits=%d" % offered
        assert agreed(offer).server_max_window_bits == bits
        assert answered(offer) == b"permessage-deflate; server_max_window_bits=%d" % bits

    @pytest.mark.parametrize(("offered", "bits"), [(8, 8), (9, 9), (12, 12), (13, 12), (15, 12)])
    def test_client_window_is_the_smaller(self, offered: int, bits: int) -> None:
        offer = b"permessage-deflate; client_max_window_bits=%d" % offered
        assert agreed(offer).client_max_window_bits == bits
        assert answered(offer).endswith(b"; client_max_window_bits=%d" % bits)

    def test_client_window_is_free_where_not_offered(self) -> None:
        assert agreed(b"permessage-deflate").client_max_window_bits == 15

    def test_quoted_number(self) -> None:
        assert agreed(b'permessage-deflate; server_max_window_bits="10"').server_max_window_bits == 10

    @pytest.mark.parametrize("side", ["server", "client"])
    def test_context_takeover_is_given_up_where_offered(self, side: str) -> None:
        name = f"{side}_no_context_takeover"
        agreement = negotiated(f"permessage-deflate; {name}".encode(), window_bits=15)
        assert agreement == Agreement(DeflateParameters(**{name: True}), f"permessage-deflate; {name}".encode())

    def test_context_takeover_is_given_up_on_both_sides_where_configured(self) -> None:
        assert negotiated(b"permessage-deflate", window_bits=15, context_takeover=False) == Agreement(
            DeflateParameters(server_no_context_takeover=True, client_no_context_takeover=True),
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        )

    @pytest.mark.parametrize(
        "parameter",
        [
            b"x",
            b"x=1",
            b"server_no_context_takeover=1",
            b"client_no_context_takeover=true",
            b'client_no_context_takeover=""',
            b"server_no_context_takeover; server_no_context_takeover",
            b"client_max_window_bits; client_max_window_bits",
            b"client_max_window_bits; client_max_window_bits=10",
            b"server_max_window_bits=10; server_max_window_bits=10",
            b"server_max_window_bits",
            b'server_max_window_bits=""',
            b"Server_Max_Window_Bits=10",
            *(b"%b_max_window_bits=%b" % (side, bits) for side in (b"server", b"client") for bits in BAD_BITS),
            b"client_max_window_bits=\xd9\xa9",
        ],
    )
    def test_bad_offer_is_declined(self, parameter: bytes) -> None:
        assert negotiated(b"permessage-deflate; " + parameter) is None

    def test_window_that_zlib_cannot_deflate_with_is_declined(self) -> None:
        assert negotiated(b"permessage-deflate; server_max_window_bits=8") is None

    def test_next_offer_is_tried(self) -> None:
        lines = b"foo, permessage-deflate; server_max_window_bits=8, permessage-deflate; x", b"permessage-deflate"
        assert agreed(*lines, window_bits=10).server_max_window_bits == 10

    def test_first_good_offer_is_taken(self) -> None:
        offers = b"permessage-deflate; server_max_window_bits=10, permessage-deflate"
        assert answered(offers) == b"permessage-deflate; server_max_window_bits=10"


PIECES = [b"permessage-deflate", b"client_max_window_bits", b"server_max_window_bits", b"client_no_context_takeover"]


@examples(300)
@given(
    st.lists(st.sampled_from([*PIECES, b";", b"; ", b",", b"=", b'"', b"\\", b"8", b"10", b"15", b" ", b"\xe9"])),
    st.integers(9, 15),
    st.booleans(),
)
def test_an_agreement_answers_one_offer_that_was_made(pieces: list[bytes], bits: int, takeover: bool) -> None:
    line = b"".join(pieces)
    agreement = negotiated(line, window_bits=bits, context_takeover=takeover)
    if agreement:
        assert 9 <= agreement.parameters.server_max_window_bits <= bits
        [answer] = parse_offers([agreement.answer])
        offered = [dict(offer.parameters) for offer in parse_offers([line]) if offer.name == "permessage-deflate"]
        bounded = "client_max_window_bits" in dict(answer.parameters)
        assert any(("client_max_window_bits" in parameters) == bounded for parameters in offered)
