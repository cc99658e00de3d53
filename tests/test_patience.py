from __future__ import annotations

import pytest

from safews._patience import STEPS, Patience


def looks_until_over(patience: Patience, seconds_between: float, start: float = 100.0) -> int:
    """How many looks at the clock it takes until nothing is left."""
    for count in range(1, 1000):
        if patience.spend(start + count * seconds_between):
            return count
    raise AssertionError("never over")


def begun(seconds: float) -> Patience:
    return Patience(seconds, now=100.0)


def test_a_step_is_a_fraction_of_the_whole() -> None:
    assert begun(20.0).step == 20.0 / STEPS


@pytest.mark.parametrize("seconds", [0.001, 0.3, 1, 20, 86400])
def test_it_is_over_after_all_steps(seconds: float) -> None:
    patience = begun(seconds)
    assert looks_until_over(patience, patience.step) == STEPS


def test_looks_that_are_a_little_late_do_not_add_a_step() -> None:
    patience = begun(8.0)
    assert looks_until_over(patience, 1.01) == STEPS


def test_looks_that_are_a_little_early_do_not_add_a_step() -> None:
    patience = begun(8.0)
    assert looks_until_over(patience, 0.99) == STEPS


def test_a_late_look_counts_as_one_step() -> None:
    assert looks_until_over(begun(8.0), 3600.0) == STEPS


def test_what_is_left_is_what_no_look_has_counted() -> None:
    patience = begun(8.0)
    assert patience.left(100.0) == 8.0
    assert patience.left(100.5) == 7.5
    assert patience.left(3600.0) == 7.0
    patience.spend(101.0)
    assert patience.left(101.0) == 7.0


def test_a_look_at_once_counts_nothing() -> None:
    patience = begun(8.0)
    assert not patience.spend(100.0)
    assert looks_until_over(patience, 1.0) == STEPS


def test_without_any_patience_it_is_over_at_the_first_look() -> None:
    assert looks_until_over(begun(0.0), 0.0) == 1
