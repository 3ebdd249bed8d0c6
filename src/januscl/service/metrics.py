"""What the service counts, for Prometheus."""

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from januscl.line.intake import Drained, Receipt
from januscl.store import Catalogue

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Metrics:
    """Counters of one app.

    Args:
        catalogue: Asked for the inbox's depth and the robots' counters whenever they are read.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._registry = registry = CollectorRegistry()
        names = ["route", "method", "status"]
        self._requests = Counter("janus_requests", "Requests.", names, registry=registry)
        self._seconds = Histogram(
            "janus_request_seconds", "Time to answer.", ["route"], registry=registry
        )
        self._bytes = Counter("janus_received_bytes", "Of bodies.", registry=registry)
        self._taken = Counter(
            "janus_taken", "Observations and outcomes by what became of them at the door.",
            ["what", "result"], registry=registry,
        )  # fmt: skip
        self._drained = Counter(
            "janus_drained", "What was moved from the inbox.", ["what"], registry=registry
        )
        self._failures = Counter(
            "janus_drain_failures", "Times that the inbox could not be moved.", registry=registry
        )
        depth = Gauge("janus_inbox_depth", "Messages that wait.", registry=registry)
        depth.set_function(lambda: float(catalogue.inbox.depth()))
        registry.register(_Robots(catalogue))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def received(self, number: int) -> None:
        """Count bytes of a body."""
        self._bytes.inc(number)

    def taken(self, what: str, receipt: Receipt) -> None:
        """Count what a request brought."""
        self._taken.labels(what, "accepted").inc(len(receipt.accepted))
        self._taken.labels(what, "rejected").inc(len(receipt.rejected))

    def drained(self, moved: Drained) -> None:
        """Count what a worker moved."""
        for what, number in vars(moved).items():
            self._drained.labels(what).inc(number)

    def drain_failed(self) -> None:
        """Count a failure of the worker."""
        self._failures.inc()

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)


class _Robots(Collector):
    """What robots told of themselves when they last checked in, summed over the fleet."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: what robots count is not known beforehand."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the sums."""
        totals: Tally[str] = Tally()
        robots = self._catalogue.check_ins.list()
        for robot in robots:
            totals.update(robot.counters)
        counted = GaugeMetricFamily("janus_robot_counter", "Over all robots.", labels=["name"])
        for name, total in sorted(totals.items()):
            counted.add_metric([name], float(total))
        yield counted
        errors = sum(robot.error is not None for robot in robots)
        yield GaugeMetricFamily("janus_robots", "That ever checked in.", value=len(robots))
        yield GaugeMetricFamily("janus_robots_in_error", "At their last check-in.", value=errors)
