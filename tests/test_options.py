from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import logging
import pickle
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

from safews import _options
from safews._options import OptionChanges, Options

DEFAULTS = {
    "close_timeout": 10.0,
    "close_grace": 1.0,
    "accept_timeout": None,
    "write_timeout": 30.0,
    "app_grace": None,
    "shutdown_code": 1012,
    "drain_spread": 0.0,
    "allowed_origins": None,
    "max_connections": None,
    "after_disconnect": "raise",
    "receive_buffer": 65536,
    "deflate_window_bits": 12,
    "deflate_mem_level": 5,
    "deflate_level": 6,
    "deflate_context_takeover": True,
    "deflate_threshold": 64,
    "fast_lane": True,
}

# One value for each option that differs from its default, and the text that stands for it.
CHANGES: dict[str, tuple[object, str]] = {
    "close_timeout": (5.0, "5"),
    "close_grace": (0.0, "0"),
    "accept_timeout": (2.5, "2.5"),
    "write_timeout": (None, "off"),
    "app_grace": (3.0, "3"),
    "shutdown_code": (1001, "1001"),
    "drain_spread": (20.0, "2e1"),
    "allowed_origins": (("https://a.example", "null"), "https://A.example:443, null"),
    "max_connections": (1000, "1000"),
    "after_disconnect": ("drop", "drop"),
    "receive_buffer": (1, "1"),
    "deflate_window_bits": (15, "15"),
    "deflate_mem_level": (9, "9"),
    "deflate_level": (0, "0"),
    "deflate_context_takeover": (False, "no"),
    "deflate_threshold": (0, "0"),
    "fast_lane": (False, "off"),
}

WRONG = [
    ("close_timeout", "5", TypeError),
    ("close_timeout", -1, ValueError),
    ("close_grace", float("nan"), ValueError),
    ("accept_timeout", 0, ValueError),
    ("write_timeout", 0.0, ValueError),
    ("app_grace", True, TypeError),
    ("shutdown_code", 1006, ValueError),
    ("drain_spread", None, TypeError),
    ("allowed_origins", "https://a.example", TypeError),
    ("allowed_origins", ["a.example"], ValueError),
    ("max_connections", 0, ValueError),
    ("after_disconnect", "ignore", ValueError),
    ("receive_buffer", 0, ValueError),
    ("deflate_window_bits", 8, ValueError),
    ("deflate_window_bits", 16, ValueError),
    ("deflate_mem_level", 0, ValueError),
    ("deflate_mem_level", 10, ValueError),
    ("deflate_level", -1, ValueError),
    ("deflate_level", 10, ValueError),
    ("deflate_context_takeover", 1, TypeError),
    ("deflate_threshold", -1, ValueError),
    ("fast_lane", None, TypeError),
]


def make(**values: Any) -> Options:
    return Options(**values)


