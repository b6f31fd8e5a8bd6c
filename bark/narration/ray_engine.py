"""Chunks on many machines, through a Ray cluster (`pip install bark-studio[ray]`).

Every worker is an actor with a model of its own. Batches are handed out as workers become free, at
most two a worker, so that a book never fills the cluster's memory; a lost worker's batches go to
the others, and a new one is asked for. What a chunk sounds like depends on its task alone, so the
result is the one of a single machine with the same kind of processor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BarkError, OptionError
from .making import ChunkTask, Made, MakingEvent, NotMade, make_chunks

_BATCHES_A_WORKER = 2  # one in work, one waiting
_POLL_S = 0.2  # how soon a stop is seen
_MAX_LOSSES = 5  # of one batch: then the batch is to blame
log = logging.getLogger(__name__)


class Worker:
    """What runs in a worker's process.

    Args:
        model, device, precision: as `Bark.from_pretrained` takes them.
        listener: of the check; "" for none.
    """

    def __init__(
        self, model: str, device: str | None, precision: str, listener: str, max_rate: float
    ) -> None:
        from ..listening.listeners import look_with
        from ..pipeline import Bark

        self.bark = Bark.from_pretrained(model, device=device, precision=precision)
        self.look = look_with(self.bark, listener, max_rate)

    def ready(self) -> bool:
        """Answers once the model is loaded."""
        return True

    def make(self, tasks: Sequence[ChunkTask]) -> list[Made | NotMade]:
        """Makes a batch."""
        events = make_chunks(self.bark, tasks, look=self.look)
        return [event for event in events if isinstance(event, Made | NotMade)]


class RayEngine:
    """Makes batches on the workers of a Ray cluster.

    Args:
        model: a name or a folder that every machine has.
        precision: the driver's own, so that all compute alike.
        width: chunks that a worker makes together.
        address: of the cluster; None takes the one that is running, else starts one here.
        n_workers: None takes as many as the cluster has room for.
        cpus, gpus: that a worker takes.
        device: of the workers; None takes a GPU where they have one.

    Attributes:
        n_batches: how many batches are in work or wait at once.

    Raises:
        OptionError: Ray is not installed, or the cluster has no room for a worker.
    """

    def __init__(
        self,
        model: str,
        *,
        precision: str,
        width: int = 8,
        address: str | None = None,
        n_workers: int | None = None,
        cpus: float = 1,
        gpus: float = 0,
        device: str | None = None,
        listener: str = "",
        max_word_error_rate: float = 0.5,
    ) -> None:
        self.ray = _import_ray()
        self._started = not self.ray.is_initialized()
        if self._started:
            self.ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        n_workers = n_workers or self._room(cpus, gpus)
        if not n_workers:
            raise OptionError(
                f"The Ray cluster has no room for a worker of {cpus:g} CPUs and {gpus:g} GPUs."
            )
        self.width = width
        self._how = (model, device, precision, listener, max_word_error_rate)
        actor = self.ray.remote(Worker)
        self._actor = actor.options(num_cpus=cpus, num_gpus=gpus, max_restarts=0)
        self._workers = [self._new_worker() for _ in range(n_workers)]
        self._starting: dict[Any, Any] = {}  # reference of `ready` to a worker that replaces one
        self._in_work: dict[Any, tuple[Any, Sequence[ChunkTask], int]] = {}
        self.n_batches = _BATCHES_A_WORKER * n_workers

    def submit(self, tasks: Sequence[ChunkTask]) -> None:
        """Hands a batch to the worker that has the fewest."""
        self._hand(tasks, 0)

    def events(self, stop: threading.Event) -> Iterator[MakingEvent]:
        """Yields the chunks of the batch that is finished next."""
        while self._in_work and not stop.is_set():
            waiting = [*self._in_work, *self._starting]
            done, _ = self.ray.wait(waiting, num_returns=1, timeout=_POLL_S)
            for reference in done:
                if reference in self._starting:
                    self._take_on(reference)
                else:
                    made = self._result(reference)
                    if made is not None:
                        yield from made
                        return

    def close(self) -> None:
        """Ends the workers, and the cluster where this engine started it."""
        for worker in [*self._workers, *self._starting.values()]:
            self.ray.kill(worker)
        if self._started:
            self.ray.shutdown()

    def _room(self, cpus: float, gpus: float) -> int:
        there = self.ray.cluster_resources()
        by_cpu = there.get("CPU", 0) // cpus if cpus else float("inf")
        by_gpu = there.get("GPU", 0) // gpus if gpus else float("inf")
        room = min(by_cpu, by_gpu)
        return int(room) if room != float("inf") else 1

    def _new_worker(self) -> Any:
        return self._actor.remote(*self._how)

    def _hand(self, tasks: Sequence[ChunkTask], n_losses: int) -> None:
        held = [worker for worker, _, _ in self._in_work.values()]
        worker = min(self._workers, key=held.count)
        reference = worker.make.remote(list(tasks))
        self._in_work[reference] = (worker, tasks, n_losses)

    def _result(self, reference: Any) -> list[Made | NotMade] | None:
        """A finished batch; None where its worker was lost and the batch handed on."""
        worker, tasks, n_losses = self._in_work.pop(reference)
        try:
            result: list[Made | NotMade] | None = self.ray.get(reference)
            return result
        except self.ray.exceptions.RayTaskError as error:
            raise BarkError(f"A worker failed: {error.cause or error}.") from error
        except self.ray.exceptions.RayError as error:
            if n_losses >= _MAX_LOSSES:
                raise BarkError(
                    f"The chunks from {tasks[0].number} on were lost with their worker "
                    f"{n_losses + 1} times; the machines may lack memory."
                ) from error
            log.warning("A worker was lost; its %d chunks go to another.", len(tasks))
            self._replace(worker)
            self._hand(tasks, n_losses + 1)
            return None

    def _replace(self, worker: Any) -> None:
        if worker not in self._workers:
            return  # another of its batches told already
        self._workers.remove(worker)
        new = self._new_worker()
        if self._workers:
            self._starting[new.ready.remote()] = new  # it may have to wait for a machine
        else:
            self._workers.append(new)

    def _take_on(self, reference: Any) -> None:
        worker = self._starting.pop(reference)
        try:
            self.ray.get(reference)
        except self.ray.exceptions.RayError:
            return
        self._workers.append(worker)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise OptionError(
            "--engine ray needs Ray, which is not installed: pip install bark-studio[ray]."
        ) from error
    return ray
