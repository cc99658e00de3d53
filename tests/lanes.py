"""Connections that must not differ, one step after the other: what can happen to each, and all that shows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from safews._close import CloseRecord
from safews._connection import Connection
from safews._effects import Gone
from safews._handshake import HandshakeRefused
from safews._state import Input, InvalidTransition, State
from tests.connections import ACCEPT, APP_CLOSE, DENY, DENY_BODY, DENY_END, Bench, send

MESSAGES: list[dict[str, Any]] = [
    ACCEPT,
    {**ACCEPT, "headers": [(b"a b", b"")]},
    send("hello"),
    send(b"x" * 200),
    send("\ud800"),
    {"type": "websocket.send"},
    APP_CLOSE,
    {**APP_CLOSE, "code": 1005},
    DENY,
    DENY_BODY,
    DENY_END,
]
CALLS: list[Callable[[Connection], object]] = [
    lambda c: c.returned(),
    lambda c: c.crashed(),
    lambda c: c.cancelled(),
    lambda c: c.shutdown(),
    lambda c: c.refuse(HandshakeRefused(503, "full")),
    lambda c: c.receive_eof(),
    lambda c: c.lost("reset"),
]
TIMERS = [input_ for input_ in Input if input_.name.startswith("CLOCK_")]

Step = Callable[[Bench], object]


class Seen(NamedTuple):
    """All that anybody sees of a connection, and what the last step has raised."""

    raised: tuple[type, str] | None
    state: State
    record: CloseRecord | None
    received: list[dict[str, Any]]
    effects: list[object]
    wire: bytes
    reads: tuple[bool, bool, bool]


def see(bench: Bench, step: Step) -> Seen:
    raised = None
    try:
        step(bench)
    except (TypeError, ValueError, Gone, InvalidTransition, RuntimeError) as exc:
        raised = type(exc), str(exc)
    bench.settle()
    connection = bench.connection
    return Seen(
        raised,
        bench.state,
        bench.record,
        bench.received + bench.waiting,
        list(bench.effects),
        bench.wire(),
        (connection.is_behind, connection.wants_bytes(True), connection.wants_bytes(False)),
    )


@dataclass(frozen=True)
class Arrives:
    """The step in which bytes of the peer arrive."""

    data: bytes

    def __call__(self, bench: Bench) -> None:
        bench.receive(self.data)


def sent(message: dict[str, Any]) -> Step:
    return lambda bench: bench.connection.send(message)


def called(call: Callable[[Connection], object]) -> Step:
    return lambda bench: call(bench.connection)


def timed_out(input_: Input) -> Step:
    return lambda bench: bench.connection.timed_out(input_)


def takes(bench: Bench) -> None:
    if bench.connection.inbox:
        bench.take()


def waits(bench: Bench) -> None:
    """As the app does that waits for an event, and is woken as soon as there is one."""
    bench.wait(0 if bench.connection.inbox or bench.record is not None else 1)


def turn(bench: Bench) -> None:
    if bench.connection.is_behind:
        bench.connection.read_on()
