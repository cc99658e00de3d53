"""The codec on websockets."""

from __future__ import annotations

import logging
from typing import ClassVar, cast

from websockets.extensions.base import Extension
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side
from websockets.typing import ExtensionName

from safews import _events
from safews._close import Close
from safews._deflate import DeflateParameters, InflateError, Inflater
from safews._frames import CLOSE, OPCODE

from ._base import (
    INVALID_TEXT,
    REFUSED,
    BinaryGatherer,
    Codec,
    TextGatherer,
    read_close,
    reread_close,
    unreadable,
)

# The library logs an error with its traceback for what a peer sends, where safews has a line of its own. This logger is
# outside the tree of loggers: no configuration can turn it on again.
_silent = logging.Logger("safews.websockets", logging.CRITICAL)  # noqa: LOG001


class _Inflate(Extension):
    """permessage-deflate, inwards only, as an extension of websockets'.

    websockets' own delivers an empty message after one that has ended its deflate stream.
    """

    name = ExtensionName("permessage-deflate")

    def __init__(self, inflater: Inflater) -> None:
        self._inflater = inflater
        self._of_message: Inflater | None = None

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Inflate a frame of a compressed message and take RSV1 off. Raises what the inflater raises."""
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._of_message = self._inflater if frame.rsv1 else None
        elif frame.opcode is not Opcode.CONT:
            return frame
        if self._of_message is None:
            return frame
        data = self._of_message.inflate(bytes(frame.data))
        if frame.fin:
            data += self._of_message.finish()
        return Frame(frame.opcode, data, frame.fin, frame.rsv1 and frame.opcode is Opcode.CONT, frame.rsv2, frame.rsv3)

    def encode(self, frame: Frame) -> Frame:
        """Leave the library's own pongs as they are; they are thrown away."""
        return frame


class WebsocketsCodec(Codec):
    """Reads frames with a ``websockets.protocol.Protocol``."""

    __slots__ = ("_gathered", "_library")

    name: ClassVar[str] = "websockets"

    def __init__(self, deflate: DeflateParameters | None, max_size: int | None) -> None:
        super().__init__(deflate, max_size)
        # The library would count control frames against a limit, so it is given none.
        self._library = Protocol(Side.SERVER, max_size=None, logger=_silent)
        if self._inflater is not None:
            self._library.extensions = [_Inflate(self._inflater)]
        self._gathered: TextGatherer | BinaryGatherer = BinaryGatherer()

    def receive(self, frame: bytes) -> _events.Event | None:
        library = self._library
        library.receive_data(frame)
        library.data_to_send()
        if library.parser_exc is not None:
            return self._violation(library.parser_exc, frame)
        # A frame is one event; the requests and responses of the type belong to the handshake.
        (event,) = cast("list[Frame]", library.events_received())
        return self._translate(event)

    def _violation(self, error: Exception, frame: bytes) -> Close | _events.Violation:
        """Return what an error of the library's parser stands for."""
        if isinstance(error, InflateError):
            return unreadable(error, self._max_size)
        if frame[0] & OPCODE == CLOSE:
            # The library refuses any Close between the fragments of a message.
            return reread_close(frame)
        return REFUSED

    def _translate(self, frame: Frame) -> _events.Event | None:
        """Return our event for a frame that the library has let pass."""
        data = bytes(frame.data)
        # The library's parser refers to a frame until the next one, however long that takes.
        frame.data = b""
        if frame.opcode is Opcode.PING:
            return _events.Ping(data)
        if frame.opcode is Opcode.PONG:
            return _events.Pong(data)
        if frame.opcode is Opcode.CLOSE:
            return read_close(data)
        if frame.opcode is not Opcode.CONT:
            self._gathered = TextGatherer() if frame.opcode is Opcode.TEXT else BinaryGatherer()
        return self._gather(data, frame.fin)

    def _gather(self, data: bytes, final: bool) -> str | bytes | _events.Violation | None:
        """Add a piece of a message; return the message once it is whole. The library decodes no text."""
        try:
            self._gathered.add(data, final)
        except UnicodeDecodeError:
            return INVALID_TEXT
        if not final:
            return None
        message = self._gathered.message()
        self._gathered = BinaryGatherer()
        return message
