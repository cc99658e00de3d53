from __future__ import annotations

import logging
import sys

import pytest

from safews.demo import _registry
from safews.demo._registry import LogHandler, Registry
from safews.demo._seen import End, Seen, State

CLIENT = ("127.0.0.1", 50114)


def begin(registry: Registry, path: str = "/echo", client: tuple[str, int] | None = CLIENT) -> Seen:
    return registry.begin({"path": path, "query_string": b"", "client": client})


def refused(registry: Registry) -> Seen:
    seen = begin(registry)
    seen.sent({"type": "websocket.close"}, 0)
    registry.changed(seen)
    return seen


def close_record(client: str = "127.0.0.1:50114", code: int = 1000) -> logging.LogRecord:
    record = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, "%s closed\n", (client,), None)
    fields = {
        "client": client,
        "close_code": code,
        "close_name": "name",
        "close_reason": "reason",
        "close_detail": "detail",
        "close_clean": True,
        "closed_by": "peer",
        "seconds": 1.5,
        "messages_in": 1,
        "messages_out": 2,
        "bytes_in": 3,
        "bytes_out": 4,
        "round_trip": 0.25,
    }
    vars(record).update({f"websocket_{name}": value for name, value in fields.items()})
    return record


class TestConnections:
    def test_one_is_told_to_whoever_does_not_know_it(self) -> None:
        registry = Registry()
        seen = begin(registry)
        (told,) = registry.since(0)["connections"]
        assert (told["id"], told["path"], told["client"]) == (1, "/echo", "127.0.0.1:50114")
        assert (told["state"], told["end"]) == ("connecting", None)
        assert registry.since(seen.version)["connections"] == []
        registry.changed(seen)
        assert [told["id"] for told in registry.since(seen.version - 1)["connections"]] == [1]

    def test_a_client_without_an_address(self) -> None:
        registry = Registry()
        seen = begin(registry, client=None)
        registry.logged(close_record(""))
        assert seen.state is State.CLOSED

    def test_old_ones_are_forgotten_after_their_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_registry, "KEPT_ENDED", 2)
        registry = Registry()
        going = begin(registry)
        ended = [refused(registry) for _ in range(4)]
        assert begin(registry).id == 6
        assert [told["id"] for told in registry.since(0)["connections"]] == [
            going.id,
            *[seen.id for seen in ended[2:]],
            6,
        ]

    def test_the_totals_remember_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_registry, "KEPT_ENDED", 1)
        registry = Registry()
        for _ in range(3):
            seen = begin(registry)
            seen.received({"type": "websocket.receive", "bytes": b"123"})
            seen.sent({"type": "websocket.close"}, 0)
        begin(registry).sent({"type": "websocket.accept"}, 0)
        assert registry.since(0)["totals"] == {
            "connections": 4,
            "open": 1,
            "refused": 3,
            "messages_in": 3,
            "messages_out": 0,
            "bytes_in": 9,
            "bytes_out": 0,
        }


class TestLog:
    def test_a_line(self) -> None:
        registry = Registry()
        LogHandler(registry).handle(logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "%d%%\n", (5,), None))
        (line,) = registry.since(0)["log"]
        assert (line["level"], line["text"], line["trace"]) == ("warning", "5%", "")
        assert registry.since(line["version"])["log"] == []

    def test_a_traceback(self) -> None:
        registry = Registry()
        try:
            raise ValueError("<b>")
        except ValueError:
            registry.logged(logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed", (), sys.exc_info()))
        (line,) = registry.since(0)["log"]
        assert line["trace"].startswith("Traceback (most recent call last):\n")
        assert line["trace"].endswith("ValueError: <b>\n")

    def test_no_more_than_so_many(self) -> None:
        registry = Registry()
        for number in range(_registry.KEPT_LINES + 5):
            registry.logged(logging.LogRecord("uvicorn.error", logging.INFO, "", 0, str(number), (), None))
        assert [line["text"] for line in registry.since(0)["log"]][:2] == ["5", "6"]

    def test_nothing_below_info(self) -> None:
        registry = Registry()
        handler = LogHandler(registry)
        logger = logging.getLogger("tests.demo")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        logger.debug("quiet")
        logger.info("loud")
        logger.removeHandler(handler)
        assert [line["text"] for line in registry.since(0)["log"]] == ["loud"]


class TestCloseRecord:
    def test_all_of_it_is_taken_down(self) -> None:
        registry = Registry()
        seen = begin(registry)
        before = registry.version
        registry.logged(close_record())
        assert seen.state is State.CLOSED
        assert seen.end == End(1000, "name", "reason", "detail", True, "peer", 1.5, 1, 2, 3, 4, 0.25)
        (told,) = registry.since(before)["connections"]
        assert (told["state"], told["end"]["by"]) == ("closed", "peer")

    def test_of_several_from_one_port_it_is_the_one_that_has_not_ended(self) -> None:
        registry = Registry()
        first, second = refused(registry), begin(registry)
        registry.logged(close_record(code=4001))
        third = begin(registry)
        registry.logged(close_record(code=4002))
        assert (first.state, first.end) == (State.REFUSED, None)
        assert [seen.end and seen.end.code for seen in (second, third)] == [4001, 4002]

    def test_one_of_a_connection_that_is_not_listed(self) -> None:
        registry = Registry()
        seen = begin(registry)
        registry.logged(close_record("127.0.0.1:1"))
        assert seen.state is State.CONNECTING


class TestSeen:
    def test_an_app_that_ends_without_an_answer(self) -> None:
        seen = begin(Registry())
        seen.app_ended()
        assert (seen.state, seen.status) == (State.REFUSED, 500)

    def test_an_app_that_ends_after_the_connection(self) -> None:
        registry = Registry()
        seen = begin(registry)
        seen.sent({"type": "websocket.accept"}, 0)
        registry.logged(close_record())
        seen.received({"type": "websocket.disconnect", "code": 1000})
        seen.app_ended()
        assert seen.state is State.CLOSED

    def test_a_close_of_an_open_connection_is_no_refusal(self) -> None:
        seen = begin(Registry())
        seen.sent({"type": "websocket.accept"}, 0)
        seen.sent({"type": "websocket.close"}, 0)
        assert (seen.state, seen.status) == (State.OPEN, 101)

    def test_the_time_that_send_took(self) -> None:
        seen = begin(Registry())
        seen.sent({"type": "websocket.accept"}, 8)
        seen.sent({"type": "websocket.send", "text": "a"}, 1)
        seen.sent({"type": "websocket.send", "text": None, "bytes": b"bc"}, 2)
        assert (seen.waited, seen.messages_out, seen.bytes_out) == (3, 2, 3)
