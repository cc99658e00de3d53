"""What the fuzzer has found worth keeping, and what it began with, run without it."""

from __future__ import annotations

import importlib

import pytest

from tests.fuzz.corpus import kept
from tests.fuzz.seeds import SEEDS


@pytest.mark.parametrize("target", SEEDS)
def test_no_input_breaks_a_property(target):
    check = importlib.import_module(f"tests.fuzz.{target}").check
    inputs = [*SEEDS[target], *kept(target)]
    broken = {data.hex(): error for data in inputs if (error := outcome(check, data)) is not None}
    assert broken == {}


def outcome(check, data):
    """Return what an input raises."""
    try:
        check(data)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("target", SEEDS)
def test_there_are_inputs(target):
    assert len(kept(target)) > 50
