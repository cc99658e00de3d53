"""The server of picows. It hands on frames: putting fragments together is the application's part."""

from __future__ import annotations

from typing import ClassVar

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

DATA = (WSMsgType.TEXT, WSMsgType.BINARY)


class Echo(WSListener):
    """Sends every message back."""

    def __init__(self) -> None:
        self._fragments: list[bytes] = []
        self._type = WSMsgType.BINARY

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer a message that is whole."""
        if frame.fin and frame.msg_type in DATA:
            self.answer(transport, frame.msg_type, frame.get_payload_as_memoryview())
        elif frame.msg_type in DATA or frame.msg_type is WSMsgType.CONTINUATION:
            self._gather(transport, frame)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def _gather(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.CONTINUATION:
            self._type = frame.msg_type
        self._fragments.append(frame.get_payload_as_bytes())
        if frame.fin:
            whole = b"".join(self._fragments)
            self._fragments.clear()
            self.answer(transport, self._type, whole)

    def answer(self, transport: WSTransport, type_: WSMsgType, payload: bytes | memoryview) -> None:
        """Send a message."""
        transport.send(type_, payload)


class Broadcast(Echo):
    """Sends every message to all."""

    members: ClassVar[set[WSTransport]] = set()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Join."""
        self.members.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leave."""
        self.members.discard(transport)

    def answer(self, transport: WSTransport, type_: WSMsgType, payload: bytes | memoryview) -> None:
        """Send a message to all."""
        for member in self.members:
            member.send(type_, payload)


async def serve(broadcast: bool, host: str, port: int, ping_interval: float | None) -> None:
    """Start to serve; ``ping_interval`` is in seconds, None for no pings."""

    def listener(request: WSUpgradeRequest) -> Echo:
        return Broadcast() if broadcast else Echo()

    pings = ping_interval is not None
    seconds = ping_interval or 20
    await ws_create_server(
        listener,
        host,
        port,
        max_frame_size=1 << 25,
        enable_auto_ping=pings,
        auto_ping_idle_timeout=seconds,
        # It may not be longer than the interval.
        auto_ping_reply_timeout=seconds,
    )
