"""The way out: what one turn of the event loop brings is gathered, written, and at the end the transport is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ._effects import Finish
from ._flow import StallWatch
from ._outbox import Outbox
from ._socket import unsent_size, writes_together
from ._timers import Timer, Timers
from ._turn import turn_of

FLUSH_SIZE: Final = 64 * 1024
"""Bytes of gathered output that are written without waiting for the end of the turn."""

TLS_LINGER = 1.0
"""Seconds for which a TLS peer is read after our last byte has gone: TLS has no half-close that would make it end."""


class Output:
    """Writes ``outbox`` to ``transport``, and calls ``on_flush`` each time.

    ``size`` is how many bytes have been written. ``write_timeout`` is in seconds, ``None`` for ever: ``on_stall`` is
    called when a peer has taken nothing for so long.
    """

    __slots__ = (
        "_is_gathering",
        "_on_flush",
        "_stall",
        "_timers",
        "_transport",
        "_turn",
        "_writes_together",
        "outbox",
        "size",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        outbox: Outbox,
        timers: Timers,
        *,
        write_timeout: float | None,
        on_stall: Callable[[], None],
        on_flush: Callable[[], None] | None = None,
    ) -> None:
        self._turn = turn_of(loop)
        self._transport = transport
        self._writes_together = writes_together(transport)
        self.outbox = outbox
        self._timers = timers
        self._is_gathering = False
        self._on_flush = on_flush
        self._stall: StallWatch | None = None
        if write_timeout is not None:
            self._stall = StallWatch(loop, write_timeout, self, on_stall)
        self.size = 0

    def held(self) -> int:
        """How many of the bytes that have been written the transport still holds."""
        return unsent_size(self._transport)

    @property
    def unsent(self) -> int:
        """How many bytes the peer has yet to take, as far as is known."""
        return self.outbox.size + self.held()

    def gather(self) -> None:
        """Write at the end of this turn of the event loop, or now if it is much."""
        if self.outbox.size >= FLUSH_SIZE:
            self.flush()
        elif not self._is_gathering:
            self._is_gathering = True
            self._turn.at_end(self)

    def flush(self) -> None:
        """Write now."""
        self._is_gathering = False
        size = self.outbox.size
        if not size:
            return
        transport = self._transport
        chunks = self.outbox.take()
        if transport.is_closing():
            return
        if len(chunks) == 1:
            transport.write(chunks[0])
        elif self._writes_together:
            transport.writelines(chunks)
        elif not self._write_each(chunks):
            return
        self.size += size
        # Asked here as well: most often it watches already, and a call is spared.
        if self._stall is not None and self._stall.next is None:
            self._stall.start()
        if self._on_flush is not None:
            self._on_flush()

    def _write_each(self, chunks: list[bytes]) -> bool:
        """Write chunk by chunk; say whether that was all, as the first may find out that the peer is gone."""
        for chunk in chunks:
            if self._transport.is_closing():
                return False
            self._transport.write(chunk)
        return True

    def take_over(self) -> None:
        """Expect the peer to take what somebody else has written before."""
        if self._stall is not None:
            self._stall.start()

    def stop(self) -> None:
        """Write no more, expect nothing of the peer, and let go of who was called."""
        self.stop_watching()
        self._stall = self._on_flush = None
        self.outbox.close()

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
        if self.held():
            self._timers.start(Timer.LINGER, TLS_LINGER, self._lingered)
        else:
            self._transport.close()
