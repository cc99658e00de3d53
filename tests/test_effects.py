from __future__ import annotations

import pytest

from safews._close import ABNORMAL, ClosedBy, CloseRecord
from safews._effects import Gone
from safews._state import TABLE, Input, State
from tests.connections import DEADLINES

BYE = CloseRecord(4000, "bye", ClosedBy.PEER, clean=True, detail="for the log")


INPUTS = [Input.CLOCK_ACCEPT_TIMEOUT, Input.CLOCK_GRACE_OVER, Input.CLOCK_CLOSE_TIMEOUT]
"""Those of a ``Deadline``."""


class TestDeadlines:
    def test_are_those_of_some_state(self) -> None:
        assert {input for inputs in DEADLINES.values() for input in inputs} == {*INPUTS, None}

    @pytest.mark.parametrize("deadline", INPUTS)
    def test_each_ends_the_state_that_it_is_set_for(self, deadline: Input) -> None:
        moves = [(before, after) for (before, input), after in TABLE.items() if input is deadline]
        assert moves
        assert all(after is not before for before, after in moves)

    def test_what_else_the_clock_says_is_found_out_by_watching(self) -> None:
        others = {input for input in Input if input.name.startswith("CLOCK_")} - {*INPUTS}
        assert others == {Input.CLOCK_PING_TIMEOUT, Input.CLOCK_WRITE_TIMEOUT}


class TestGone:
    def test_it_has_the_code_and_reason_of_the_record(self) -> None:
        gone = Gone(State.CLOSED, BYE)
        assert (gone.code, gone.reason) == (4000, "bye")

    def test_without_a_record_it_is_an_abnormal_closure(self) -> None:
        gone = Gone(State.DRAINING, None)
        assert (gone.code, gone.reason) == (ABNORMAL, "")

    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize(("record", "code"), [(BYE, 4000), (None, 1006)])
    def test_its_text_names_state_and_code_alone(self, state: State, record: CloseRecord | None, code: int) -> None:
        assert str(Gone(state, record)) == f"the client is disconnected (state {state.name}, code {code})"
