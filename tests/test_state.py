"""The table of the life of a connection, walked in full."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from safews._state import TABLE, Input, InvalidTransition, Lifecycle, State

PRODUCT = list(itertools.product(State, Input))
LISTED = [pair for pair in PRODUCT if pair in TABLE]
UNLISTED = [pair for pair in PRODUCT if pair not in TABLE]


def all_but(*states: State) -> list[State]:
    return [state for state in State if state not in states]


def in_state(state: State) -> Lifecycle:
    lifecycle = Lifecycle()
    lifecycle.state = state
    return lifecycle


def reachable(start: State, *, inputs: frozenset[Input] = frozenset(Input)) -> set[State]:
    """Return every state that leads on from one, itself included."""
    seen = {start}
    frontier = [start]
    while frontier:
        state = frontier.pop()
        following = {to for (at, input_), to in TABLE.items() if at is state and input_ in inputs} - seen
        seen |= following
        frontier += following
    return seen


def name(value: object) -> str:
    return value.name if isinstance(value, (State, Input)) else str(value)


class TestProduct:
    @pytest.mark.parametrize(("state", "input_"), LISTED, ids=name)
    def test_listed_pair_goes_where_the_table_says(self, state, input_):
        lifecycle = in_state(state)
        assert lifecycle.takes(input_)
        assert lifecycle.apply(input_) is state
        assert lifecycle.state is TABLE[state, input_]

    @pytest.mark.parametrize(("state", "input_"), UNLISTED, ids=name)
    def test_other_pair_raises_naming_both_and_changes_nothing(self, state, input_):
        lifecycle = in_state(state)
        assert not lifecycle.takes(input_)
        with pytest.raises(InvalidTransition, match=rf"^{input_.name} is not possible in state {state.name}$") as info:
            lifecycle.apply(input_)
        assert (info.value.state, info.value.input) == (state, input_)
        assert lifecycle.state is state

    def test_both_kinds_are_the_whole_product(self):
        assert len(LISTED) + len(UNLISTED) == len(State) * len(Input)
        assert len(LISTED) == len(TABLE)
        assert UNLISTED

    def test_error_stands_alone(self):
        with pytest.raises(InvalidTransition) as info:
            Lifecycle().apply(Input.PEER_FLOOD)
        assert info.value.__context__ is None


class TestGraph:
    def test_begins_in_connecting(self):
        assert Lifecycle().state is State.CONNECTING

    def test_every_state_is_reachable(self):
        assert reachable(State.CONNECTING) == set(State)

    @pytest.mark.parametrize("state", State, ids=name)
    def test_every_state_leads_to_closed(self, state):
        assert State.CLOSED in reachable(state)

    @pytest.mark.parametrize("state", State, ids=name)
    def test_a_lost_network_closes_every_state_at_once(self, state):
        assert TABLE[state, Input.NETWORK_LOST] is State.CLOSED

    @pytest.mark.parametrize("state", all_but(State.OPEN, State.DENYING, State.CLOSED), ids=name)
    def test_a_state_that_waits_for_somebody_closes_by_the_clock_alone(self, state):
        clock = {input_ for input_ in Input if input_.name.startswith("CLOCK_")} - {Input.CLOCK_WRITE_TIMEOUT}
        assert State.CLOSED in reachable(state, inputs=frozenset(clock))

    @pytest.mark.parametrize("state", all_but(State.CLOSED), ids=name)
    def test_a_state_with_a_transport_ends_by_the_write_timeout(self, state):
        assert TABLE[state, Input.CLOCK_WRITE_TIMEOUT] is State.CLOSED

    def test_only_the_network_a_flood_and_the_clock_close(self):
        assert {input_ for (state, input_), to in TABLE.items() if to is State.CLOSED and state is not to} == {
            Input.NETWORK_LOST,
            Input.PEER_FLOOD,
            Input.CLOCK_WRITE_TIMEOUT,
            Input.CLOCK_CLOSE_TIMEOUT,
        }

    def test_closed_is_left_by_nothing(self):
        assert reachable(State.CLOSED) == {State.CLOSED}

    def test_connecting_is_entered_by_nothing(self):
        assert State.CONNECTING not in TABLE.values()

    def test_there_is_no_way_back(self):
        for state in State:
            for other in reachable(state) - {state}:
                assert state not in reachable(other)

    def test_only_an_open_connection_closes_first(self):
        assert {state for (state, _), to in TABLE.items() if to is State.CLOSING} == {State.OPEN, State.CLOSING}

    def test_an_ending_waits_through_what_the_app_sends_and_the_end_of_the_stream(self):
        assert {input_ for (state, input_), to in TABLE.items() if state is to is State.ENDING} == {
            Input.APP_SEND,
            Input.PEER_EOF,
        }

    def test_only_an_accept_opens(self):
        assert [pair for pair, to in TABLE.items() if to is State.OPEN and pair[0] is not State.OPEN] == [
            (State.CONNECTING, Input.APP_ACCEPT)
        ]

    def test_every_input_has_a_place(self):
        assert {input_ for _, input_ in TABLE} == set(Input)


class TestRows:
    """What the text of the module promises, and what no caller may have to guard against."""

    @pytest.mark.parametrize("state", State, ids=name)
    def test_the_server_may_shut_down_in_every_state(self, state):
        assert in_state(state).takes(Input.SERVER_SHUTDOWN)

    @pytest.mark.parametrize("state", State, ids=name)
    def test_the_peer_may_end_its_stream_in_every_state(self, state):
        assert in_state(state).takes(Input.PEER_EOF)

    @pytest.mark.parametrize("input_", [Input.APP_RETURN, Input.APP_CRASH, Input.APP_CANCELLED], ids=name)
    @pytest.mark.parametrize("state", State, ids=name)
    def test_the_app_may_end_in_every_state(self, state, input_):
        assert in_state(state).takes(input_)

    @pytest.mark.parametrize("state", all_but(State.DENYING), ids=name)
    def test_the_app_may_close_in_every_state_but_in_its_own_denial(self, state):
        assert in_state(state).takes(Input.APP_CLOSE)

    def test_the_app_may_send_before_the_ending_is_answered_and_not_after(self):
        assert {state for state in State if in_state(state).takes(Input.APP_SEND)} == {State.OPEN, State.ENDING}

    @pytest.mark.parametrize("input_", [Input.PEER_MESSAGE, Input.PEER_CLOSE, Input.PEER_VIOLATION], ids=name)
    def test_the_peer_is_read_after_an_accept_until_its_ending(self, input_):
        read = {State.OPEN, State.CLOSING, State.DRAINING, State.CLOSED}
        assert {state for state in State if in_state(state).takes(input_)} == read

    def test_a_message_of_either_side_moves_nothing(self):
        moved = [
            pair for pair, to in TABLE.items() if pair[1] in (Input.APP_SEND, Input.PEER_MESSAGE) and pair[0] != to
        ]
        assert moved == []

    def test_docstring_names_every_state(self):
        source = Path(__file__).parent.parent / "safews" / "_state.py"
        docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")), clean=False)
        described = re.findall(r"^    ([A-Z]+)  ", docstring or "", re.MULTILINE)
        assert {State[word] for word in described} == set(State)
