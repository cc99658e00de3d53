"""From the peer's bytes to events: RFC 6455 sections 5.2 to 5.5.

The boundaries of frames are ours. Every header is held back until it is whole and then checked here, so that with
either library the same bytes get the same answer at the same moment. After that, by an option, frames take one of two
lanes:

* the fast lane reads all frames without a library: messages that are whole in one frame, and most fragments, in loops
  of their own (``_fast_lane``), the other fragments and what has arrived in part by ``ArrivingMessage``;
* the library's lane, which every frame takes where the fast lane is off, hands it to the codec. One that has arrived
  only in part is handed on as smaller fragments: no library ever waits for the rest of a frame.

Both lanes give the same events for the same bytes, and see invalid text, bad deflate data and a message that inflates
too far as they arrive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import cast

from ._arriving import Arriving, ArrivingFragment, ArrivingMessage
from ._close import Close
from ._codecs._base import Codec, read_close, too_big
from ._deflate import DeflateParameters, Inflater
from ._events import Event, Ping, Pong, Violation
from ._fast_lane import read_fragments, read_pong, read_whole
from ._frame_header import Header, header_fault, read_header
from ._frames import CLOSE, CONTROL, OPCODE, PING, RSV1
from ._masking import KEY_SIZE, unmask

FRAGMENT_OVERHEAD = 64
"""Bytes that a fragment counts for besides its payload, so that endless empty ones are seen."""

_WIRE_SLACK = 1024
"""Bytes by which a compressed message may be longer than the limit for what it inflates to, besides a sixteenth."""


class _Ended(Exception):
    """The peer closed, or broke the protocol or a limit: nothing after it is read."""

    def __init__(self, ending: Close | Violation) -> None:
        self.ending = ending


class _Message:
    """An unfinished message: the bytes that its frames have announced, and the number of those frames.

    ``own`` reads it where no library does.
    """

    __slots__ = ("compressed", "frames", "own", "size")

    def __init__(self, compressed: bool, own: ArrivingMessage | None) -> None:
        self.compressed = compressed
        self.own = own
        self.frames = 0
        self.size = 0


class Framing:
    """Cuts the stream into frames and reads them.

    ``codec`` makes the codec when the first frame needs it. ``max_size`` bounds a message in bytes, ``None`` for no
    limit; of a compressed one it is what it inflates to that counts. ``deflate`` is what was agreed on for
    permessage-deflate, ``None`` where it was not.
    """

    __slots__ = (
        "_arriving",
        "_at",
        "_codec",
        "_compression",
        "_data",
        "_ending",
        "_fast_lane",
        "_fault",
        "_fed",
        "_inflater",
        "_left",
        "_limit",
        "_make_codec",
        "_max_size",
        "_message",
        "_wire_limit",
        "is_clear",
        "wants_data",
    )

    def __init__(
        self,
        codec: Callable[[], Codec],
        *,
        max_size: int | None,
        deflate: DeflateParameters | None,
        fast_lane: bool = True,
    ) -> None:
        self._make_codec = codec
        self._codec: Codec | None = None
        self._compression = deflate is not None
        self._fast_lane = fast_lane
        self._inflater = Inflater(deflate, max_size) if fast_lane and deflate is not None else None
        self._max_size = max_size
        self._limit = sys.maxsize if max_size is None else max_size
        self._wire_limit = sys.maxsize if max_size is None else max_size + max_size // 16 + _WIRE_SLACK
        # What is read now, from the offset on, and what was fed while some of that was left.
        self._data = b""
        self._at = 0
        self._fed = bytearray()
        # The unfinished message and, if the last of its frames has arrived in part, that frame and the bytes it lacks.
        self._message: _Message | None = None
        self._arriving: Arriving | None = None
        self._left = 0
        # What is wrong with the message that comes next, where that is known already.
        self._fault: Violation | None = None
        self._ending: Close | Violation | None = None
        self.wants_data = True
        """``True``: ``parse`` can do nothing before the next ``feed``. ``False``: perhaps it can."""
        self.is_clear = True
        """Whether nothing is held at all."""

    @property
    def buffered(self) -> int:
        """How many bytes are held: those not yet parsed, the unfinished message, ``FRAGMENT_OVERHEAD`` per fragment."""
        raw = len(self._data) - self._at + len(self._fed)
        message = self._message
        if message is None:
            return raw
        if not message.compressed:
            held = message.size - self._left
        elif self._inflater is not None:
            held = self._inflater.size
        else:
            held = self._library().inflated
        return raw + held + message.frames * FRAGMENT_OVERHEAD

    def feed(self, data: bytes, at: int = 0) -> None:
        """Keep bytes from the peer, those of ``data`` from ``at`` on. After the ending they are thrown away."""
        if self._ending is not None or at == len(data):
            return
        self.wants_data = self.is_clear = False
        if self._fed or self._at < len(self._data):
            self._fed += memoryview(data)[at:]
        else:
            self._data = data
            self._at = at

    def read_whole(self, data: bytes, max_frames: int, max_bytes: int) -> tuple[list[str | bytes], int, int]:
        """Read the whole messages with which a read begins; return them, their ``len()``, and how many bytes they took.

        Nothing may be held. The rest is to be fed. With the fast lane off all of it is.
        """
        if not self._fast_lane:
            return [], 0, 0
        messages, room, end, self._fault = read_whole(data, 0, self._limit, max_frames, max_bytes, self._inflater)
        return messages, max_bytes - room, end

    def read_pong(self, data: bytes) -> Pong | None:
        """Read a Pong that is all there is of a read, as nearly all are; ``None`` for anything else.

        Nothing may be held. What gives ``None`` is to be fed, as is everything with the fast lane off.
        """
        return read_pong(data) if self._fast_lane else None

    def read_more(self, data: bytes) -> bool:
        """Read a read that is payload of the frame that arrives, and not the last of it: most of a large message.

        What gives ``False`` is to be fed. ``wants_data`` is ``False`` if it has shown a fault, which ``parse`` returns.
        """
        arriving = self._arriving
        if arriving is None or not self.wants_data or len(data) >= self._left:
            return False
        self._left -= len(data)
        fault = arriving.take(data, False)
        if isinstance(fault, Violation):
            self._fault = fault
            self.wants_data = False
        return True

    def parse(self, max_frames: int, max_bytes: int) -> list[Event]:
        """Read at most ``max_frames`` frames, stopping after the one with which the messages reach ``max_bytes``.

        What counts is the ``len()`` of the messages that this call returns. A ``Close`` or a ``Violation`` is the last
        event there is.
        """
        if self._fed:
            self._data = b"".join((self._data[self._at :], self._fed))
            self._at = 0
            self._fed = bytearray()
        events: list[Event] = []
        try:
            self.wants_data = self._ending is not None or self._read_frames(events, max_frames, max_bytes)
        except _Ended as ended:
            self._end(ended.ending)
            events.append(ended.ending)
        if self.wants_data:
            # Lets go of what has been read; less than a whole control frame is left.
            self._data = self._data[self._at :]
            self._at = 0
            self.is_clear = not self._data and self._message is None
        return events

    def _end(self, ending: Close | Violation) -> None:
        """Note the ending and drop what is held: "a peer discards any further data received" (section 1.4)."""
        self._ending = ending
        self._codec = None
        self._message = None
        self._arriving = None
        self._at = len(self._data)
        self.wants_data = True

    def _read_frames(self, events: list[Event], frames: int, room: int) -> bool:
        """Read frames up to the limits; return whether it was data that ran out. Raises ``_Ended``."""
        while True:
            if self._fast_lane and self._arriving is None and self._fault is None:
                if self._message is not None:
                    frames -= self._read_fragments(self._message, frames)
                elif not self._is_at_control:
                    messages, room, self._at, self._fault = read_whole(
                        self._data, self._at, self._limit, frames, room, self._inflater
                    )
                    events += messages
                    frames -= len(messages)
            if self._at == len(self._data) and self._fault is None:
                return True
            if frames <= 0 or room <= 0:
                return False
            if self._fault is not None:
                raise _Ended(self._fault)
            known = len(events)
            if not self._read_frame(events):
                return True
            frames -= 1
            room -= sum(len(event) for event in events[known:] if isinstance(event, (str, bytes)))

    @property
    def _is_at_control(self) -> bool:
        """Whether a control frame comes next, of a known opcode or not: the fast lane would make nothing of it."""
        return self._at < len(self._data) and self._data[self._at] & CONTROL != 0

    def _read_fragments(self, message: _Message, frames: int) -> int:
        """Read what the fast lane can of an unfinished message, and return how many frames that was."""
        # The fast lane reads every message itself.
        own = cast("ArrivingMessage", message.own)
        room = self._limit_of(message) - message.size
        count, size, self._at, self._fault = read_fragments(self._data, self._at, own, frames, room)
        message.frames += count
        message.size += size
        return count

    def _limit_of(self, message: _Message) -> int:
        """Return how many bytes the frames of a message may announce."""
        return self._wire_limit if message.compressed else self._limit

    def _read_frame(self, events: list[Event]) -> bool:
        """Read the next frame, or more of the one that is arriving; return whether it is finished."""
        if self._arriving is not None:
            return self._read_payload(self._arriving, events)
        header = read_header(self._data, self._at)
        if header is None:
            return False
        fault = header_fault(header, message_open=self._message is not None, compression=self._compression)
        if fault is not None:
            raise _Ended(Violation(1002, fault))
        if header.first & CONTROL:
            return self._read_control(header, events)
        return self._read_data(header, events)

    def _read_control(self, header: Header, events: list[Event]) -> bool:
        """Read a control frame, held until it is whole."""
        start = header.start
        end = start + header.length
        if end > len(self._data):
            return False
        if not self._fast_lane:
            self._deliver(self._library().receive(self._data[self._at : end]), events)
        else:
            payload = unmask(self._data[start:end], self._data[start - KEY_SIZE : start])
            opcode = header.first & OPCODE
            if opcode == CLOSE:
                raise _Ended(read_close(payload))
            events.append(Ping(payload) if opcode == PING else Pong(payload))
        self._at = end
        return True

    def _read_data(self, header: Header, events: list[Event]) -> bool:
        """Begin a data frame: count it, choose its lane, and read what is there."""
        first, _, length, start = header
        own = self._announce(first, length).own
        key = self._data[start - KEY_SIZE : start]
        end = start + length
        if own is not None:
            own.begin(first, key)
            self._arriving = own
        elif end > len(self._data):
            self._arriving = ArrivingFragment(self._library(), first, key)
        else:
            # Whole, so handed on as it is.
            frame = self._data[self._at : end]
            self._at = end
            self._deliver(self._library().receive(frame), events)
            return True
        self._left = length
        self._at = start
        return self._read_payload(self._arriving, events)

    def _announce(self, first: int, length: int) -> _Message:
        """Count a data frame into its message; its header alone tells whether the message gets too big."""
        message = self._message
        if message is None:
            compressed = first & RSV1 == RSV1
            own = ArrivingMessage(first & OPCODE, self._inflater if compressed else None) if self._fast_lane else None
            message = self._message = _Message(compressed, own)
        message.frames += 1
        message.size += length
        if message.size > self._limit_of(message):
            raise _Ended(too_big(self._max_size))
        return message

    def _read_payload(self, arriving: Arriving, events: list[Event]) -> bool:
        """Read of an arriving frame what there is; return whether that was the rest of it."""
        piece = memoryview(self._data)[self._at : self._at + self._left]
        if not piece and self._left:
            return False
        self._at += len(piece)
        self._left -= len(piece)
        self._deliver(arriving.take(piece, not self._left), events)
        if self._left:
            return False
        self._arriving = None
        return True

    def _deliver(self, event: Event | None, events: list[Event]) -> None:
        """Add what a frame has completed, if anything. Raises ``_Ended`` for what nothing may follow."""
        if isinstance(event, (Close, Violation)):
            raise _Ended(event)
        if event is not None:
            events.append(event)
        if isinstance(event, (str, bytes)):
            self._message = None

    def _library(self) -> Codec:
        """Return the codec, made on first use."""
        if self._codec is None:
            self._codec = self._make_codec()
        return self._codec
