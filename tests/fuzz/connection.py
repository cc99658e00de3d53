"""A whole connection, from the answered request to its end: one of each codec must agree on all that shows."""

from __future__ import annotations

from typing import Any

from safews._connection import Connection
from safews._deflate import DeflateParameters
from tests.connections import ACCEPT, DEFLATE, Bench, request
from tests.fuzz.framing import PAIRS, Lane
from tests.fuzz.script import WRITES, Peer, Script
from tests.lanes import CALLS, MESSAGES, TIMERS, Arrives, Seen, Step, called, see, sent, takes, timed_out, turn, waits

HEADS = [(request(), None), (DEFLATE, DeflateParameters())]
QUEUES = [2, 32, 1]
BUFFERS = [1000, 10]
MAX_SIZE = 1000

NETWORK: list[Step] = [
    called(Connection.receive_eof),
    called(lambda connection: connection.lost("reset")),
    called(Connection.pause_output),
    called(Connection.resume_output),
]
"""Steps of the transport that no state refuses."""

STEPS: list[Step] = [
    takes,
    waits,
    turn,
    *NETWORK,
    *map(sent, MESSAGES),
    *map(called, CALLS),
    *map(timed_out, TIMERS),
]
CUT = WRITES
KINDS = 2 * (WRITES + 1)
"""Above ``CUT``, by which a read arrives, every kind is a step, which a byte names."""

FRAGMENT_GROWTH = 12
"""How much more than itself the framing counts a frame, at most: ``FRAGMENT_OVERHEAD`` for the six bytes of one."""


def check(data: bytes) -> None:
    """Run an input; raise ``AssertionError`` for what must not be."""
    script = Script(data)
    choice = script.byte()
    head, agreed = HEADS[choice % len(HEADS)]
    life = Life(PAIRS[choice // len(HEADS) % len(PAIRS)], head, script.byte())
    if script.byte() % 4:
        life.step(takes)
        life.step(sent(ACCEPT))
    peer = Peer(agreed)
    while script.has_more:
        kind = script.byte() % KINDS
        if kind < WRITES:
            life.wire += peer.write(kind, script)
        elif kind == CUT:
            life.arrive()
        else:
            life.step(STEPS[script.byte() % len(STEPS)])
    life.arrive()
    life.finish()


class Life:
    """Connections that must agree, step by step. ``choice`` is of the marks; ``wire`` is what nobody has read yet."""

    def __init__(self, lanes: list[Lane], head: bytes, choice: int) -> None:
        self._max_queue = QUEUES[choice % len(QUEUES)]
        self._receive_buffer = BUFFERS[choice // 4 % len(BUFFERS)]
        self._is_read_always = choice >= 128
        marks: dict[str, Any] = {
            "max_size": MAX_SIZE,
            "max_queue": self._max_queue,
            "receive_buffer": self._receive_buffer,
        }
        self.benches = [Bench(*lane, head=head, accept_timeout=5, **marks) for lane in lanes]
        self.wire = b""
        self._first = self.benches[0].connection
        self._longest_read = 0
        self._was_waiting = False
        self._is_reading = True

    def step(self, step: Step) -> Seen:
        """Let it happen to all."""
        first, *others = [see(bench, step) for bench in self.benches]
        for other in others:
            assert other == first
        if step in (takes, waits, turn, *NETWORK):
            assert first.raised is None
        self.benches[0].check()
        self._was_waiting |= step is waits
        return first

    def arrive(self) -> None:
        """Let what is on the wire arrive, if the transport is read or the input asks for more than that."""
        self._is_reading = self._first.wants_bytes(self._is_reading)
        if not self._is_reading and not self._is_read_always:
            return
        self._longest_read = max(self._longest_read, len(self.wire))
        assert self.step(Arrives(self.wire)).raised is None
        self.wire = b""
        if not self._is_read_always:
            self._check_bounds()

    def _check_bounds(self) -> None:
        """No more waits than the marks allow, the last message and one read, which need not be the last.

        What came before the answer is held until the end where there is none but a refusal; what comes then is not.
        """
        inbox, framing = self._first.inbox, self._first.reader.framing
        # Besides messages there are one connect and one disconnect.
        assert len(inbox) <= self._max_queue + 2
        assert inbox.size < self._receive_buffer + MAX_SIZE
        if not self._was_waiting:
            assert framing.buffered < self._receive_buffer + MAX_SIZE + self._longest_read * FRAGMENT_GROWTH

    def finish(self) -> None:
        """Lose the connection, and let all apps receive what is left."""
        for bench in self.benches:
            bench.finish()
        first, *others = [(bench.received, bench.record, bench.effects) for bench in self.benches]
        for other in others:
            assert other == first
