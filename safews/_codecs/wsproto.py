"""The codec on wsproto."""

from __future__ import annotations

import io
from typing import ClassVar, cast

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.events import Event as LibraryEvent
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from safews import _events
from safews._close import NO_STATUS, Close
from safews._deflate import DeflateParameters, InflateError, Inflater
from safews._frames import CLOSE, OPCODE

from ._base import INVALID_TEXT, REFUSED, Codec, reread_close, unreadable


class _Inflate(Extension):
    """permessage-deflate, inwards only, as an extension of wsproto's.

    wsproto's own inflates without a limit and, after a ping between the fragments of a compressed message, gives the
    rest of it as it came, still compressed. The inflater's errors pass through wsproto, which catches only its own.
    """

    name = "permessage-deflate"

    def __init__(self, inflater: Inflater) -> None:
        self._inflater = inflater
        self._of_message: Inflater | None = None
        self._of_frame: Inflater | None = None

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool:
        """Part of the handshake, which is over."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> RsvBits:
        """Note whether the message is compressed, and return the bits that may be set: RSV1 as it begins."""
        begins = opcode is Opcode.TEXT or opcode is Opcode.BINARY
        if begins:
            self._of_message = self._inflater if rsv.rsv1 else None
        self._of_frame = None if opcode.iscontrol() else self._of_message
        return RsvBits(begins, False, False)

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes:
        return data if self._of_frame is None else self._of_frame.inflate(data)

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | None:
        return self._of_frame.finish() if fin and self._of_frame is not None else None


class WsprotoCodec(Codec):
    """Reads frames with a ``wsproto.connection.Connection``."""

    __slots__ = ("_binary", "_library", "_text")

    name: ClassVar[str] = "wsproto"

    def __init__(self, deflate: DeflateParameters | None, max_size: int | None) -> None:
        super().__init__(deflate, max_size)
        extensions: list[Extension] = [] if self._inflater is None else [_Inflate(self._inflater)]
        self._library = Connection(ConnectionType.SERVER, extensions)
        self._text = io.StringIO()
        self._binary = io.BytesIO()

    def receive(self, frame: bytes) -> _events.Event | None:
        self._library.receive_data(frame)
        try:
            # A frame is one event.
            (event,) = self._library.events()
        except InflateError as error:
            return unreadable(error, self._max_size)
        return self._translate(event, frame)

    def _translate(self, event: LibraryEvent, frame: bytes) -> _events.Event | None:
        """Return our event for wsproto's."""
        if isinstance(event, TextMessage):
            return self._gather_text(event)
        if isinstance(event, BytesMessage):
            return self._gather_bytes(event)
        if isinstance(event, Ping):
            return _events.Ping(bytes(event.payload))
        if isinstance(event, CloseConnection):
            return self._translate_close(event, frame)
        # All others belong to the handshake.
        return _events.Pong(bytes(cast("Pong", event).payload))

    def _translate_close(self, event: CloseConnection, frame: bytes) -> Close | _events.Violation:
        """Tell "the peer closed" from "the peer broke the protocol": wsproto has one event for both."""
        if self._library.state is ConnectionState.REMOTE_CLOSING:
            return Close(None if event.code == NO_STATUS else int(event.code), event.reason or "")
        if frame[0] & OPCODE == CLOSE:
            # wsproto refuses 1014, which was registered after RFC 6455.
            return reread_close(frame)
        return INVALID_TEXT if event.code is CloseReason.INVALID_FRAME_PAYLOAD_DATA else REFUSED

    def _gather_text(self, event: TextMessage) -> str | None:
        """Add a piece that wsproto has decoded; return the message once it is whole."""
        self._text.write(event.data)
        if not event.message_finished:
            return None
        message = self._text.getvalue()
        self._text = io.StringIO()
        return message

    def _gather_bytes(self, event: BytesMessage) -> bytes | None:
        """Add a piece; return the message once it is whole."""
        self._binary.write(event.data)
        if not event.message_finished:
            return None
        message = self._binary.getvalue()
        self._binary = io.BytesIO()
        return message
