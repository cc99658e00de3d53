"""How far the peer is read: no more than the app can take, and never so much that other connections wait."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from ._framing import Framing
from ._inbox import Inbox

FRAMES_PER_TURN: Final = 256
"""Frames that are read before other connections have their turn."""

DROP_SIZE: Final = 1024 * 1024
"""Bytes of messages that are read at once when nobody is to have them."""


class Mode(Enum):
    """What becomes of what the peer sends."""

    TAKE = auto()
    """It is for the app, as far as there is room in the inbox."""
    DROP = auto()
    """Messages are for nobody: only the peer's Close is looked for."""
    IGNORE = auto()
    """Nothing is read."""


TAKE: Final = Mode.TAKE
DROP: Final = Mode.DROP
IGNORE: Final = Mode.IGNORE


class Reader:
    """Reads frames into ``inbox`` by ``framing``.

    ``receive_buffer`` bounds, in bytes, what is held for an app that does not wait.
    """

    __slots__ = ("_inbox", "_receive_buffer", "framing", "output_paused", "pong_is_waiting")

    def __init__(self, framing: Framing, inbox: Inbox, receive_buffer: int) -> None:
        self.framing = framing
        self._inbox = inbox
        self._receive_buffer = receive_buffer
        self.pong_is_waiting = False
        self.output_paused = False

    def feed(self, data: bytes) -> None:
        """Keep bytes from the peer."""
        self.framing.feed(data)

    @property
    def wants_data(self) -> bool:
        """Whether everything that has come has been read, but for a frame that is not whole."""
        return self.framing.wants_data

    @property
    def holds_less(self) -> bool:
        """Whether less than ``receive_buffer`` is held."""
        return self._inbox.size + self.framing.buffered < self._receive_buffer

    def allowance(self, mode: Mode, most: int) -> tuple[int, int]:
        """Say how many frames and how many bytes of messages may be read at once; no frames where none may be."""
        if mode is IGNORE or self.pong_is_waiting:
            return 0, 0
        if mode is DROP:
            return most, DROP_SIZE
        messages, size = self._inbox.room
        return (min(messages, most), size) if messages > 0 and size > 0 else (0, 0)

    def _may_parse(self, mode: Mode) -> bool:
        if mode is IGNORE or self.pong_is_waiting:
            return False
        messages, size = self._inbox.room
        return mode is DROP or (messages > 0 and size > 0)

    def is_behind(self, mode: Mode) -> bool:
        """Say whether there is input to be read in another turn; the app's next ``receive`` reads it otherwise."""
        return not self.framing.wants_data and self._may_parse(mode) and (mode is DROP or self._inbox.is_low)

    def wants_bytes(self, mode: Mode, reading: bool) -> bool:
        """Say whether the transport is to be read; ``reading`` says whether it is.

        Not while the app has enough to do, and then not before half of it is done; nor for a message that is not whole
        yet and fills the receive buffer while nobody waits for it. What is ignored is read, and thrown away.
        """
        if mode is IGNORE:
            return True
        if not self._may_parse(mode) or not self.framing.wants_data:
            return False
        if mode is DROP or self._inbox.receivers:
            return True
        return self.holds_less and (reading or self._inbox.is_low)

    # Pongs are output that the peer makes us write, so they too wait while the transport has enough.

    def hold_after_pong(self) -> None:
        """A Pong has been written: read no further while output is paused."""
        self.pong_is_waiting = self.output_paused

    def forget_pong(self) -> None:
        """Nothing more will be written: read on all the same."""
        self.pong_is_waiting = False

    def resume_output(self) -> bool:
        """Output is no longer paused; say whether that held reading up."""
        held_up, self.pong_is_waiting, self.output_paused = self.pong_is_waiting, False, False
        return held_up
