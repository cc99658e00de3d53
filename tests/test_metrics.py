"""The statistics as Prometheus reads them: from one process here, from several in ``test_metrics_workers.py``."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from safews import _protocol, _statistics, metrics
from safews._close import ClosedBy, CloseRecord
from safews._state import Input, State
from safews._statistics import Account, Ledger, Outcome
from tests.code_blocks import blocks
from tests.harness import App, Start, echo, eventually, run

RECORD = CloseRecord(1000, "", ClosedBy.APP, clean=True)

Samples = dict[str, float]


class Somebody:
    account = Account(State.OPEN, Outcome.ACCEPTED, 1, 2, 30, 40)


def samples(text: str) -> Samples:
    """The samples of an answer that are not 0, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            if sample.value and not sample.name.endswith("_created"):
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def of(registry: CollectorRegistry) -> Samples:
    return samples(prometheus_client.generate_latest(registry).decode())


async def answer(app: Any) -> Samples:
    """Ask an app that serves metrics."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app({"type": "http", "query_string": b"", "headers": []}, receive, send)
    start, body = sent
    assert start["status"] == 200
    return samples(body["body"].decode())


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The books of this test alone."""
    ledger = Ledger()
    for module in (_protocol, _statistics, metrics):
        monkeypatch.setattr(module, "LEDGER", ledger)
    return ledger


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Multiprocess mode, by a folder of this test's own."""
    monkeypatch.setenv(metrics.FOLDER, str(tmp_path))
    files: list[MmapedDict] = []

    def opened(name: str) -> MmapedDict:
        files.append(MmapedDict(name))  # type: ignore[no-untyped-call]
        return files[-1]

    monkeypatch.setattr(values, "MmapedDict", opened)
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
    yield tmp_path
    for file in files:
        file.close()  # type: ignore[no-untyped-call]


