"""The way out: what one turn of the event loop brings is gathered, written, and at the end the transport is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ._effects import Finish
from ._flow import StallWatch
from ._outbox import Outbox
from ._socket import unsent_size
from ._timers import Timer, Timers

FLUSH_SIZE = 64 * 1024
"""Bytes of gathered output that are written without waiting for the end of the turn."""

TLS_LINGER = 1.0
"""Seconds for which a TLS peer is read after our last byte has gone: TLS has no half-close that would make it end."""


class Output:
    """Writes ``outbox`` to ``transport``, and calls ``on_turn`` each time that it has gathered for a turn.

    ``size`` is how many bytes have been written. ``write_timeout`` is in seconds, ``None`` for ever: ``on_stall`` is
    called when a peer has taken nothing for so long.
    """

    __slots__ = ("_handle", "_loop", "_on_turn", "_stall", "_timers", "_transport", "outbox", "size")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        outbox: Outbox,
        timers: Timers,
        *,
        write_timeout: float | None,
        on_stall: Callable[[], None],
        on_turn: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self.outbox = outbox
        self._timers = timers
        self._on_turn = on_turn
        self._handle: asyncio.Handle | None = None
        self._stall: StallWatch | None = None
        if write_timeout is not None:
            self._stall = StallWatch(loop, write_timeout, self._unsent, on_stall)
        self.size = 0

    def _unsent(self) -> int:
        return unsent_size(self._transport)

    @property
    def unsent(self) -> int:
        """How many bytes the peer has yet to take, as far as is known."""
        return self.outbox.size + self._unsent()

    def gather(self) -> None:
        """Write at the end of this turn of the event loop, or now if it is much."""
        if self.outbox.size >= FLUSH_SIZE:
            self.flush()
        elif self._handle is None:
            self._handle = self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._handle = None
        self._on_turn()
        self.flush()

    def flush(self) -> None:
        """Write now."""
        outbox, transport = self.outbox, self._transport
        size = outbox.size
        chunks = outbox.take()
        if not size or transport.is_closing():
            return
        self.size += size
        for chunk in chunks:
            transport.write(chunk)
        if self._stall is not None:
            self._stall.wrote(size)

    def take_over(self) -> None:
        """Expect the peer to take what somebody else has written before."""
        if self._stall is not None:
            self._stall.wrote(0)

    def stop(self) -> None:
        """Write no more of what is gathered, and expect nothing of the peer."""
        self.stop_watching()
        if self._handle is not None:
            self._handle.cancel()

    def stop_watching(self) -> None:
        """Expect nothing of the peer."""
        if self._stall is not None:
            self._stall.stop()

    # The end

    def finish(self, finish: Finish) -> None:
        """End the transport. All output has been handed to it."""
        transport = self._transport
        if finish is Finish.ABORT:
            transport.abort()
        elif transport.is_closing():
            return
        elif finish is Finish.CLOSE:
            transport.close()
        elif transport.can_write_eof():
            self._write_eof()
        else:
            self._timers.start(Timer.LINGER, TLS_LINGER, self._lingered)

    def _write_eof(self) -> None:
        try:
            self._transport.write_eof()
        except OSError:
            # The peer is gone and the loop has not seen it yet.
            self._transport.abort()

    def _lingered(self) -> None:
        """Hang up on a TLS peer that has taken everything; the state's deadline is for one that has not.

        ``close`` and not ``abort``: TLS does not say what the TCP transport below it still holds.
        """
        if self._unsent():
            self._timers.start(Timer.LINGER, TLS_LINGER, self._lingered)
        else:
            self._transport.close()
