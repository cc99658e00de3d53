"""The changes that nothing can notice, and why."""

from __future__ import annotations

from tests.mutation.summary import Change


def _changes(function: str, before: str, *after: str) -> list[Change]:
    return [Change(function, before, changed) for changed in after]


REASONS: dict[str, list[Change]] = {
    "``cast`` gives back its second argument, whatever the first.": [
        *_changes(
            "_codecs.websockets.WebsocketsCodec.receive",
            '(event,) = cast("list[Frame]", library.events_received())',
            "(event,) = cast(None, library.events_received())",
            '(event,) = cast("XXlist[Frame]XX", library.events_received())',
            '(event,) = cast("list[frame]", library.events_received())',
            '(event,) = cast("LIST[FRAME]", library.events_received())',
        ),
        *_changes(
            "_framing.Framing._read_fragments",
            'own = cast("ArrivingMessage", message.own)',
            "own = cast(None, message.own)",
            'own = cast("XXArrivingMessageXX", message.own)',
            'own = cast("arrivingmessage", message.own)',
            'own = cast("ARRIVINGMESSAGE", message.own)',
        ),
        *_changes(
            "_codecs.wsproto.WsprotoCodec._translate",
            'return _events.Pong(bytes(cast("Pong", event).payload))',
            "return _events.Pong(bytes(cast(None, event).payload))",
            'return _events.Pong(bytes(cast("XXPongXX", event).payload))',
            'return _events.Pong(bytes(cast("pong", event).payload))',
            'return _events.Pong(bytes(cast("PONG", event).payload))',
        ),
        *_changes(
            "_connection.Connection._answer_ending",
            'record = cast("CloseRecord", self.record)',
            "record = cast(None, self.record)",
            'record = cast("XXCloseRecordXX", self.record)',
            'record = cast("closerecord", self.record)',
            'record = cast("CLOSERECORD", self.record)',
        ),
    ],
    "Big-endian is what both methods of ``int`` begin with since Python 3.11; on 3.10 the argument is needed.": [
        *_changes(
            "_close.parse_close",
            'code = int.from_bytes(payload[:2], "big")',
            "code = int.from_bytes(payload[:2], )",
        ),
        *_changes(
            "_close.close_payload",
            'return code.to_bytes(2, "big") + reason.encode()',
            "return code.to_bytes(2, ) + reason.encode()",
        ),
    ],
    "``None`` is as false as ``False``, and only the truth is asked for.": [
        *_changes(
            "_codecs.wsproto._Inflate.frame_inbound_header",
            "return RsvBits(begins, False, False)",
            "return RsvBits(begins, None, False)",
            "return RsvBits(begins, False, None)",
        ),
        *_changes(
            "_framing.Framing.feed",
            "self.wants_data = self.is_clear = False",
            "self.wants_data = self.is_clear = None",
        ),
        *_changes(
            "_framing.Framing.read_more", "fault = arriving.take(data, False)", "fault = arriving.take(data, None)"
        ),
        *_changes("_framing.Framing.read_more", "self.wants_data = False", "self.wants_data = None"),
        *_changes("_reader.Reader.__init__", "self.pong_is_waiting = False", "self.pong_is_waiting = None"),
        *_changes("_reader.Reader.__init__", "self.output_paused = False", "self.output_paused = None"),
        *_changes("_reader.Reader.forget_pong", "self.pong_is_waiting = False", "self.pong_is_waiting = None"),
    ],
    "A whole number is above a part in sixteen exactly when it is above that rounded down.": [
        *_changes(
            "_framing.Framing.__init__",
            "self._wire_limit = sys.maxsize if max_size is None else max_size + max_size // 16 + _WIRE_SLACK",
            "self._wire_limit = sys.maxsize if max_size is None else max_size + max_size / 16 + _WIRE_SLACK",
        ),
    ],
    "What stands there is replaced before it is looked at; it is let go of, or has a type.": [
        *_changes(
            "_codecs.websockets.WebsocketsCodec.__init__",
            "self._gathered: TextGatherer | BinaryGatherer = BinaryGatherer()",
            "self._gathered: TextGatherer | BinaryGatherer = None",
        ),
        *_changes(
            "_codecs.websockets.WebsocketsCodec._gather",
            "self._gathered = BinaryGatherer()",
            "self._gathered = None",
        ),
        *_changes(
            "_codecs.websockets.WebsocketsCodec._translate",
            'frame.data = b""',
            "frame.data = None",
            'frame.data = b"XXXX"',
        ),
        *_changes(
            "_codecs.wsproto._Inflate.__init__",
            "self._of_frame: Inflater | None = None",
            'self._of_frame: Inflater | None = ""',
        ),
        *_changes("_arriving.ArrivingMessage.__init__", "self._final = 0", "self._final = None", "self._final = 1"),
        *_changes("_arriving.ArrivingMessage.__init__", 'self._key = b""', 'self._key = b"XXXX"', "self._key = None"),
        *_changes("_fast_lane.read_whole", "first = 0", "first = None", "first = 1"),
        *_changes("_framing.Framing._end", "self._codec = None", 'self._codec = ""'),
        *_changes("_framing.Framing._end", "self._arriving = None", 'self._arriving = ""'),
        *_changes("_connection.Connection.__init__", "self._untaken = 0", "self._untaken = None", "self._untaken = 1"),
    ],
    "Nothing is as false as no bytes, or as no compressor, and only the truth is asked for.": [
        *_changes("_deflate.Inflater.finish", 'self._tail = b""', "self._tail = None"),
        *_changes("_deflate.Inflater._step", 'self._tail = b""', "self._tail = None"),
        *_changes(
            "_deflate.Deflater.__init__",
            "self._stream: zlib._Compress | None = None",
            'self._stream: zlib._Compress | None = ""',
        ),
        *_changes("_deflate.Deflater.rest", "self._stream = None", 'self._stream = ""'),
    ],
    "It is only asked whether there have been messages since, however they are counted; a deflater that is watched has "
    "had one.": [
        *_changes("_deflate.Deflater.__init__", "self._seen = 0", "self._seen = None"),
        *_changes("_deflate.Deflater.deflate", "self._messages += 1", "self._messages -= 1", "self._messages += 2"),
    ],
    "Only a continuation that continues nothing finds it, which the framing does not let pass, and the library refuses "
    "either way.": [
        *_changes(
            "_codecs.websockets._Inflate.__init__",
            "self._of_message: Inflater | None = None",
            'self._of_message: Inflater | None = ""',
        ),
    ],
    "wsproto asks whether it is a client, and otherwise takes itself for a server.": [
        *_changes(
            "_codecs.wsproto.WsprotoCodec.__init__",
            "self._library = Connection(ConnectionType.SERVER, extensions)",
            "self._library = Connection(None, extensions)",
        ),
    ],
    "The mask is cut to the size of the data, however much too long it was.": [
        *_changes(
            "_masking.xor_mask",
            "mask = (key * (size // KEY_SIZE + 1))[:size]",
            "mask = (key * (size // KEY_SIZE + 2))[:size]",
        ),
    ],
    "All that was fed is read then, which ends the loop of the caller as well.": [
        *_changes("_framing.Framing._read_payload", "return False", "return True"),
    ],
    "Where nothing is left of what was fed before, the other way joins it to nothing, and so makes a copy.": [
        *_changes(
            "_framing.Framing.feed",
            "if self._fed or self._at < len(self._data):",
            "if self._fed or self._at <= len(self._data):",
        ),
    ],
    "A shortcut: what it leaves out comes to the same on the way that it spares.": [
        *_changes(
            "_connection.Connection.receive_data",
            "pong = None if end else framing.read_pong(data)",
            "pong = None",
            "pong = None if (end) and False else framing.read_pong(data)",
            "pong = None if (end) or True else framing.read_pong(data)",
        ),
        *_changes(
            "_framing.Framing.read_pong",
            "return read_pong(data) if self._fast_lane else None",
            "return read_pong(data) if (self._fast_lane) and False else None",
            "return read_pong(data) if (self._fast_lane) or True else None",
        ),
        *_changes("_deflate.Inflater.inflate", "if len(data) <= _STEP:", "if len(data) < _STEP:"),
        *_changes("_framing.Framing._read_data", "elif end > len(self._data):", "elif end >= len(self._data):"),
        *_changes(
            "_connection.Connection.read_on",
            "if len(messages) < len(events):",
            "if len(messages) <= len(events):",
        ),
    ],
    "Whatever is less than SHORT is no length here.": [
        *_changes(
            "_fast_lane.read_whole",
            "length = data[at + 2] << 8 | data[at + 3] if data[at + 1] == MASKED | SHORT else 0",
            "length = data[at + 2] << 8 | data[at + 3] if data[at + 1] == MASKED | SHORT else 1",
        ),
    ],
    "The branch above has taken that length already.": [
        *_changes(
            "_fast_lane.read_fragments",
            "elif length > SHORT or length < 0:",
            "elif length >= SHORT or length < 0:",
        ),
    ],
    "Of no more frames the reader allows none, and that ends the loop as well.": [
        *_changes(
            "_connection.Connection.read_on",
            "while most > 0 and not framing.wants_data:",
            "while most > 0 or not framing.wants_data:",
            "while most >= 0 and not framing.wants_data:",
        ),
    ],
    "There is data left to be read then, so nothing follows.": [
        *_changes("_connection.Connection.read_on", "break", "return"),
    ],
    "A Close is read before there is a record, or after our own; either condition says that, one of them to mypy.": [
        *_changes(
            "_connection.Connection._peer_closed",
            "if self.record is not None and before is CLOSING:",
            "if self.record is not None or before is CLOSING:",
        ),
    ],
    "Pieces that make up exactly this much are all small, so both ways join them into one.": [
        *_changes("_outbox.Outbox.take", "if size < LARGE:", "if size <= LARGE:"),
    ],
}
"""The changes by what holds of them all."""

EXPLAINED = {change: why for why, changes in REASONS.items() for change in changes}
