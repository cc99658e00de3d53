from __future__ import annotations

import math
import re
from typing import Any

import pytest

from safews._option_rules import Choice, CloseCode, Origins, OrOff, Rule, Seconds, Switch, Whole


class TestSeconds:
    @pytest.mark.parametrize("value", [0, 0.0, 1, 2.5, 1e9])
    def test_a_number_of_zero_or_more_is_kept_as_float(self, value: float) -> None:
        kept = Seconds().check(value)
        assert kept == value
        assert type(kept) is float

    @pytest.mark.parametrize("value", [True, "1", None, 1j, b"1", [1]])
    def test_anything_but_a_number_is_a_type_error(self, value: object) -> None:
        with pytest.raises(TypeError, match="a number of seconds"):
            Seconds().check(value)

    @pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf, 10**400])
    def test_negative_and_not_finite_numbers_are_refused(self, value: float) -> None:
        with pytest.raises(ValueError, match="finite number of seconds, 0 or more"):
            Seconds().check(value)

    def test_zero_can_be_refused(self) -> None:
        with pytest.raises(ValueError, match="more than 0"):
            Seconds(zero=False).check(0)

    @pytest.mark.parametrize(("text", "value"), [("5", 5.0), ("0.25", 0.25), ("1e3", 1000.0)])
    def test_texts(self, text: str, value: float) -> None:
        assert Seconds().parse(text) == value

    @pytest.mark.parametrize("text", ["", "5s", "1,5"])
    def test_texts_that_are_no_number(self, text: str) -> None:
        with pytest.raises(ValueError, match="must be a number of seconds"):
            Seconds().parse(text)


class TestWhole:
    @pytest.mark.parametrize("value", [9, 12, 15])
    def test_the_limits_are_included(self, value: int) -> None:
        assert Whole(9, 15).check(value) == value

    @pytest.mark.parametrize("value", [8, 16])
    def test_outside_the_limits(self, value: int) -> None:
        with pytest.raises(ValueError, match="between 9 and 15"):
            Whole(9, 15).check(value)

    def test_no_upper_limit(self) -> None:
        assert Whole(1).check(10**12) == 10**12
        with pytest.raises(ValueError, match="1 or more"):
            Whole(1).check(0)

    @pytest.mark.parametrize("value", [True, 1.0, "1", None])
    def test_anything_but_an_int_is_a_type_error(self, value: object) -> None:
        with pytest.raises(TypeError, match="a whole number"):
            Whole(0).check(value)

    def test_text(self) -> None:
        assert Whole(0).parse("64") == 64

    @pytest.mark.parametrize("text", ["", "1.0", "64k"])
    def test_texts_that_are_no_whole_number(self, text: str) -> None:
        with pytest.raises(ValueError, match="must be a whole number"):
            Whole(0).parse(text)


class TestCloseCode:
    @pytest.mark.parametrize("code", [1000, 1001, 1012, 3000, 4999])
    def test_codes_that_may_be_sent(self, code: int) -> None:
        assert CloseCode().check(code) == code

    @pytest.mark.parametrize("code", [1004, 1005, 1006, 1015, 2999])
    def test_codes_that_may_not_be_sent(self, code: int) -> None:
        with pytest.raises(ValueError, match="may be sent"):
            CloseCode().check(code)

    @pytest.mark.parametrize("code", [999, 5000])
    def test_numbers_that_are_no_close_code(self, code: int) -> None:
        with pytest.raises(ValueError, match="between 1000 and 4999"):
            CloseCode().check(code)


