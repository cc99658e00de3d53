from __future__ import annotations

import pytest

from safews._close import (
    ABNORMAL,
    CODE_NAMES,
    MAX_REASON,
    NO_STATUS,
    Close,
    ClosedBy,
    CloseRecord,
    InvalidClose,
    close_payload,
    code_name,
    may_be_sent,
    parse_close,
)

MAY_BE_SENT = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
MAY_NOT = [-1, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535, 70000]


class TestCodes:
    @pytest.mark.parametrize("code", MAY_BE_SENT)
    def test_may_be_sent(self, code):
        assert may_be_sent(code)

    @pytest.mark.parametrize("code", MAY_NOT)
    def test_may_not_be_sent(self, code):
        assert not may_be_sent(code)

    @pytest.mark.parametrize(
        ("code", "name"),
        [
            (1000, "normal closure"),
            (1005, "no status received"),
            (1006, "abnormal closure"),
            (1012, "service restart"),
            (1015, "unknown"),
            (2999, "unknown"),
            (3000, "registered"),
            (3999, "registered"),
            (4000, "private use"),
            (4999, "private use"),
            (5000, "unknown"),
        ],
    )
    def test_name(self, code, name):
        assert code_name(code) == name

    def test_the_two_that_are_never_on_the_wire_have_names(self):
        assert {NO_STATUS, ABNORMAL} <= CODE_NAMES.keys()


class TestParse:
    def test_empty(self):
        assert parse_close(b"") == Close(None, "")

    def test_code_alone(self):
        assert parse_close(b"\x03\xe8") == Close(1000, "")

    def test_code_and_reason(self):
        assert parse_close(b"\x0f\xa0" + "grüß".encode()) == Close(4000, "grüß")

    @pytest.mark.parametrize("code", MAY_BE_SENT)
    def test_every_code_that_may_be_sent(self, code):
        assert parse_close(code.to_bytes(2, "big")) == Close(code, "")

    def test_one_byte(self):
        with pytest.raises(InvalidClose, match="one byte") as info:
            parse_close(b"\x03")
        assert info.value.code == 1002

    @pytest.mark.parametrize("code", [code for code in MAY_NOT if 0 <= code < 2**16])
    def test_code_that_may_not_be_sent(self, code):
        with pytest.raises(InvalidClose, match=f"code {code}$") as info:
            parse_close(code.to_bytes(2, "big") + b"why")
        assert info.value.code == 1002

    @pytest.mark.parametrize("reason", [b"\xff", b"\xed\xa0\x80", b"\xe2\x82"])
    def test_reason_that_is_not_utf8(self, reason):
        with pytest.raises(InvalidClose, match="not UTF-8") as info:
            parse_close(b"\x03\xe8" + reason)
        assert info.value.code == 1007
        assert info.value.__suppress_context__


class TestBuild:
    def test_no_code(self):
        assert close_payload(None, "") == b""

    def test_no_code_has_no_reason_either(self):
        assert close_payload(None, "why") == b""

    def test_code_and_reason(self):
        assert close_payload(1001, "grüß") == b"\x03\xe9" + "grüß".encode()

    @pytest.mark.parametrize("close", [Close(None, ""), Close(1000, ""), Close(4999, "\U0001f600")])
    def test_is_read_back(self, close):
        assert parse_close(close_payload(*close)) == close

    def test_longest_reason_fills_a_control_frame(self):
        assert len(close_payload(1000, "x" * MAX_REASON)) == 125


class TestRecord:
    def test_detail_is_optional(self):
        assert CloseRecord(1000, "", ClosedBy.PEER, clean=True).detail == ""

    def test_who_closed_is_said_in_words(self):
        assert [by.value for by in ClosedBy] == ["peer", "app", "server", "network"]
