"""The framing with one codec, or one of each: what ``framing`` checks but for the reference, fast.

The inputs are those of ``framing``; the first byte also chooses the lanes.
"""

from __future__ import annotations

from safews._events import Violation
from tests.connections import LANES
from tests.fuzz.framing import AGREED, PAIRS, Lane, Stream
from tests.fuzz.reached import REACHED
from tests.fuzz.script import Conforming

CHOICES: list[list[Lane]] = [*([lane] for lane in LANES), *PAIRS]


class Conversation(Stream):
    """A stream that is seldom over soon."""

    peer = Conforming
    max_sizes = (400, 70000, None)
    most_reads = 2


def check(data: bytes) -> None:
    """Run an input; raise ``AssertionError`` for what must not be."""
    lanes = CHOICES[data[0] // len(AGREED) % len(CHOICES)] if data else CHOICES[0]
    stream = Conversation(data, lanes)
    events = stream.lanes.events
    assert events[0] == b""
    if len(stream.wire) > len(Conforming.greeting):
        REACHED.update(f"past the first frame with {codec.name}" for codec, _ in lanes)
    if len(events) > 1 and not isinstance(events[1], Violation):
        REACHED.update(f"second event from {codec.name} itself" for codec, fast_lane in lanes if not fast_lane)
