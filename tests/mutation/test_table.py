"""The changes to the table of the states."""

from __future__ import annotations

import pytest

from safews._state import TABLE, Input, State
from tests.mutation import table
from tests.mutation.summary import Outcome
from tests.mutation.table import Move, moves, verdict


def test_each_move_is_taken_out_and_led_to_each_other_state():
    changes = list(moves())
    assert len(set(changes)) == len(changes) == len(TABLE) * len(State)
    assert all(TABLE[state, input_] is not target for state, input_, target in changes)


@pytest.mark.parametrize(("status", "outcome"), [(0, Outcome.SURVIVED), (1, Outcome.NOTICED), (2, Outcome.NOTICED)])
def test_tests_that_do_not_pass_have_noticed_it(monkeypatch, status, outcome):
    monkeypatch.setattr(table, "run_tests", lambda move: status if move else 0)
    tried = list(table.verdicts())
    assert {verdict.outcome for verdict in tried} == {outcome}
    assert len(tried) == len(list(moves()))


def test_tests_that_do_not_pass_without_a_change_say_nothing(monkeypatch):
    monkeypatch.setattr(table, "run_tests", lambda move: 1)
    with pytest.raises(RuntimeError, match="without a change"):
        next(table.verdicts())


@pytest.mark.parametrize(
    ("target", "after"), [(None, ""), (State.OPEN, "(State.OPEN, Input.NETWORK_LOST): State.OPEN")]
)
def test_a_change_is_told_by_the_lines_of_the_table(target, after):
    _, *change, _ = verdict(Move(State.OPEN, Input.NETWORK_LOST, target), 0)
    assert change == ["_state.TABLE", "(State.OPEN, Input.NETWORK_LOST): State.CLOSED", after]
