"""The statistics for Prometheus. Needs ``pip install safews[metrics]``.

``make_asgi_app()`` is an app to mount; ``register()`` is for who has such an endpoint already. Both do what is right
for one process, and for several that share a folder: prometheus_client's multiprocess mode, which is on where
``PROMETHEUS_MULTIPROC_DIR`` is set. Collectors are not asked in that mode: the values go into files, at intervals.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from ._statistics import BUCKETS, LEDGER, Statistics, stats

try:
    import prometheus_client
    from prometheus_client.metrics_core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
    from prometheus_client.registry import REGISTRY, CollectorRegistry
    from prometheus_client.registry import Collector as _Collector
except ImportError as error:
    raise ImportError("safews.metrics needs prometheus-client: pip install safews[metrics]") from error

__all__ = ["Collector", "make_asgi_app", "register"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

INTERVAL = 5.0
"""Seconds after which other processes see a change, at the latest, in multiprocess mode."""

Values = Mapping[tuple[str, ...], float]
"""Values by the values of their labels."""


class Family(NamedTuple):
    """Values that are called alike."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Statistics], Values]


def _by(mapping: Mapping[str, int]) -> Values:
    return {(key,): value for key, value in mapping.items()}


def _closes(statistics: Statistics) -> Values:
    """Count by labels of which a peer cannot make thousands: of the codes that are free it may send any."""
    found: Counter[tuple[str, ...]] = Counter()
    for (code, by), count in statistics.closes.items():
        found[f"{code // 1000}xxx" if by == "peer" and code >= 3000 else str(code), by] += count
    return found


CONNECTIONS = Family("safews_connections", "Connections by state", ("state",), lambda stats: _by(stats.connections))

COUNTERS = (
    Family("safews_handshakes", "Handshakes by outcome", ("outcome",), lambda stats: _by(stats.handshakes)),
    Family("safews_closes", "Connections that ended, by close code and by who closed", ("code", "by"), _closes),
    Family("safews_aborts", "Connections that were cut off, by cause", ("cause",), lambda stats: _by(stats.aborts)),
    Family("safews_messages_received", "Messages received", (), lambda stats: {(): stats.messages_in}),
    Family("safews_messages_sent", "Messages sent", (), lambda stats: {(): stats.messages_out}),
    Family("safews_messages_dropped", "Messages to clients that were gone", (), lambda stats: {(): stats.dropped}),
    Family("safews_received_bytes", "Bytes received, with framing", (), lambda stats: {(): stats.bytes_in}),
    Family("safews_sent_bytes", "Bytes sent, with framing", (), lambda stats: {(): stats.bytes_out}),
)

ROUND_TRIP = "safews_ping_round_trip_seconds"
ROUND_TRIP_HELP = "How long answered pings took"


class Collector(_Collector):
    """The statistics of this process, as they are when they are asked for; not for multiprocess mode."""

    def collect(self) -> Iterable[Metric]:
        """Yield every metric."""
        now = stats()
        for kind, family in [(GaugeMetricFamily, CONNECTIONS), *((CounterMetricFamily, each) for each in COUNTERS)]:
            metric = kind(family.name, family.help, labels=family.labels)
            for labels, value in family.read(now).items():
                metric.add_metric(labels, value)
            yield metric
        trips = now.round_trips
        buckets = [*trips.buckets.items(), ("+Inf", trips.count)]
        yield HistogramMetricFamily(
            ROUND_TRIP,
            ROUND_TRIP_HELP,
            buckets=[(str(bound), float(count)) for bound, count in buckets],
            sum_value=trips.seconds,
        )


class _Timer(NamedTuple):
    """When the statistics are to be written. What uvloop gives for a time that has come does not tell."""

    when: float
    handle: asyncio.TimerHandle


