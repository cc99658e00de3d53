from __future__ import annotations

import copy
import importlib
import logging
import multiprocessing
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

import safews
import safews.websockets
import safews.wsproto
from safews import _configure, _requirements
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._configure import HOMES, CodecName, ConfiguredProtocol, codec_class, protocol_class
from safews._options import Options
from safews._protocol import WebSocketProtocol

NAMES = sorted(HOMES)


class Derived(safews.Protocol):
    """What a user may write."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in Options.__slots__:  # type: ignore[attr-defined]
        monkeypatch.delenv(f"SAFEWS_{option.upper()}", raising=False)


@pytest.fixture
def no_websockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the websockets library, and without the classes that were made with it."""
    monkeypatch.delitem(sys.modules, "safews._codecs.websockets")
    monkeypatch.delattr("safews._codecs.websockets")
    for name in [name for name in sys.modules if name.partition(".")[0] == "websockets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "websockets", None)
    monkeypatch.setattr(_configure, "_configured", _configure._configured.__wrapped__)


class TestCodecClass:
    def test_wsproto(self) -> None:
        assert codec_class("wsproto") is WsprotoCodec

    @pytest.mark.parametrize("name", ["auto", "websockets"])
    def test_websockets_where_it_is_installed(self, name: CodecName) -> None:
        assert codec_class(name) is WebsocketsCodec

    @pytest.mark.usefixtures("no_websockets")
    def test_auto_is_wsproto_where_websockets_is_missing(self) -> None:
        assert codec_class("auto") is WsprotoCodec
        assert safews.Protocol.codec is WsprotoCodec

    @pytest.mark.usefixtures("no_websockets")
    def test_websockets_by_name_where_it_is_missing(self) -> None:
        with pytest.raises(ImportError, match="websockets"):
            codec_class("websockets")


class TestTooOld:
    @pytest.fixture
    def install(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
        """Let a package seem to be there in another version."""
        versions = {"websockets": "99.0", "wsproto": "99.0"}
        monkeypatch.setattr(_requirements, "version", versions.__getitem__)
        _configure.warn_of.cache_clear()
        return versions.__setitem__

    @pytest.mark.parametrize(("name", "too_old"), [("websockets", "12.0"), ("wsproto", "0.15.0")])
    def test_by_its_name(self, name: CodecName, too_old: str, install: Callable[[str, str], None]) -> None:
        install(name, too_old)
        with pytest.raises(ImportError, match=f"^safews needs {name} .* or newer, found {too_old}$"):
            codec_class(name)

    def test_neither_asks_for_the_other(self, install: Callable[[str, str], None]) -> None:
        install("wsproto", "0.15.0")
        assert codec_class("websockets") is WebsocketsCodec
        assert codec_class("auto") is WebsocketsCodec
        install("wsproto", "1.2.0")
        install("websockets", "12.0")
        assert codec_class("wsproto") is WsprotoCodec

    def test_auto_takes_wsproto_and_warns_once(
        self, install: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        install("websockets", "12.0")
        assert codec_class("auto") is WsprotoCodec
        assert codec_class("auto") is WsprotoCodec
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("uvicorn.error", logging.WARNING)
        assert record.getMessage() == "safews needs websockets 13.0 or newer, found 12.0: using wsproto"

    def test_auto_with_both_too_old(self, install: Callable[[str, str], None]) -> None:
        install("websockets", "12.0")
        install("wsproto", "0.15.0")
        with pytest.raises(ImportError, match=r"^safews needs wsproto 1\.0 or newer, found 0\.15\.0$"):
            codec_class("auto")


class TestProtocolClass:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_codec_and_the_options_are_bound(self, name: CodecName) -> None:
        options = Options(close_timeout=3)
        configured = protocol_class(name, options)
        assert issubclass(configured, WebSocketProtocol)
        assert configured.codec is codec_class(name)
        assert configured.options == options

    def test_equal_recipes_give_the_same_class(self) -> None:
        assert protocol_class("auto", Options(close_timeout=3)) is protocol_class("auto", Options(close_timeout=3.0))

    def test_another_recipe_gives_another_class(self) -> None:
        classes = {protocol_class(name, Options(close_grace=grace)) for name in NAMES for grace in (1, 2)}
        assert len(classes) == 6

    @pytest.mark.parametrize("name", NAMES)
    def test_the_class_is_named_as_users_name_it(self, name: CodecName) -> None:
        configured = protocol_class(name, Options())
        assert (configured.__module__, configured.__qualname__) == (HOMES[name], "Protocol")
        assert configured.__name__ == "Protocol"
        assert repr(configured) == f"<class '{HOMES[name]}.Protocol'>"
        assert configured.__doc__

    def test_instances_have_no_dict_of_their_own_by_us(self) -> None:
        assert "__dict__" not in vars(protocol_class("auto", Options()))
        assert "__dict__" not in vars(ConfiguredProtocol)


class TestWithOptions:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_codec_stays(self, name: CodecName) -> None:
        configured = protocol_class(name, Options()).with_options(close_timeout=5)
        assert configured is protocol_class(name, Options(close_timeout=5))

    def test_calls_chain(self) -> None:
        configured = safews.Protocol.with_options(close_timeout=5, close_grace=2).with_options(close_grace=3)
        assert configured.options == Options(close_timeout=5, close_grace=3)
        assert configured is safews.Protocol.with_options(close_timeout=5, close_grace=3)

    def test_no_change_is_the_class_itself(self) -> None:
        assert safews.Protocol.with_options() is safews.Protocol

    def test_what_is_given_wins_over_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "7")
        monkeypatch.setenv("SAFEWS_CLOSE_GRACE", "2")
        assert safews.Protocol.with_options(close_timeout=5).options == Options(close_timeout=5, close_grace=2)

    def test_an_unknown_option(self) -> None:
        with pytest.raises(TypeError, match=r"'close_timout', did you mean 'close_timeout'\?"):
            safews.Protocol.with_options(close_timout=5)  # type: ignore[call-arg]

    def test_a_wrong_value(self) -> None:
        with pytest.raises(ValueError, match="close_timeout=-5"):
            safews.Protocol.with_options(close_timeout=-5)

    def test_a_derived_class_stays_derived(self) -> None:
        configured = Derived.with_options(close_timeout=5)
        assert issubclass(configured, Derived)
        assert configured.options == Derived.options.changed(close_timeout=5)
        assert (configured.__module__, configured.__qualname__) == (Derived.__module__, "Derived")
        assert configured.with_options(close_grace=2) is Derived.with_options(close_timeout=5, close_grace=2)


def in_another_process(protocol: Any, answers: Any) -> None:
    """Report what a class looks like there."""
    answers.put((protocol.codec.name, protocol.options, protocol is pickle.loads(pickle.dumps(protocol))))


class TestPickling:
    CLASSES = (
        *(protocol_class(name, Options(close_timeout=5, allowed_origins=["https://a.example"])) for name in NAMES),
        ConfiguredProtocol,
        Derived,
        Derived.with_options(close_timeout=5),
    )

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize("configured", CLASSES, ids=repr)
    def test_a_class_is_the_same_after_a_round_trip(self, configured: type, protocol: int) -> None:
        assert pickle.loads(pickle.dumps(configured, protocol)) is configured

    @pytest.mark.parametrize("configured", CLASSES, ids=repr)
    def test_a_copied_class_is_the_same(self, configured: type) -> None:
        assert copy.deepcopy(configured) is configured

    def test_a_spawned_process_gets_the_codec_and_the_options(self) -> None:
        configured = protocol_class("wsproto", Options(close_timeout=5))
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        process = context.Process(target=in_another_process, args=(configured, answers))
        process.start()
        try:
            assert answers.get(timeout=30) == ("wsproto", Options(close_timeout=5), True)
        finally:
            process.join(30)
            answers.close()
        assert process.exitcode == 0


class TestNames:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_module_has_its_class(self, name: CodecName) -> None:
        assert importlib.import_module(HOMES[name]).Protocol is protocol_class(name, Options())

    @pytest.mark.parametrize("name", NAMES)
    def test_the_environment_is_read_at_every_look_up(self, name: CodecName, monkeypatch: pytest.MonkeyPatch) -> None:
        home = importlib.import_module(HOMES[name])
        assert home.Protocol.options == Options()
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "7")
        assert home.Protocol.options == Options(close_timeout=7)

    @pytest.mark.parametrize("name", NAMES)
    def test_any_other_attribute_is_missing(self, name: CodecName) -> None:
        with pytest.raises(AttributeError, match=f"module {HOMES[name]!r} has no attribute 'protocol'"):
            _ = importlib.import_module(HOMES[name]).protocol

    def test_client_disconnected_is_the_one_that_is_raised(self) -> None:
        from safews._app_errors import ClientDisconnected

        assert safews.ClientDisconnected is ClientDisconnected

    def test_everything_public_is_there(self) -> None:
        assert all(getattr(safews, name) for name in safews.__all__)
