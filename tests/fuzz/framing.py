"""The framing alone: four of them must agree, with each other and with the reference, however the stream is cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from safews._close import Close
from safews._codecs._base import Codec
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._deflate import DeflateParameters
from safews._events import Event, Violation
from safews._framing import FRAGMENT_OVERHEAD, Framing
from tests.connections import LANES
from tests.fuzz.script import WRITES, Peer, Script
from tests.reference import Reference

AGREED = [
    None,
    DeflateParameters(),
    DeflateParameters(client_no_context_takeover=True),
    DeflateParameters(client_max_window_bits=9),
]
LIMITS = [(1 << 60, 1 << 60), (1, 1), (2, 20), (3, 300)]
"""How many frames and how many bytes of messages are read at once."""

CUT = WRITES
"""The kind that ends a read."""

CUT_ALL = WRITES + 1
"""The kind after which what has come is cut into reads of the number of bytes that follows, 0 for one read."""

KINDS = WRITES + 2

UNREAD = 14 + 125
"""The most bytes that may wait where all that can be read has been read: less than a whole control frame."""

SHORTEST_FRAME = 6

ENDINGS = (Close, Violation)

Lane = tuple[type[Codec], bool]

PAIRS: list[list[Lane]] = [
    [(WebsocketsCodec, False), (WsprotoCodec, False)],
    [(WebsocketsCodec, True), (WsprotoCodec, False)],
    [(WebsocketsCodec, False), (WsprotoCodec, True)],
]
"""One lane of each codec. Both fast lanes are the same code: one is enough, with either codec behind it."""


def check(data: bytes) -> None:
    """Run an input; raise ``AssertionError`` for what must not be."""
    stream = Stream(data, LANES)
    expected = Reference(stream.agreed, stream.max_size).decode(stream.wire)
    check_reference(expected, stream.lanes.events)


def check_reference(expected: list[Event], events: list[Event]) -> None:
    """What is wrong with a frame in more than one way may be called either."""
    assert [type(event) for event in events] == [type(event) for event in expected]
    for ours, theirs in zip(events, expected, strict=True):
        assert ours == theirs or isinstance(ours, Violation)


class Stream:
    """An input, played to framings: what was agreed on, what they have read, and ``wire``, what the peer has sent."""

    peer = Peer
    max_sizes: Sequence[int | None] = (400, 70000, 0, None)
    most_reads = 32
    """Into how many reads what has come is cut at most: an input of hundreds takes the time of many others."""

    def __init__(self, data: bytes, lanes: list[Lane]) -> None:
        script = Script(data)
        self.agreed = AGREED[script.byte() % len(AGREED)]
        self.max_size = self.max_sizes[script.byte() % len(self.max_sizes)]
        self.lanes = Lanes(lanes, self.agreed, self.max_size, *LIMITS[script.byte() % len(LIMITS)])
        self.wire = self._play(script, self.peer(self.agreed))

    def _play(self, script: Script, peer: Peer) -> bytes:
        longest = 0
        wire = piece = peer.greeting
        while script.has_more and not self.lanes.is_over:
            kind = script.byte() % KINDS
            if kind == CUT_ALL:
                longest = script.byte()
            elif kind == CUT:
                self._read(piece, longest)
                piece = b""
            else:
                written = peer.write(kind, script)
                wire += written
                piece += written
        self._read(piece, longest)
        return wire

    def _read(self, piece: bytes, longest: int) -> None:
        """Have what has come read, in reads of that many bytes (0: as one) or of more."""
        longest = max(longest or len(piece), len(piece) // self.most_reads, 1)
        for at in range(0, len(piece), longest):
            self.lanes.read(piece[at : at + longest])


class Lanes:
    """Framings that must agree, step by step: each a codec, with the fast lane or without."""

    def __init__(
        self, lanes: list[Lane], agreed: DeflateParameters | None, max_size: int | None, frames: int, size: int
    ) -> None:
        self._max_size = max_size
        self._limits = frames, size
        self._fed = 0
        self.events: list[Event] = []
        self._framings = [
            Framing(
                partial(codec, agreed, max_size),
                max_size=max_size,
                deflate=agreed,
                fast_lane=fast_lane,
            )
            for codec, fast_lane in lanes
        ]

    @property
    def is_over(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], ENDINGS)

    def read(self, data: bytes) -> None:
        """Feed what has come, and parse it all."""
        self._fed += len(data)
        for framing in self._framings:
            framing.feed(data)
        while True:
            first, *others = [(f.parse(*self._limits), f.buffered, f.wants_data, f.is_clear) for f in self._framings]
            for other in others:
                assert other == first
            events, buffered, wants_data, _ = first
            if events:
                self._check_step(events)
                self.events += events
            if wants_data:
                break
        self._check_bounds(buffered)

    def _check_step(self, events: list[Event]) -> None:
        frames, size = self._limits
        assert len(events) <= frames
        messages = [event for event in events if isinstance(event, (str, bytes))]
        assert sum(map(len, messages[:-1])) < size
        assert not any(isinstance(event, ENDINGS) for event in events[:-1])
        assert not self.is_over
        if self._max_size is not None:
            assert all(len(m if isinstance(m, bytes) else m.encode()) <= self._max_size for m in messages)

    def _check_bounds(self, buffered: int) -> None:
        """All that can be read has been read, so nothing is held but an unfinished message, and less than a frame."""
        if self._max_size is not None:
            fragments = self._fed // SHORTEST_FRAME
            assert buffered < UNREAD + self._max_size + 1 + fragments * FRAGMENT_OVERHEAD
