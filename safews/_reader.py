"""How far the peer is read: no more than the app can take, and never so much that other connections wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto

from ._events import Event
from ._framing import Framing
from ._inbox import Inbox

FRAMES_PER_TURN = 256
"""Frames that are read before other connections have their turn."""

DROP_SIZE = 1024 * 1024
"""Bytes of messages that are read at once when nobody is to have them."""


class Mode(Enum):
    """What becomes of what the peer sends."""

    TAKE = auto()
    """It is for the app, as far as there is room in the inbox."""
    DROP = auto()
    """Messages are for nobody: only the peer's Close is looked for."""
    IGNORE = auto()
    """Nothing is read."""


class Reader:
    """Reads frames into ``inbox`` by ``framing``.

    ``waiting`` says how many ``receive()`` of the app wait for an event. ``receive_buffer`` bounds, in bytes, what is
    held for an app that does not wait.
    """

    __slots__ = ("_framing", "_inbox", "_pong_is_waiting", "_receive_buffer", "output_paused", "waiting")

    def __init__(self, framing: Framing, inbox: Inbox, receive_buffer: int) -> None:
        self._framing = framing
        self._inbox = inbox
        self._receive_buffer = receive_buffer
        self._pong_is_waiting = False
        self.output_paused = False
        self.waiting = 0

    def feed(self, data: bytes) -> None:
        """Keep bytes from the peer."""
        self._framing.feed(data)

    @property
    def wants_data(self) -> bool:
        """Whether everything that has come has been read, but for a frame that is not whole."""
        return self._framing.wants_data

    @property
    def holds_less(self) -> bool:
        """Whether less than ``receive_buffer`` is held."""
        return self._inbox.size + self._framing.buffered < self._receive_buffer

    def events(self, mode: Callable[[], Mode]) -> Iterator[Event]:
        """Read what there is. An event may change the mode that what follows it is read in."""
        budget = FRAMES_PER_TURN
        while budget > 0 and self._may_parse(mode()):
            frames, size = self._inbox.room if mode() is Mode.TAKE else (budget, DROP_SIZE)
            frames = min(frames, budget)
            budget -= frames
            yield from self._framing.parse(frames, size)
            if self._framing.wants_data:
                return

    def _may_parse(self, mode: Mode) -> bool:
        if mode is Mode.IGNORE or self._pong_is_waiting:
            return False
        messages, size = self._inbox.room
        return mode is Mode.DROP or (messages > 0 and size > 0)

    def is_behind(self, mode: Mode) -> bool:
        """Say whether there is input to be read in another turn; the app's next ``receive`` reads it otherwise."""
        return not self._framing.wants_data and self._may_parse(mode) and (mode is Mode.DROP or self._inbox.is_low)

    def wants_bytes(self, mode: Mode, reading: bool) -> bool:
        """Say whether the transport is to be read; ``reading`` says whether it is.

        Not while the app has enough to do, and then not before half of it is done; nor for a message that is not whole
        yet and fills the receive buffer while nobody waits for it. What is ignored is read, and thrown away.
        """
        if mode is Mode.IGNORE:
            return True
        if not self._may_parse(mode) or not self._framing.wants_data:
            return False
        if mode is Mode.DROP or self.waiting:
            return True
        return self.holds_less and (reading or self._inbox.is_low)

    # Pongs are output that the peer makes us write, so they too wait while the transport has enough.

    def hold_after_pong(self) -> None:
        """A Pong has been written: read no further while output is paused."""
        self._pong_is_waiting = self.output_paused

    def forget_pong(self) -> None:
        """Nothing more will be written: read on all the same."""
        self._pong_is_waiting = False

    def resume_output(self) -> bool:
        """Output is no longer paused; say whether that held reading up."""
        held_up, self._pong_is_waiting, self.output_paused = self._pong_is_waiting, False, False
        return held_up
