from __future__ import annotations

import pytest

from safews._close import Close
from safews._codecs._base import Codec
from safews._events import Event, Ping, Violation
from safews._framing import Framing
from safews._inbox import Inbox
from safews._reader import DROP_SIZE, FRAMES_PER_TURN, Mode, Reader
from tests.harness import BINARY, PING, TEXT, close_frame, frame

MAX_MESSAGES = 8
MAX_BYTES = 100
RECEIVE_BUFFER = 300

MESSAGE = frame(TEXT, b"hello")
PART = MESSAGE[:-1]
"""A message that is not whole."""

ALL_MODES = pytest.mark.parametrize("mode", Mode)
READ_MODES = pytest.mark.parametrize("mode", [Mode.TAKE, Mode.DROP])


def no_codec() -> Codec:
    raise AssertionError("no frame here needs the codec")


class Side:
    """A ``Reader`` on a real ``Framing`` and ``Inbox``; what it reads of messages goes into the inbox."""

    def __init__(self, max_messages: int = MAX_MESSAGES) -> None:
        self.inbox = Inbox(max_messages, MAX_BYTES)
        self.framing = Framing(no_codec, max_size=None, deflate=None)
        self.reader = Reader(self.framing, self.inbox, RECEIVE_BUFFER)
        self.mode = Mode.TAKE

    def feed(self, *frames: bytes) -> None:
        self.reader.feed(b"".join(frames))

    def read(self, mode: Mode = Mode.TAKE) -> list[Event]:
        """Read one turn's frames, as the connection does; an event may change ``self.mode`` meanwhile."""
        self.mode = mode
        events: list[Event] = []
        most = FRAMES_PER_TURN
        while most > 0 and not self.reader.wants_data:
            frames, size = self.reader.allowance(self.mode, most)
            if not frames:
                break
            most -= frames
            for event in self.framing.parse(frames, size):
                events.append(event)
                self.handle(event)
        return events

    def handle(self, event: Event) -> None:
        if isinstance(event, (str, bytes)) and self.mode is Mode.TAKE:
            self.inbox.put_messages([event])

    def fill(self, messages: int) -> None:
        """Put so many messages without bytes into the inbox."""
        for _ in range(messages):
            self.inbox.put_messages([""])


@pytest.fixture
def side() -> Side:
    return Side()


class TestData:
    def test_it_wants_some_at_first(self, side: Side) -> None:
        assert side.reader.wants_data

    def test_it_wants_none_while_some_is_unread(self, side: Side) -> None:
        side.feed(MESSAGE)
        assert not side.reader.wants_data
        side.read()
        assert side.reader.wants_data

    def test_it_wants_more_of_a_frame_that_is_not_whole(self, side: Side) -> None:
        side.feed(PART)
        assert side.read() == []
        assert side.reader.wants_data

    def test_what_is_fed_in_parts_is_one_stream(self, side: Side) -> None:
        side.feed(PART)
        side.feed(MESSAGE[-1:], MESSAGE)
        assert side.read() == ["hello", "hello"]