class TestCollector:
    def test_every_metric(self, ledger: Ledger) -> None:
        ended = Somebody()
        ledger.begin(ended)
        ledger.end(ended, RECORD, Input.CLOCK_CLOSE_TIMEOUT)
        ledger.begin(Somebody())
        ledger.answered(0.004)
        ledger.answered(20.0)
        ledger.dropped()
        registry = CollectorRegistry()
        registry.register(metrics.Collector())
        found = of(registry)
        buckets = {key: found.pop(key) for key in list(found) if "_bucket" in key}
        assert found == {
            "safews_connections{state=open}": 1,
            "safews_handshakes_total{outcome=accepted}": 2,
            "safews_closes_total{by=app,code=1000}": 1,
            "safews_aborts_total{cause=close_timeout}": 1,
            "safews_messages_received_total{}": 2,
            "safews_messages_sent_total{}": 4,
            "safews_messages_dropped_total{}": 1,
            "safews_received_bytes_total{}": 60,
            "safews_sent_bytes_total{}": 80,
            "safews_ping_round_trip_seconds_count{}": 2,
            "safews_ping_round_trip_seconds_sum{}": pytest.approx(20.004),
        }
        assert buckets.pop("safews_ping_round_trip_seconds_bucket{le=+Inf}") == 2
        assert buckets.keys() == {
            f"safews_ping_round_trip_seconds_bucket{{le={bound}}}"
            for bound in (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
        }
        assert set(buckets.values()) == {1}

    @pytest.mark.parametrize(
        ("code", "by", "shown"),
        [
            (4711, ClosedBy.PEER, "4xxx"),
            (3000, ClosedBy.PEER, "3xxx"),
            (1001, ClosedBy.PEER, "1001"),
            (4711, ClosedBy.APP, "4711"),
        ],
    )
    def test_a_peer_cannot_make_any_number_of_series(self, ledger: Ledger, code: int, by: ClosedBy, shown: str) -> None:
        ledger.end(Somebody(), CloseRecord(code, "", by, clean=True), None)
        registry = CollectorRegistry()
        registry.register(metrics.Collector())
        assert of(registry)[f"safews_closes_total{{by={by.value},code={shown}}}"] == 1


class TestOneProcess:
    @pytest.fixture(autouse=True)
    def alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(metrics.FOLDER, raising=False)

    async def test_the_app_answers_for_a_registry_and_the_statistics(self, ledger: Ledger) -> None:
        registry = CollectorRegistry()
        prometheus_client.Gauge("mine", "Mine", registry=registry).set(3)
        metrics.register(registry)
        app = metrics.make_asgi_app(registry)
        ledger.begin(Somebody())
        found = await answer(app)
        assert (found["mine{}"], found["safews_connections{state=open}"]) == (3, 1)
        assert ledger.watcher is None

    async def test_of_a_server(self, start: Start) -> None:
        registry = CollectorRegistry()
        app = metrics.make_asgi_app(registry)
        async with start(App(echo)) as server, server.open() as client:
            await client.send_text("hello")
            await client.expect_text("hello")
            assert (await answer(app))["safews_connections{state=open}"] == 1
            await client.send_close(1001)
            await client.expect_close(1001)
            await server.became_idle()
        found = await answer(app)
        assert "safews_connections{state=open}" not in found
        assert found["safews_closes_total{by=peer,code=1001}"] == 1
        assert found["safews_messages_sent_total{}"] == 1

    async def test_of_the_docs(self, start: Start) -> None:
        (block,) = (block.text for block in blocks("python") if "Mount(" in block.text)
        names: dict[str, Any] = {}
        exec(block, names)
        async with start(names["app"]) as server, server.connect() as client:
            await client.send(b"GET /metrics/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b'\nsafews_connections{state="open"} 0.0\n' in body
        assert b"\npython_info{" in body

    async def test_a_websocket_is_refused(self, start: Start) -> None:
        async with start(metrics.make_asgi_app(CollectorRegistry())) as server:
            assert (await server.get()).status == 403


class TestSeveralProcesses:
    async def test_what_is_not_written_yet_is_in_the_answer(self, ledger: Ledger, folder: Path) -> None:
        app = metrics.make_asgi_app()
        ledger.begin(Somebody())
        ledger.answered(0.5)
        for _ in range(2):
            found = await answer(app)
            assert found["safews_connections{state=open}"] == 1
            assert found["safews_messages_sent_total{}"] == 2
            assert found["safews_ping_round_trip_seconds_sum{}"] == 0.5
        assert "pid" not in str(found)

    def test_what_others_have_written_is_added(self, ledger: Ledger, folder: Path) -> None:
        script = "from safews import metrics as m; m.register(); m.LEDGER.dropped(); m.LEDGER.watcher.publish()"
        subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
        ledger.dropped()
        assert run(answer(metrics.make_asgi_app()))["safews_messages_dropped_total{}"] == 2

    def test_connections_of_a_process_that_was_killed_are_gone(
        self, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.begin(Somebody())
        app = metrics.make_asgi_app()
        run(answer(app))
        (own,) = folder.glob("gauge_livesum_*.db")
        others = {4001: ProcessLookupError, 4002: PermissionError, 4003: None}
        for pid in (*others, "main"):
            (folder / f"gauge_livesum_{pid}.db").write_bytes(own.read_bytes())

        def kill(pid: int, signal: int) -> None:
            assert signal == 0
            if (error := others.get(pid)) is not None:
                raise error

        monkeypatch.setattr(os, "kill", kill)
        assert run(answer(app))["safews_connections{state=open}"] == 4
        assert not (folder / "gauge_livesum_4001.db").exists()

    async def test_the_last_connection_leaves_nothing_to_wait_for(self, start: Start, folder: Path) -> None:
        metrics.register()
        async with start(App(echo)) as server, server.open() as client:
            await client.send_close(1001)
            await client.expect_close(1001)
            await server.became_idle()
        # Leaving the server has checked that there is no timer.
        registry = CollectorRegistry()
        prometheus_client.multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        await eventually(lambda: "safews_closes_total{by=peer,code=1001}" in of(registry))

    async def test_while_there_are_connections_it_writes_at_intervals(
        self, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics, "INTERVAL", 0.02)
        metrics.register()
        registry = CollectorRegistry()
        prometheus_client.multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        somebody = Somebody()
        ledger.begin(somebody)
        ledger.begin(Somebody())

        def received() -> float | None:
            return of(registry).get("safews_messages_received_total{}")

        await eventually(lambda: received() == 2)
        somebody.account = somebody.account._replace(messages_in=5)
        await eventually(lambda: received() == 6)
        self.stop(ledger)

    def stop(self, ledger: Ledger) -> None:
        """End the publisher's timer in this event loop."""
        publisher = ledger.watcher
        assert isinstance(publisher, metrics.Publisher)
        publisher._timers[asyncio.get_running_loop()].handle.cancel()

    def test_a_connection_that_begins_just_after_the_last_has_ended(self, ledger: Ledger, folder: Path) -> None:
        """uvloop makes a plain handle of a wait that is over at once, which does not tell when it is due."""
        uvloop = pytest.importorskip("uvloop")

        async def main() -> None:
            metrics.register()
            last = Somebody()
            ledger.begin(last)
            ledger.end(last, RECORD, None)
            ledger.begin(Somebody())
            self.stop(ledger)

        loop = uvloop.new_event_loop()
        loop.run_until_complete(main())
        loop.close()

    def test_there_is_one_publisher(self, ledger: Ledger, folder: Path) -> None:
        metrics.register()
        watcher = ledger.watcher
        metrics.make_asgi_app()
        assert ledger.watcher is watcher is not None

    def test_a_folder_that_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv(metrics.FOLDER, str(tmp_path / "none"))
        with pytest.raises(ValueError, match=rf"^{metrics.FOLDER} is not a folder: '.*none'$"):
            metrics.make_asgi_app()


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("prometheus_client"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    spec = importlib.util.find_spec("safews.metrics")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=r"pip install safews\[metrics\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