class TestSwitch:
    @pytest.mark.parametrize("value", [True, False])
    def test_bools(self, value: bool) -> None:
        assert Switch().check(value) is value

    @pytest.mark.parametrize("value", [0, 1, "on", None])
    def test_anything_else_is_a_type_error(self, value: object) -> None:
        with pytest.raises(TypeError, match="True or False"):
            Switch().check(value)

    @pytest.mark.parametrize("text", ["1", "true", "True", "yes", "on", "ON"])
    def test_texts_for_on(self, text: str) -> None:
        assert Switch().parse(text) is True

    @pytest.mark.parametrize("text", ["0", "false", "no", "off", "Off"])
    def test_texts_for_off(self, text: str) -> None:
        assert Switch().parse(text) is False

    @pytest.mark.parametrize("text", ["", "2", "y"])
    def test_other_texts(self, text: str) -> None:
        with pytest.raises(ValueError, match="one of 1, true, yes, on, 0, false, no, off"):
            Switch().parse(text)


class TestChoice:
    rule = Choice(("raise", "drop"))

    def test_a_word_that_is_one(self) -> None:
        assert self.rule.check("drop") == "drop"

    def test_any_other_word(self) -> None:
        with pytest.raises(ValueError, match="one of raise, drop"):
            self.rule.check("ignore")

    def test_no_word(self) -> None:
        with pytest.raises(TypeError, match="a str"):
            self.rule.check(None)

    def test_text_in_any_case(self) -> None:
        assert self.rule.parse("Drop") == "drop"


class TestOrigins:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("https://example.org", "https://example.org"),
            ("HTTPS://Example.ORG:8443", "https://example.org:8443"),
            ("https://example.org:443", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://[::1]:8000", "http://[::1]:8000"),
            ("moz-extension://1b2c-3d", "moz-extension://1b2c-3d"),
            ("app://localhost:443", "app://localhost:443"),
            ("https://*.Example.org:443", "https://*.example.org"),
            ("http://*.localhost:8000", "http://*.localhost:8000"),
            ("null", "null"),
        ],
    )
    def test_an_origin_is_kept_as_browsers_send_it(self, given: str, kept: str) -> None:
        assert Origins().check([given]) == (kept,)

    @pytest.mark.parametrize(
        "origin",
        [
            *(
                "",
                "*",
                "example.org",
                "https://",
                "https://example.org/",
                "https://a b",
                "https://a:x",
                "https://a:123456",
            ),
            *("https://*", "https://*.", "https://*example.org", "https://a.*.org", "*.example.org", "*://example.org"),
        ],
    )
    def test_what_is_no_origin_is_named(self, origin: str) -> None:
        told = re.escape(f"and {origin!r} is none")
        with pytest.raises(ValueError, match=told):
            Origins().check(["https://example.org", origin])

    @pytest.mark.parametrize("value", ["https://example.org", b"https://example.org", 1, None])
    def test_what_is_no_list_is_a_type_error(self, value: object) -> None:
        with pytest.raises(TypeError, match=r"must be a list of origins$"):
            Origins().check(value)

    def test_an_entry_that_is_no_str_is_a_type_error(self) -> None:
        with pytest.raises(TypeError, match="b'null' is not a str"):
            Origins().check([b"null"])

    def test_order_and_emptiness_are_kept(self) -> None:
        assert Origins().check(["http://b", "http://a"]) == ("http://b", "http://a")
        assert Origins().check([]) == ()

    def test_text(self) -> None:
        assert Origins().parse("http://a, http://b") == ["http://a", "http://b"]


class TestOrOff:
    rule = OrOff(Whole(1))

    def test_none_is_off(self) -> None:
        assert self.rule.check(None) is None

    def test_anything_else_is_for_the_other_rule(self) -> None:
        assert self.rule.check(2) == 2
        with pytest.raises(ValueError, match="1 or more"):
            self.rule.check(0)

    @pytest.mark.parametrize("text", ["off", "none", "None", "OFF"])
    def test_texts_for_off(self, text: str) -> None:
        assert self.rule.parse(text) is None

    def test_any_other_text_is_for_the_other_rule(self) -> None:
        assert self.rule.parse("7") == 7


@pytest.mark.parametrize("rule", [Seconds(), Whole(1), CloseCode(), Switch(), Choice(("a",)), Origins()])
def test_no_rule_takes_none_by_itself(rule: Rule) -> None:
    value: Any = None
    with pytest.raises(TypeError):
        rule.check(value)