class TestOptions:
    def test_defaults(self) -> None:
        assert dataclasses.asdict(Options()) == DEFAULTS

    @pytest.mark.parametrize("name", CHANGES)
    def test_every_option_can_be_given(self, name: str) -> None:
        value = CHANGES[name][0]
        assert getattr(make(**{name: value}), name) == value != DEFAULTS[name]

    @pytest.mark.parametrize(("name", "value", "error"), WRONG)
    def test_a_wrong_value_is_told_with_the_option(self, name: str, value: object, error: type[Exception]) -> None:
        with pytest.raises(error) as caught:
            make(**{name: value})
        assert str(caught.value).startswith(f"{name}={value!r}: must be ")

    @pytest.mark.parametrize("name", DEFAULTS)
    def test_every_option_is_checked(self, name: str) -> None:
        with pytest.raises(TypeError, match=name):
            make(**{name: object()})

    def test_options_cannot_be_set(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Options().close_timeout = 1  # type: ignore[misc]

    def test_equal_options_are_one_key(self) -> None:
        given = make(close_timeout=5, allowed_origins=["https://A.example"])
        same = make(close_timeout=5.0, allowed_origins=("https://a.example",))
        assert {given: 1}[same] == 1

    def test_options_pickle(self) -> None:
        options = make(**{name: value for name, (value, _) in CHANGES.items()})
        assert pickle.loads(pickle.dumps(options)) == options

    def test_every_option_is_documented_where_it_is_defined(self) -> None:
        (definition,) = ast.parse(inspect.getsource(Options)).body
        assert isinstance(definition, ast.ClassDef)
        documented = [
            statement.target.id
            for statement, after in itertools.pairwise(definition.body)
            if isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(after, ast.Expr)
        ]
        assert documented == list(DEFAULTS)

    def test_type_checkers_know_the_same_options(self) -> None:
        assert get_type_hints(OptionChanges) == get_type_hints(Options)


class TestChanged:
    def test_the_rest_stays(self) -> None:
        options = make(close_timeout=5, fast_lane=False).changed(close_grace=2)
        assert options == make(close_timeout=5, close_grace=2, fast_lane=False)

    def test_an_unknown_option_is_named_with_the_nearest(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option 'close_timout', did you mean 'close_timeout'\?"):
            Options().changed(close_timout=5)  # type: ignore[call-arg]

    def test_an_unknown_option_that_is_near_to_none(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option 'xyz', known are close_timeout, .*, fast_lane$"):
            Options().changed(xyz=5)  # type: ignore[call-arg]

    def test_a_wrong_value_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"close_timeout=-1: must be"):
            Options().changed(close_timeout=-1)


class TestFromEnviron:
    @pytest.fixture(autouse=True)
    def _nothing_warned_of_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_options, "_warned", set())

    def test_nothing_is_the_defaults(self) -> None:
        assert Options.from_environ({"PATH": "/bin"}) == Options()

    @pytest.mark.parametrize("name", CHANGES)
    def test_every_option_has_its_variable(self, name: str) -> None:
        value, text = CHANGES[name]
        assert Options.from_environ({f"SAFEWS_{name.upper()}": text}) == make(**{name: value})

    def test_the_environment_of_the_process_is_read_at_the_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "3")
        assert Options.from_environ() == make(close_timeout=3)

    def test_spaces_around_a_value_do_not_count(self) -> None:
        assert Options.from_environ({"SAFEWS_FAST_LANE": " off "}) == make(fast_lane=False)

    @pytest.mark.parametrize("name", DEFAULTS)
    @pytest.mark.parametrize("text", ["", "?"])
    def test_a_malformed_value_is_told_with_the_variable(self, name: str, text: str) -> None:
        variable = f"SAFEWS_{name.upper()}"
        with pytest.raises(ValueError, match="must be") as caught:
            Options.from_environ({variable: text})
        assert str(caught.value).startswith(f"{variable}={text!r}: must be ")

    @pytest.mark.parametrize(
        ("variable", "text"),
        [("SAFEWS_CLOSE_TIMEOUT", "nan"), ("SAFEWS_SHUTDOWN_CODE", "1006"), ("SAFEWS_MAX_CONNECTIONS", "0")],
    )
    def test_a_value_out_of_range_is_told_with_the_variable(self, variable: str, text: str) -> None:
        with pytest.raises(ValueError, match=f"^{variable}='{text}': must be "):
            Options.from_environ({variable: text})

    def test_unknown_variables_are_one_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        environ = {"SAFEWS_SERVICE_HOST": "10.0.0.1", "SAFEWS_PORT": "tcp://10.0.0.1:80", "SAFEWSX": "1"}
        assert Options.from_environ(environ) == Options()
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("uvicorn.error", logging.WARNING)
        assert record.getMessage().endswith(": SAFEWS_PORT, SAFEWS_SERVICE_HOST")

    def test_an_unknown_variable_is_warned_of_once(self, caplog: pytest.LogCaptureFixture) -> None:
        Options.from_environ({"SAFEWS_PORT": "1"})
        caplog.clear()
        Options.from_environ({"SAFEWS_PORT": "1"})
        assert not caplog.records
        Options.from_environ({"SAFEWS_PORT": "1", "SAFEWS_OTHER": "1"})
        assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["SAFEWS_OTHER"]

    def test_the_option_that_was_most_likely_meant(self, caplog: pytest.LogCaptureFixture) -> None:
        Options.from_environ({"SAFEWS_CLOSE_TIMOUT": "1", "SAFEWS_PORT": "1"})
        (record,) = caplog.records
        assert record.getMessage().endswith(": SAFEWS_CLOSE_TIMOUT (did you mean SAFEWS_CLOSE_TIMEOUT?), SAFEWS_PORT")

    def test_the_switch_of_the_start_up_hook_is_known(self, caplog: pytest.LogCaptureFixture) -> None:
        Options.from_environ({"SAFEWS_NO_ALIAS": "1"})
        assert not caplog.records


def test_importing_safews_imports_no_library_and_reads_no_environment() -> None:
    code = "import sys, safews; print(*{name.partition('.')[0] for name in sys.modules})"
    environ = {"SAFEWS_CLOSE_TIMEOUT": "malformed", "PYTHONPATH": ":".join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=30
    ).stdout.split()
    assert "safews" in loaded
    assert not {"asyncio", "uvicorn", "h11", "wsproto", "websockets"} & set(loaded)
