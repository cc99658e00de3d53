"""Every message of ASGI in every place of a connection's life: each key missing, right, wrong in every way, or unknown.

The tables below are all there is; what follows from them is made. A message in its place is taken, or refused with the
name of the key and its value; one out of place is refused with its type and the state. What is refused changes nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from safews._effects import Gone
from safews._headers import shown
from safews._state import TABLE, Input, State
from tests.connections import APP_CLOSE, FOUND, PLACES, bench_at, reachable
from tests.test_connection_product import Snapshot


class Wrong(NamedTuple):
    """A value that a key must not have, and what the error names where that is not the key and the value."""

    value: Any
    error: type[Exception]
    named: str | None = None


class Kind(NamedTuple):
    """A type of message: what it does, what it must have, and what each key may have and must not."""

    inputs: tuple[Input, ...]
    needed: dict[str, Any]
    right: dict[str, list[Any]]
    wrong: dict[str, list[Wrong]]


HEADERS = [[], None, (), [(b"x-a", b"1")], [(b"X-A", b""), (b"x-a", b"\xff")], iter([(b"x-a", b"1")])]
WRONG_HEADERS = [
    Wrong("x-a: 1", TypeError),
    Wrong(b"x-a: 1", TypeError),
    Wrong({b"x-a": b"1"}, TypeError),
    Wrong(5, TypeError),
    Wrong([5], TypeError),
    Wrong([(b"x-a",)], TypeError),
    Wrong([("x-a", "1")], TypeError),
    Wrong([(b"x-a", None)], TypeError),
    Wrong([(b"x a", b"1")], ValueError),
    Wrong([(b"", b"1")], ValueError, "header name b''"),
    Wrong([(b"x-a", b"1\r\nx-b: 2")], ValueError),
    Wrong([(b"x-a", b"1\0")], ValueError),
]

KINDS: dict[str, Kind] = {
    "websocket.accept": Kind(
        (Input.APP_ACCEPT,),
        {},
        {"subprotocol": [None, ""], "headers": HEADERS},
        {
            "subprotocol": [Wrong("unknown", ValueError), Wrong(b"a", TypeError), Wrong(5, TypeError)],
            "headers": [
                *WRONG_HEADERS,
                Wrong([(b"Sec-WebSocket-Accept", b"a")], ValueError),
                Wrong([(b"upgrade", b"a")], ValueError),
                Wrong([(b"sec-websocket-protocol", b"unknown")], ValueError, "subprotocol 'unknown'"),
            ],
        },
    ),
    "websocket.send": Kind(
        (Input.APP_SEND,),
        {"text": "hello"},
        {"text": ["", "grüß", "x" * 70_000], "bytes": [None]},
        {
            "text": [
                Wrong(None, ValueError),
                Wrong(b"x", TypeError),
                Wrong(5, TypeError),
                Wrong("\ud800", ValueError, "'text'"),
            ],
            "bytes": [Wrong(b"", ValueError, "only one of 'bytes'"), Wrong("x", ValueError, "only one of 'bytes'")],
        },
    ),
    "websocket.send of bytes": Kind(
        (Input.APP_SEND,),
        {"bytes": b"hello"},
        {"bytes": [b"", bytearray(b"x"), memoryview(b"x"), bytes(70_000)], "text": [None]},
        {
            "bytes": [Wrong(None, ValueError), Wrong("x", TypeError), Wrong(5, TypeError), Wrong([1], TypeError)],
            "text": [Wrong("", ValueError)],
        },
    ),
    "websocket.close": Kind(
        (Input.APP_CLOSE,),
        {},
        {"code": [None, 1000, 1001, 1011, 3000, 4999], "reason": [None, "", "bye", "é" * 61]},
        {
            "code": [
                *(Wrong(code, ValueError) for code in (-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 70_000)),
                *(Wrong(code, TypeError) for code in ("1000", 1000.0, True)),
            ],
            "reason": [
                Wrong("é" * 62, ValueError),
                Wrong("\ud800", ValueError),
                Wrong(b"bye", TypeError),
                Wrong(5, TypeError),
            ],
        },
    ),
    "websocket.http.response.start": Kind(
        (Input.APP_DENY,),
        {"status": 403},
        {"status": [200, 204, 304, 599], "headers": [*HEADERS, [(b"Transfer-Encoding", b"chunked")]]},
        {
            "status": [
                *(Wrong(status, ValueError) for status in (-1, 0, 101, 199, 600)),
                *(Wrong(status, TypeError) for status in (None, "403", 403.0, True)),
            ],
            "headers": [*WRONG_HEADERS, Wrong([(b"content-length", b"x")], ValueError, "Content-Length [b'x']")],
        },
    ),
    "websocket.http.response.body": Kind(
        (Input.APP_DENY_END, Input.APP_DENY_BODY),
        {},
        {"body": [b"", b"no", bytearray(b"no"), memoryview(b"no")], "more_body": [False, True, None]},
        {"body": [Wrong("no", TypeError), Wrong(None, TypeError), Wrong(5, TypeError)], "more_body": []},
    ),
}

UNTYPED: list[Any] = [None, 5, [], "websocket.send", {}, {"type": None}, {"type": b"websocket.send"}, {"type": 5}]

AFTER_A_CLOSE = (State.CLOSING, State.DRAINING, State.CLOSED)
"""Where a ``websocket.close`` is ignored, whatever is in it."""


class Case(NamedTuple):
    """A message, and what is wrong with it: the key and its value, or nothing."""

    type: str
    message: dict[str, Any]
    inputs: tuple[Input, ...]
    key: str | None = None
    wrong: Wrong | None = None


def cases() -> Iterator[Case]:
    for title, kind in KINDS.items():
        type_ = title.partition(" ")[0]
        plain = {"type": type_, **kind.needed}
        yield Case(type_, plain, kind.inputs)
        yield Case(type_, {**plain, "unknown": object()}, kind.inputs)
        for key in kind.needed:
            without = {name: value for name, value in plain.items() if name != key}
            yield Case(type_, without, kind.inputs, key, Wrong(None, ValueError))
        for key, values in kind.right.items():
            yield from (Case(type_, {**plain, key: value}, kind.inputs) for value in values)
        for key, wrongs in kind.wrong.items():
            yield from (Case(type_, {**plain, key: wrong.value}, kind.inputs, key, wrong) for wrong in wrongs)


CASES = list(cases())


def fresh(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of its own: an iterator can be read once."""
    return {key: [(b"x-a", b"1")] if isinstance(value, Iterator) else value for key, value in message.items()}


