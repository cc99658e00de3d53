from __future__ import annotations

from types import MappingProxyType

import pytest

from safews._close import MAX_REASON
from safews._messages import (
    close_code_and_reason,
    denial_body,
    denial_status,
    header_list,
    message_type,
    not_utf8,
    sent_data,
)


class TestType:
    @pytest.mark.parametrize("mapping", [dict, MappingProxyType])
    def test_of_any_mapping(self, mapping):
        assert message_type(mapping({"type": "websocket.send"})) == "websocket.send"

    @pytest.mark.parametrize("message", [None, "websocket.send", ["type"], b"", 1])
    def test_what_is_no_mapping(self, message):
        with pytest.raises(TypeError, match="must be a dict, not "):
            message_type(message)

    @pytest.mark.parametrize("type_", [None, b"websocket.send", 1])
    def test_what_is_no_str(self, type_):
        with pytest.raises(TypeError, match=r"'type' of an ASGI message must be a str, not "):
            message_type({"type": type_})

    def test_missing(self):
        with pytest.raises(TypeError, match=r"'type'.* not None"):
            message_type({})


class TestSentData:
    @pytest.mark.parametrize("text", ["", "Hello"])
    @pytest.mark.parametrize("other", [{}, {"bytes": None}])
    def test_text(self, text, other):
        assert sent_data({"text": text, **other}) == text

    @pytest.mark.parametrize("data", [b"", b"Hello"])
    @pytest.mark.parametrize("other", [{}, {"text": None}])
    def test_bytes(self, data, other):
        assert sent_data({"bytes": data, **other}) == data

    def test_bytes_are_not_copied(self):
        data = bytes(100)
        assert sent_data({"bytes": data}) is data

    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    def test_what_can_change_is_copied(self, kind):
        source = bytearray(b"Hello")
        data = sent_data({"bytes": kind(source)})
        source[:] = b"xxxxx"
        assert (data, type(data)) == (b"Hello", bytes)

    @pytest.mark.parametrize("message", [{}, {"text": None}, {"bytes": None}, {"text": None, "bytes": None}])
    def test_neither(self, message):
        with pytest.raises(ValueError, match="one of 'bytes' and 'text'"):
            sent_data(message)

    @pytest.mark.parametrize("text", ["", "Hello", 1])
    def test_both(self, text):
        with pytest.raises(ValueError, match="only one of 'bytes' and 'text'"):
            sent_data({"text": text, "bytes": b""})

    @pytest.mark.parametrize("text", [b"Hello", 1, ["a"]])
    def test_text_of_the_wrong_type(self, text):
        with pytest.raises(TypeError, match=r"'text' of websocket.send must be a str"):
            sent_data({"text": text})

    @pytest.mark.parametrize("data", ["Hello", 1, [1]])
    def test_bytes_of_the_wrong_type(self, data):
        with pytest.raises(TypeError, match=r"'bytes' of websocket.send must be bytes"):
            sent_data({"bytes": data})


class TestText:
    def test_that_is_not_utf8_says_where(self):
        with pytest.raises(UnicodeEncodeError) as info:
            "ab\ud800".encode()
        error = not_utf8(info.value)
        assert "'text'" in str(error)
        assert "surrogates not allowed at position 2" in str(error)
        assert not isinstance(error, UnicodeError)


class TestClose:
    @pytest.mark.parametrize("message", [{}, {"code": None, "reason": None}])
    def test_nothing_given(self, message):
        assert close_code_and_reason(message) == (1000, "")

    @pytest.mark.parametrize("code", [1000, 1012, 3000, 4999])
    def test_given(self, code):
        assert close_code_and_reason({"code": code, "reason": "grüß"}) == (code, "grüß")

    @pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70000])
    def test_code_that_may_not_be_sent(self, code):
        with pytest.raises(ValueError, match=f"'code' of websocket.close cannot be {code}:"):
            close_code_and_reason({"code": code})

    @pytest.mark.parametrize("code", ["1000", 1000.0, True])
    def test_code_of_the_wrong_type(self, code):
        with pytest.raises(TypeError, match=r"'code' of websocket.close must be an int"):
            close_code_and_reason({"code": code})

    @pytest.mark.parametrize("reason", ["x" * MAX_REASON, "\u20ac" * (MAX_REASON // 3)])
    def test_longest_reason(self, reason):
        assert close_code_and_reason({"reason": reason}) == (1000, reason)

    @pytest.mark.parametrize("reason", ["x" * (MAX_REASON + 1), "\u20ac" * (MAX_REASON // 3 + 1)])
    def test_reason_too_long(self, reason):
        with pytest.raises(ValueError, match=f"'reason' .* {len(reason.encode())} bytes, more than {MAX_REASON}"):
            close_code_and_reason({"reason": reason})

    def test_reason_that_utf8_cannot_express(self):
        with pytest.raises(ValueError, match=r"'reason' of websocket.close cannot be UTF-8"):
            close_code_and_reason({"reason": "\ud800"})

    @pytest.mark.parametrize("reason", [b"bye", 1])
    def test_reason_of_the_wrong_type(self, reason):
        with pytest.raises(TypeError, match=r"'reason' of websocket.close must be a str"):
            close_code_and_reason({"reason": reason})


class TestHeaders:
    @pytest.mark.parametrize("message", [{}, {"headers": None}, {"headers": []}])
    def test_none(self, message):
        assert header_list(message) == []

    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_any_iterable(self, kind):
        assert header_list({"headers": kind([(b"a", b"b")])}) == [(b"a", b"b")]

    @pytest.mark.parametrize("headers", ["a", b"a", {b"a": b"b"}, 1])
    def test_what_is_no_iterable_of_pairs(self, headers):
        with pytest.raises(TypeError, match=r"'headers' of websocket.accept must be an iterable of pairs"):
            header_list({"type": "websocket.accept", "headers": headers})


class TestDenial:
    @pytest.mark.parametrize("status", [200, 401, 0])
    def test_status(self, status):
        assert denial_status({"status": status}) == status

    def test_status_missing(self):
        with pytest.raises(ValueError, match=r"'status' .* is missing"):
            denial_status({})

    @pytest.mark.parametrize("status", [None, "401", 401.0, True])
    def test_status_of_the_wrong_type(self, status):
        with pytest.raises(TypeError, match=r"'status' .* must be an int"):
            denial_status({"status": status})

    @pytest.mark.parametrize("body", [b"a", bytearray(b"a"), memoryview(b"a")])
    def test_body(self, body):
        assert denial_body({"body": body}) == (b"a", False)

    def test_body_missing(self):
        assert denial_body({}) == (b"", False)

    @pytest.mark.parametrize(("more_body", "more"), [(True, True), (False, False), (1, True), (None, False)])
    def test_more_body(self, more_body, more):
        assert denial_body({"more_body": more_body}) == (b"", more)

    @pytest.mark.parametrize("body", [None, "a", 1])
    def test_body_of_the_wrong_type(self, body):
        with pytest.raises(TypeError, match=r"'body' .* must be bytes"):
            denial_body({"body": body})