class Publisher:
    """Writes the statistics of this process into its files: at intervals while it has connections, and after the last.

    It does so in the event loop of the connections, so that no thread has to survive a fork.
    """

    def __init__(self) -> None:
        # They have files instead of a registry.
        self._gauge = prometheus_client.Gauge(
            CONNECTIONS.name, CONNECTIONS.help, CONNECTIONS.labels, registry=None, multiprocess_mode="livesum"
        )
        self._counters = [
            (family, prometheus_client.Counter(family.name, family.help, family.labels, registry=None))
            for family in COUNTERS
        ]
        self._round_trip = prometheus_client.Histogram(ROUND_TRIP, ROUND_TRIP_HELP, buckets=BUCKETS, registry=None)
        self._written: dict[tuple[str, ...], float] = {}
        self._timers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Timer] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def answered(self, seconds: float) -> None:
        """A ping was answered that took so long."""
        self._round_trip.observe(seconds)

    def changed(self) -> None:
        """A connection has begun or ended."""
        loop = asyncio.get_running_loop()
        seconds = 0.0 if LEDGER.is_empty else INTERVAL
        timer = self._timers.get(loop)
        when = loop.time() + seconds
        if timer is None or timer.when > when:
            if timer is not None:
                timer.handle.cancel()
            self._timers[loop] = _Timer(when, loop.call_at(when, self._tick, loop))

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        del self._timers[loop]
        self.publish()
        if not LEDGER.is_empty:
            self.changed()

    def publish(self) -> None:
        """Write what is new."""
        with self._lock:
            now = stats()
            for labels, value in CONNECTIONS.read(now).items():
                self._gauge.labels(*labels).set(value)
            for family, counter in self._counters:
                for labels, value in family.read(now).items():
                    self._count(counter.labels(*labels) if labels else counter, (family.name, *labels), value)

    def _count(self, counter: prometheus_client.Counter, key: tuple[str, ...], value: float) -> None:
        written = self._written.get(key, 0)
        # What a process that had the same number has left in the file is kept.
        counter.inc(value - written)
        self._written[key] = value


class _Merging(MultiProcessCollector):
    """What all processes have written, this one just now."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._publisher = publisher

    def collect(self) -> Iterator[Metric]:
        self._publisher.publish()
        _bury(Path(os.environ[FOLDER]))
        found: Iterator[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return found


def _bury(folder: Path) -> None:
    """Have the connections forgotten of processes that were killed: they could not say that they have none."""
    for name in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*.db")}:
        if name.isdecimal() and not _is_alive(int(name)):
            mark_process_dead(int(name))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


_registered: WeakSet[CollectorRegistry] = WeakSet()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Have the statistics of this process exposed with the metrics of a registry; once more is as good as once.

    In multiprocess mode they go into the files that ``MultiProcessCollector`` reads. Call it in each process, such as
    at the import of the module that has the application.
    """
    if FOLDER in os.environ:
        _publisher()
    elif registry not in _registered:
        registry.register(Collector())
        _registered.add(registry)


def _publisher() -> Publisher:
    """Return the one publisher of this process."""
    watcher = LEDGER.watcher
    if not isinstance(watcher, Publisher):
        watcher = LEDGER.watcher = Publisher()
    return watcher


def make_asgi_app(registry: CollectorRegistry = REGISTRY) -> Callable[..., Any]:
    """Return an ASGI app that answers with the metrics of a registry, the statistics among them.

    In multiprocess mode the answer has the metrics of all processes, whatever the registry. ``ValueError`` is raised
    where ``PROMETHEUS_MULTIPROC_DIR`` is no folder.
    """
    if FOLDER in os.environ:
        if not Path(os.environ[FOLDER]).is_dir():
            raise ValueError(f"{FOLDER} is not a folder: {os.environ[FOLDER]!r}")
        registry = CollectorRegistry()
        registry.register(_Merging(_publisher()))
    else:
        register(registry)
    serve = prometheus_client.make_asgi_app(registry)

    async def app(scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "websocket":
            # A mounted app gets these too, and prometheus_client takes them for an error.
            await send({"type": "websocket.close"})
        else:
            await serve(scope, receive, send)

    return app