def outcome(case: Case, state: State) -> tuple[type[Exception], ...]:
    """Return what a message raises in a state; nothing where it is taken."""
    if not any((state, input_) in TABLE for input_ in case.inputs):
        return RuntimeError, Gone
    if case.wrong is None or (case.type == APP_CLOSE["type"] and state in AFTER_A_CLOSE):
        return ()
    return (case.wrong.error,)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0].name}: {place[1]}")
def test_every_message_in_this_place(place: tuple[State, str]) -> None:
    for case in CASES:
        bench = bench_at(*place)
        before = Snapshot.of(bench)
        state = bench.state
        errors = outcome(case, state)
        if errors:
            with pytest.raises(errors) as caught:
                bench.connection.send(fresh(case.message))
            assert caught.type in errors, case
            assert caught.type in (TypeError, ValueError) or state.name in str(caught.value), case
            assert caught.type is not RuntimeError or case.type in str(caught.value), case
            assert Snapshot.of(bench) == before, case
        else:
            bench.connection.send(fresh(case.message))
            moves = [TABLE[state, input_] for input_ in case.inputs if (state, input_) in TABLE]
            assert bench.state in set(itertools.chain.from_iterable(reachable(move, FOUND) for move in moves)), case
        bench.check()


@pytest.mark.parametrize("case", [case for case in CASES if case.wrong is not None], ids=lambda case: str(case.message))
def test_what_is_wrong_is_named(case: Case) -> None:
    (state, way) = next(place for place in PLACES if (place[0], case.inputs[0]) in TABLE)
    assert case.wrong is not None
    with pytest.raises(case.wrong.error) as caught:
        bench_at(state, way).connection.send(case.message)
    assert all(name in str(caught.value) for name in names(case.key, case.wrong))


def names(key: str | None, wrong: Wrong) -> list[str]:
    """Return what must be in the error: of a header its name, or its value if that is what is wrong."""
    if wrong.named is not None:
        return [wrong.named]
    if key == "headers":
        return ["header"] if isinstance(wrong.value, list) else ["'headers'", shown(wrong.value)]
    return [str(key)] if wrong.value is None else [str(key), shown(wrong.value)]


@pytest.mark.parametrize("message", UNTYPED, ids=repr)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0].name}: {place[1]}")
def test_what_is_no_message_changes_nothing(place: tuple[State, str], message: Any) -> None:
    bench = bench_at(*place)
    before = Snapshot.of(bench)
    with pytest.raises(TypeError):
        bench.connection.send(message)
    assert Snapshot.of(bench) == before
