"""What is counted for Prometheus, where its client library is installed; else nothing is."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import BarkError, CallerLeftError

if TYPE_CHECKING:
    from .host import Host


@dataclasses.dataclass
class Counted:
    """One answer, as it is counted at its end.

    Attributes:
        result: "done", "stopped", "left", "refused" or "failed".
        audio_s: seconds of sound that were made.
    """

    result: str = "done"
    audio_s: float = 0.0


class Metrics:
    """Counters of one app, for all the ways in which it is asked to speak."""

    def __init__(self) -> None:
        self._registry: Any = None
        try:
            import prometheus_client as prometheus
        except ImportError:
            return
        registry = prometheus.CollectorRegistry()
        self._answers = prometheus.Counter(
            "bark_requests",
            "Answers to requests for speech.",
            ["way", "format", "result"],
            registry=registry,
        )
        self._audio = prometheus.Counter(
            "bark_audio_seconds", "Seconds of sound made.", ["way"], registry=registry
        )
        self._spent = prometheus.Counter(
            "bark_answer_seconds",
            "Seconds from request to the end of its answer.",
            ["way"],
            registry=registry,
        )
        self._factor = prometheus.Histogram(
            "bark_real_time_factor",
            "Seconds from request to the end of its answer, by second of sound.",
            ["way"],
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        )
        self._waiting = prometheus.Gauge(
            "bark_queue_length", "Who waits for the device or computes.", registry=registry
        )
        self._ready = prometheus.Gauge(
            "bark_ready", "Whether a model is loaded.", registry=registry
        )
        self._registry = registry

    def watch(self, host: Host) -> None:
        """Measures the line and the model of an app from now on."""
        if self._registry is not None:
            self._waiting.set_function(lambda: host.engine.queue.n_waiting)
            self._ready.set_function(lambda: host.engine.bark is not None)

    @contextlib.contextmanager
    def answer(self, way: str, format: str, counted: Counted | None = None) -> Iterator[Counted]:
        """Counts an answer when the block ends.

        Args:
            way: by which it was asked for: "v1", "tts", "mcp" or "page".
            format: of its file; "" for none.
            counted: filled in by others; a new one where there is none.
        """
        counted = counted or Counted()
        started = time.perf_counter()
        try:
            yield counted
        except BarkError as error:
            counted.result = "left" if isinstance(error, CallerLeftError) else "refused"
            raise
        except GeneratorExit:
            counted.result = "left"
            raise
        except Exception:
            counted.result = "failed"
            raise
        finally:
            if self._registry is not None:
                self._count(way, format, counted, time.perf_counter() - started)

    def text(self) -> bytes | None:
        """All of it in Prometheus' words; None where its library is not installed."""
        if self._registry is None:
            return None
        import prometheus_client as prometheus

        return prometheus.generate_latest(self._registry)

    def _count(self, way: str, format: str, counted: Counted, spent_s: float) -> None:
        self._answers.labels(way, format, counted.result).inc()
        self._audio.labels(way).inc(counted.audio_s)
        self._spent.labels(way).inc(spent_s)
        if counted.audio_s > 0 and counted.result == "done":
            self._factor.labels(way).observe(spent_s / counted.audio_s)
