from __future__ import annotations

import sys

import pytest

from safews._inbox import Inbox

CONNECT = {"type": "websocket.connect"}


@pytest.fixture
def inbox():
    return Inbox(max_messages=4, max_bytes=10)


class TestTake:
    def test_text_is_a_message_with_text_alone(self, inbox):
        inbox.put_messages(["héllo"])
        assert inbox.take() == {"type": "websocket.receive", "text": "héllo"}

    def test_bytes_are_a_message_with_bytes_alone(self, inbox):
        inbox.put_messages([b"\x00"])
        assert inbox.take() == {"type": "websocket.receive", "bytes": b"\x00"}

    @pytest.mark.parametrize(("data", "key"), [("", "text"), (b"", "bytes")])
    def test_empty_message(self, inbox, data, key):
        inbox.put_messages([data])
        assert inbox.take() == {"type": "websocket.receive", key: data}

    def test_event_comes_out_as_it_is(self, inbox):
        inbox.put_event(CONNECT)
        assert inbox.take() is CONNECT

    def test_in_order(self, inbox):
        inbox.put_event(CONNECT)
        inbox.put_messages(["a"])
        inbox.put_messages([b"b"])
        assert [inbox.take().get("type"), inbox.take().get("text"), inbox.take().get("bytes")] == [
            "websocket.connect",
            "a",
            b"b",
        ]

    def test_there_must_be_an_event(self, inbox):
        with pytest.raises(IndexError):
            inbox.take()


class TestMarks:
    def test_all_is_held_in_reserve_until_somebody_says_otherwise(self, inbox):
        assert inbox.reserve == sys.maxsize

    def test_empty(self, inbox):
        assert not inbox
        assert (inbox.room, inbox.is_low) == ((4, 10), True)

    def test_messages_take_room_of_both_kinds(self, inbox):
        inbox.put_messages(["abc"])
        inbox.put_messages([b"de"])
        assert (len(inbox), inbox.size, inbox.room) == (2, 5, (2, 5))

    def test_text_counts_characters(self, inbox):
        inbox.put_messages(["\U0001f600"])
        assert inbox.size == 1

    def test_events_count_as_messages_without_bytes(self, inbox):
        inbox.put_event(CONNECT)
        assert (len(inbox), inbox.size, inbox.room) == (1, 0, (3, 10))

    def test_room_gets_negative(self, inbox):
        for _ in range(5):
            inbox.put_messages([b"abc"])
        assert inbox.room == (-1, -5)

    @pytest.mark.parametrize(("marks", "sure"), [((4, 10), (2, 5)), ((5, 11), (3, 6)), ((1, 1), (1, 1))])
    def test_while_it_is_low_there_is_room_for_the_other_half(self, marks, sure):
        inbox = Inbox(*marks)
        assert (inbox.sure_messages, inbox.sure_bytes) == sure

    @pytest.mark.parametrize(
        ("messages", "is_low"),
        [([], True), ([b"ab", "cde"], True), ([b"", b"", b""], False), ([b"abcdef"], False), (["a"] * 9, False)],
    )
    def test_putting_messages_tells_whether_it_is_low(self, inbox, messages, is_low):
        assert inbox.put_messages(messages) is inbox.is_low is is_low

    def test_low_by_number_at_half(self, inbox):
        for _ in range(3):
            inbox.put_event(CONNECT)
        assert not inbox.is_low
        inbox.take()
        assert inbox.is_low

    def test_low_by_bytes_at_half(self, inbox):
        inbox.put_messages([b"x"])
        inbox.put_messages(["12345"])
        assert not inbox.is_low
        inbox.take()
        assert inbox.is_low

    def test_taking_gives_the_room_back(self, inbox):
        inbox.put_messages(["abc"])
        inbox.put_messages([b"de"])
        inbox.put_event(CONNECT)
        for _ in range(3):
            inbox.take()
        assert (len(inbox), inbox.size, inbox.room) == (0, 0, (4, 10))

    def test_mark_of_one_is_low_when_empty(self):
        inbox = Inbox(max_messages=1, max_bytes=1)
        assert inbox.is_low
        inbox.put_messages([""])
        assert not inbox.is_low
