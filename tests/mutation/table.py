"""Changes to the table of the states, which mutmut leaves alone: each move taken out, and led to each other state."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
from collections.abc import Iterator
from typing import NamedTuple, cast

import pytest

# What takes long to import is there already in the processes that are forked from this one.
import tests.conftest
import tests.connections  # noqa: F401
from safews._state import TABLE, Input, State
from tests.mutation.summary import Outcome, Verdict

MODULE = "_state.py, the table"
TESTS = [
    ["tests/test_state.py"],
    ["tests/test_connection.py", "tests/test_connection_ending.py", "tests/test_connection_messages.py"],
    ["tests/test_connection_product.py"],
]
"""The tests of the table, those of what follows from it, and those of all its pairs: the quick ones first."""

OPTIONS = [
    *("-x", "-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *(f"-pno:{plugin}" for plugin in ("cacheprovider", "pytest_cov", "xdist", "xdist.looponfail")),
]


class Move(NamedTuple):
    """A pair of the table, and where it leads after the change; ``None``: it is not listed."""

    state: State
    input: Input
    target: State | None


def moves() -> Iterator[Move]:
    """Yield every change of a single move."""
    for (state, input), target in TABLE.items():
        for other in (None, *State):
            if other is not target:
                yield Move(state, input, other)


def verdicts() -> Iterator[Verdict]:
    """Try every change, after the table as it is, which must pass."""
    if run_tests(None):
        raise RuntimeError("the tests of the table fail without a change")
    for move in moves():
        yield verdict(move, run_tests(move))


def verdict(move: Move, status: int) -> Verdict:
    """Return what it means that the tests, with that change in the table, end with an exit status."""
    before, after = (
        "" if target is None else f"(State.{move.state.name}, Input.{move.input.name}): State.{target.name}"
        for target in (TABLE[move.state, move.input], move.target)
    )
    return Verdict(MODULE, "_state.TABLE", before, after, Outcome.NOTICED if status else Outcome.SURVIVED)


def run_tests(move: Move | None) -> int:
    """Run the tests, with a change in the table, in a process of their own; return the exit status."""
    process = multiprocessing.get_context("fork").Process(target=_change_and_test, args=(move,))
    process.start()
    process.join()
    return cast("int", process.exitcode)


def _change_and_test(move: Move | None) -> None:
    if move is not None and move.target is not None:
        TABLE[move.state, move.input] = move.target
    elif move is not None:
        del TABLE[move.state, move.input]
    with contextlib.redirect_stdout(io.StringIO()):
        runs = (int(pytest.main([*OPTIONS, *files])) for files in TESTS)
        raise SystemExit(next(filter(None, runs), 0))
