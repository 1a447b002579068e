"""Measures of a running node, in the text format that Prometheus and others read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["METRICS_TYPE", "Metrics"]

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The measures of one node; the HTTP ones are counted, the others looked up when somebody asks."""

    def __init__(self, node: Node) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "counterfoil_http_requests", "Requests answered.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "counterfoil_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._counters: dict[tuple[str, int], Any] = {}
        self._timers: dict[str, Any] = {}
        self._registry.register(_Gauges(node))

    def observe(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Counts one answer under its route; the path itself may hold anything, so it names none."""
        route = getattr(scope.get("route"), "path", "none")
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = self._requests.labels(route, str(status))
            self._timers.setdefault(route, self._seconds.labels(route))
        counter.inc()
        self._timers[route].observe(seconds)

    def text(self) -> bytes:
        """Returns everything, as monitors read it."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is looked up when somebody asks."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        org, node = self._node.org, self._node
        yield GaugeMetricFamily("counterfoil_log_records", "Records in the log.", org.archive.size)
        yield GaugeMetricFamily(
            "counterfoil_queue_records", "Records that wait because the log is away.", org.recorder.spool.count
        )
        anchored = org.ledger.newest(org.archive.size) if org.ledger.is_connected else None
        yield GaugeMetricFamily(
            "counterfoil_anchored_records",
            "Records under a final head on the ledger.",
            anchored.size if anchored else 0,
        )
        yield GaugeMetricFamily("counterfoil_alarms", "What needs a person now.", len(node.alarms.open()))
        jobs = node.jobs.list()
        yield GaugeMetricFamily(
            "counterfoil_jobs_open", "Long work that waits or runs.", sum(not job.state.is_over for job in jobs)
        )
        free = shutil.disk_usage(org.home.paths.folder).free
        yield GaugeMetricFamily("counterfoil_disk_free_bytes", "Free space where the home lies.", free)
