"""The counts of a run: who gets how far."""

from __future__ import annotations

import pytest

from tests.fuzz import codecs, reached
from tests.fuzz.reached import EVERY, REACHED, counting
from tests.fuzz.script import Kind, raw, written
from tests.reference import FIN, TEXT

STARTS = [bytes((lanes * len(codecs.AGREED), 0, 0)) for lanes in range(len(codecs.CHOICES))]
HELLO = written(Kind.FRAME, FIN | TEXT, b"hello")


@pytest.fixture(autouse=True)
def _no_counts():
    """Counts begin at nothing."""
    before = REACHED.copy()
    REACHED.clear()
    yield
    REACHED.clear()
    REACHED.update(before)


def test_inputs_are_counted_and_written_down(tmp_path):
    path = tmp_path / "counts.json"
    check = counting(lambda data: REACHED.update([data.decode()]), path)
    for _ in range(EVERY):
        assert reached.reached(path) == {}
        check(b"here")
    check(b"there")
    assert reached.reached(path) == {"here": EVERY, "inputs": EVERY}


def test_input_that_breaks_a_property_is_not_counted(tmp_path):
    check = counting(lambda data: [][0], tmp_path / "counts.json")
    with pytest.raises(IndexError):
        check(b"")
    assert REACHED == {}


@pytest.mark.parametrize("lanes", range(len(codecs.CHOICES)))
def test_nothing_is_past_the_first_frame_that_stands_alone(lanes):
    codecs.check(STARTS[lanes])
    assert REACHED == {}


@pytest.mark.parametrize("lanes", range(len(codecs.CHOICES)))
def test_second_event_is_from_a_library_that_reads_all(lanes):
    codecs.check(STARTS[lanes] + HELLO)
    chosen = codecs.CHOICES[lanes]
    past = {f"past the first frame with {codec.name}": 1 for codec, _ in chosen}
    second = {f"second event from {codec.name} itself": 1 for codec, fast_lane in chosen if not fast_lane}
    assert past | second == REACHED


@pytest.mark.parametrize("data", [raw(b"\x81\x05hello"), written(Kind.FRAME, TEXT, b"hello"), HELLO[:-1]])
def test_violation_or_part_of_a_message_is_no_second_event(data):
    codecs.check(STARTS[0] + data)
    assert list(REACHED) == ["past the first frame with wsproto"]
