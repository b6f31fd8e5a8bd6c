"""What is counted for Prometheus, where its client library is installed; else nothing is."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from .host import Host


@dataclasses.dataclass
class Counted:
    """One answer, as it is counted at its end.

    Attributes:
        result: "done", "left", "refused" or "failed".
        audio_s: seconds of sound that were made.
    """

    result: str = "done"
    audio_s: float = 0.0


class Metrics:
    """Counters of one app.

    Args:
        host: whose line is measured.
    """

    def __init__(self, host: Host) -> None:
        self._registry: Any = None
        try:
            import prometheus_client as prometheus
        except ImportError:
            return
        registry = prometheus.CollectorRegistry()
        self._answers = prometheus.Counter(
            "bark_requests",
            "Answers to requests for speech.",
            ["format", "result"],
            registry=registry,
        )
        self._audio = prometheus.Counter(
            "bark_audio_seconds", "Seconds of sound made for programs.", registry=registry
        )
        self._spent = prometheus.Counter(
            "bark_answer_seconds", "Seconds from request to the last byte.", registry=registry
        )
        self._factor = prometheus.Histogram(
            "bark_real_time_factor",
            "Seconds from request to the last byte, by second of sound.",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        )
        waiting = prometheus.Gauge(
            "bark_queue_length", "Who waits for the device or computes.", registry=registry
        )
        waiting.set_function(lambda: host.engine.queue.n_waiting)
        ready = prometheus.Gauge("bark_ready", "Whether a model is loaded.", registry=registry)
        ready.set_function(lambda: host.engine.bark is not None)
        self._registry = registry

    @contextlib.contextmanager
    def answer(self, format: str) -> Iterator[Counted]:
        """Counts an answer when the block ends."""
        counted = Counted()
        started = time.perf_counter()
        try:
            yield counted
        finally:
            if self._registry is not None:
                self._count(format, counted, time.perf_counter() - started)

    def text(self) -> bytes | None:
        """All of it in Prometheus' words; None where its library is not installed."""
        if self._registry is None:
            return None
        import prometheus_client as prometheus

        return prometheus.generate_latest(self._registry)

    def _count(self, format: str, counted: Counted, spent_s: float) -> None:
        self._answers.labels(format, counted.result).inc()
        self._audio.inc(counted.audio_s)
        self._spent.inc(spent_s)
        if counted.audio_s > 0 and counted.result == "done":
            self._factor.observe(spent_s / counted.audio_s)