class TestHoldsLess:
    """Held is what the framing has and the messages in the inbox."""

    def test_nothing_is_less(self, side: Side) -> None:
        assert side.reader.holds_less

    @pytest.mark.parametrize(("size", "less"), [(RECEIVE_BUFFER - 1, True), (RECEIVE_BUFFER, False)])
    def test_unread_bytes(self, side: Side, size: int, less: bool) -> None:
        side.feed(bytes(size))
        assert side.reader.holds_less is less

    @pytest.mark.parametrize(("size", "less"), [(RECEIVE_BUFFER - 1, True), (RECEIVE_BUFFER, False)])
    def test_messages(self, side: Side, size: int, less: bool) -> None:
        side.inbox.put_messages([bytes(size)])
        assert side.reader.holds_less is less

    def test_both_together(self, side: Side) -> None:
        side.inbox.put_messages([bytes(RECEIVE_BUFFER // 2)])
        assert side.reader.holds_less
        side.feed(bytes(RECEIVE_BUFFER // 2))
        assert not side.reader.holds_less


class TestTake:
    def test_all_there_is(self, side: Side) -> None:
        side.feed(MESSAGE, frame(PING, b"p"), frame(BINARY, b"\x00"))
        assert side.read() == ["hello", Ping(b"p"), b"\x00"]

    def test_nothing_without_data(self, side: Side) -> None:
        assert side.read() == []

    def test_no_more_messages_than_there_is_room_for(self, side: Side) -> None:
        side.feed(*[MESSAGE] * (MAX_MESSAGES + 1))
        assert len(side.read()) == MAX_MESSAGES
        assert side.read() == []
        side.inbox.take()
        assert side.read() == ["hello"]

    def test_the_message_with_which_the_bytes_are_too_many_is_the_last(self, side: Side) -> None:
        side.feed(*[frame(BINARY, bytes(MAX_BYTES - 1))] * 3)
        assert len(side.read()) == 2
        assert side.read() == []

    def test_nothing_into_an_inbox_that_is_full_of_bytes(self, side: Side) -> None:
        side.inbox.put_messages([bytes(MAX_BYTES)])
        side.feed(MESSAGE)
        assert side.read() == []

    def test_what_takes_no_room_does_not_end_the_reading(self, side: Side) -> None:
        side.feed(*[frame(PING)] * MAX_MESSAGES * 2, MESSAGE)
        assert len(side.read()) == MAX_MESSAGES * 2 + 1

    def test_the_ending_is_the_last(self, side: Side) -> None:
        side.feed(MESSAGE, close_frame(4000, "bye"), MESSAGE)
        assert side.read() == ["hello", Close(4000, "bye")]
        side.feed(MESSAGE)
        assert side.read() == []

    def test_a_violation_too(self, side: Side) -> None:
        side.feed(MESSAGE, frame(0x3))
        assert [type(event) for event in side.read()] == [str, Violation]


class TestDrop:
    def test_a_full_inbox_does_not_keep_it_from_the_peers_close(self, side: Side) -> None:
        side.fill(MAX_MESSAGES)
        side.feed(*[MESSAGE] * (MAX_MESSAGES + 1), close_frame(4000))
        assert side.read(Mode.DROP)[-1] == Close(4000, "")

    def test_a_bounded_size_at_once(self, side: Side) -> None:
        side.feed(*[frame(BINARY, bytes(DROP_SIZE // 2))] * 3)
        assert len(side.read(Mode.DROP)) == 2
        assert len(side.read(Mode.DROP)) == 1


class TestIgnore:
    def test_nothing_is_read(self, side: Side) -> None:
        side.feed(MESSAGE)
        assert side.read(Mode.IGNORE) == []
        assert side.read(Mode.TAKE) == ["hello"]


class TestAllowance:
    """How much may be read at once: what there is room for, and nothing at all where there is none."""

    @pytest.mark.parametrize(
        ("messages", "size", "expected"),
        [
            (0, 0, (MAX_MESSAGES, MAX_BYTES)),
            (MAX_MESSAGES - 1, 0, (1, MAX_BYTES)),
            (MAX_MESSAGES, 0, (0, 0)),
            (MAX_MESSAGES + 1, 0, (0, 0)),
            (0, MAX_BYTES - 1, (MAX_MESSAGES - 1, 1)),
            (0, MAX_BYTES, (0, 0)),
            (0, MAX_BYTES + 1, (0, 0)),
        ],
    )
    def test_of_what_is_taken(self, side: Side, messages: int, size: int, expected: tuple[int, int]) -> None:
        side.fill(messages)
        if size:
            side.inbox.put_messages([bytes(size)])
        assert side.reader.allowance(Mode.TAKE, FRAMES_PER_TURN) == expected

    def test_no_more_than_what_is_left_of_the_turn(self, side: Side) -> None:
        assert side.reader.allowance(Mode.TAKE, 3) == (3, MAX_BYTES)

    def test_of_what_is_dropped(self, side: Side) -> None:
        side.fill(MAX_MESSAGES)
        assert side.reader.allowance(Mode.DROP, 3) == (3, DROP_SIZE)

    def test_none_of_what_is_ignored(self, side: Side) -> None:
        assert side.reader.allowance(Mode.IGNORE, 3) == (0, 0)

    @READ_MODES
    def test_none_while_a_pong_waits(self, side: Side, mode: Mode) -> None:
        side.reader.output_paused = True
        side.reader.hold_after_pong()
        assert side.reader.allowance(mode, 3) == (0, 0)


class TestTurn:
    """Others have their turn after so many frames."""

    # With 7 the last part of the turn has room for more than the turn allows.
    @pytest.mark.parametrize("max_messages", [7, MAX_MESSAGES, FRAMES_PER_TURN * 2])
    @READ_MODES
    def test_frames_of_a_flood(self, mode: Mode, max_messages: int) -> None:
        side = Side(max_messages)
        side.feed(*[frame(PING)] * (FRAMES_PER_TURN + 5))
        assert len(side.read(mode)) == FRAMES_PER_TURN
        assert len(side.read(mode)) == 5

    def test_messages_of_a_flood(self) -> None:
        side = Side(FRAMES_PER_TURN * 2)
        side.feed(*[frame(TEXT)] * (FRAMES_PER_TURN + 5))
        assert len(side.read()) == FRAMES_PER_TURN
        assert len(side.read()) == 5


class TestChangeOfMode:
    """An event that changes the mode changes what comes after those that were read with it."""

    @pytest.mark.parametrize(
        ("before", "after", "count"),
        [
            (Mode.TAKE, Mode.IGNORE, MAX_MESSAGES),
            (Mode.TAKE, Mode.DROP, MAX_MESSAGES * 3),
            (Mode.DROP, Mode.IGNORE, MAX_MESSAGES * 3),
        ],
    )
    def test_by_an_event(self, before: Mode, after: Mode, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        side = Side()
        monkeypatch.setattr(side, "handle", lambda event: setattr(side, "mode", after))
        side.feed(*[frame(PING)] * MAX_MESSAGES * 3)
        assert len(side.read(before)) == count

    def test_messages_of_a_full_inbox_are_read_once_they_are_dropped(self, side: Side) -> None:
        side.fill(MAX_MESSAGES)
        side.feed(MESSAGE)
        assert side.read(Mode.TAKE) == []
        assert side.read(Mode.DROP) == ["hello"]


class TestIsBehind:
    @READ_MODES
    def test_where_something_is_unread(self, side: Side, mode: Mode) -> None:
        side.feed(MESSAGE)
        assert side.reader.is_behind(mode)

    @ALL_MODES
    def test_not_where_nothing_is(self, side: Side, mode: Mode) -> None:
        assert not side.reader.is_behind(mode)

    @READ_MODES
    def test_not_for_a_frame_that_is_not_whole(self, side: Side, mode: Mode) -> None:
        side.feed(PART)
        side.read(mode)
        assert not side.reader.is_behind(mode)

    def test_not_where_it_is_ignored(self, side: Side) -> None:
        side.feed(MESSAGE)
        assert not side.reader.is_behind(Mode.IGNORE)

    @pytest.mark.parametrize(
        ("held", "expected"), [(MAX_MESSAGES // 2, True), (MAX_MESSAGES // 2 + 1, False), (MAX_MESSAGES, False)]
    )
    def test_above_the_low_water_mark_it_is_for_the_apps_next_receive(
        self, side: Side, held: int, expected: bool
    ) -> None:
        side.fill(held)
        side.feed(MESSAGE)
        assert side.reader.is_behind(Mode.TAKE) is expected

    def test_the_marks_are_not_for_what_is_dropped(self, side: Side) -> None:
        side.fill(MAX_MESSAGES)
        side.feed(MESSAGE)
        assert side.reader.is_behind(Mode.DROP)


class TestWantsBytes:
    @pytest.mark.parametrize("reading", [True, False])
    @ALL_MODES
    def test_with_nothing_held(self, side: Side, mode: Mode, reading: bool) -> None:
        assert side.reader.wants_bytes(mode, reading)

    @READ_MODES
    def test_not_while_some_is_unread(self, side: Side, mode: Mode) -> None:
        side.feed(MESSAGE)
        assert not side.reader.wants_bytes(mode, True)

    @pytest.mark.parametrize("reading", [True, False])
    def test_what_is_ignored_always(self, side: Side, reading: bool) -> None:
        side.fill(MAX_MESSAGES)
        side.feed(bytes(RECEIVE_BUFFER))
        assert side.reader.wants_bytes(Mode.IGNORE, reading)

    @pytest.mark.parametrize(
        ("held", "reading", "expected"),
        [
            (MAX_MESSAGES // 2, False, True),
            (MAX_MESSAGES // 2 + 1, False, False),
            (MAX_MESSAGES - 1, True, True),
            (MAX_MESSAGES, True, False),
        ],
    )
    def test_it_stops_at_the_high_mark_and_begins_at_the_low_one(
        self, side: Side, held: int, reading: bool, expected: bool
    ) -> None:
        side.fill(held)
        assert side.reader.wants_bytes(Mode.TAKE, reading) is expected

    @pytest.mark.parametrize(
        ("held", "reading", "expected"),
        [
            (MAX_BYTES // 2, False, True),
            (MAX_BYTES // 2 + 1, False, False),
            (MAX_BYTES - 1, True, True),
            (MAX_BYTES, True, False),
        ],
    )
    def test_the_marks_are_for_bytes_too(self, side: Side, held: int, reading: bool, expected: bool) -> None:
        side.inbox.put_messages([bytes(held)])
        assert side.reader.wants_bytes(Mode.TAKE, reading) is expected

    def test_who_waits_is_served_above_the_low_mark(self, side: Side) -> None:
        side.fill(MAX_MESSAGES // 2 + 1)
        side.inbox.receivers.append(object())
        assert side.reader.wants_bytes(Mode.TAKE, False)

    @pytest.mark.parametrize(("waiting", "expected"), [(0, False), (1, True)])
    def test_a_large_message_arrives_only_where_somebody_waits_for_it(
        self, side: Side, waiting: int, expected: bool
    ) -> None:
        side.feed(frame(BINARY, bytes(RECEIVE_BUFFER * 2))[:-1])
        side.read()
        side.inbox.receivers.extend([object()] * waiting)
        assert side.reader.wants_bytes(Mode.TAKE, True) is expected

    def test_or_where_it_is_dropped(self, side: Side) -> None:
        side.feed(frame(BINARY, bytes(RECEIVE_BUFFER * 2))[:-1])
        side.read(Mode.DROP)
        assert side.reader.wants_bytes(Mode.DROP, True)

    def test_a_full_inbox_does_not_keep_what_is_dropped_away(self, side: Side) -> None:
        side.fill(MAX_MESSAGES)
        assert side.reader.wants_bytes(Mode.DROP, True)


class TestPongs:
    """A Pong that has been written holds reading up while output is paused."""

    @pytest.fixture
    def held(self, side: Side) -> Side:
        """One whose peer has sent a Ping while output was paused, and has sent on."""
        side.reader.output_paused = True
        side.reader.hold_after_pong()
        side.feed(MESSAGE)
        return side

    @READ_MODES
    def test_nothing_is_read(self, held: Side, mode: Mode) -> None:
        assert held.read(mode) == []
        assert not held.reader.is_behind(mode)

    @READ_MODES
    def test_no_bytes_are_wanted_either(self, side: Side, mode: Mode) -> None:
        side.reader.output_paused = True
        side.reader.hold_after_pong()
        assert not side.reader.wants_bytes(mode, True)

    def test_what_is_ignored_is_read_all_the_same(self, held: Side) -> None:
        assert held.reader.wants_bytes(Mode.IGNORE, True)

    def test_a_flood_of_pings_is_held_up_after_those_that_were_read_at_once(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(side, "handle", lambda event: side.reader.hold_after_pong())
        side.reader.output_paused = True
        side.feed(*[frame(PING)] * MAX_MESSAGES * 3)
        assert len(side.read()) == MAX_MESSAGES
        assert side.read() == []
        side.reader.resume_output()
        assert len(side.read()) == MAX_MESSAGES * 2

    def test_none_is_held_back_where_output_is_taken(self, side: Side) -> None:
        side.reader.hold_after_pong()
        side.feed(MESSAGE)
        assert side.read() == ["hello"]

    def test_a_pause_alone_holds_nothing_up(self, side: Side) -> None:
        side.reader.output_paused = True
        side.feed(MESSAGE)
        assert side.read() == ["hello"]

    def test_once_output_is_taken_reading_goes_on(self, held: Side) -> None:
        assert held.reader.resume_output()
        assert not held.reader.output_paused
        assert held.read() == ["hello"]

    def test_it_is_told_once(self, held: Side) -> None:
        assert held.reader.resume_output()
        assert not held.reader.resume_output()

    def test_output_that_resumes_without_a_pong_has_held_nothing_up(self, side: Side) -> None:
        side.reader.output_paused = True
        assert not side.reader.resume_output()

    def test_a_pong_that_is_forgotten_holds_nothing_up(self, held: Side) -> None:
        held.reader.forget_pong()
        assert held.reader.output_paused
        assert held.read() == ["hello"]
        assert not held.reader.resume_output()
