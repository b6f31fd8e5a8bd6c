"""A stand-in for the package `spaces`: it runs functions in a fork, and pickles what passes.

Nothing is computed on a GPU; what is tested is that only what can be pickled goes in and out, that
the time asked for is known beforehand, and what becomes of a stop and of an empty quota.
"""

from __future__ import annotations

import dataclasses
import inspect
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from typing import Any

_FORK: Any = multiprocessing.get_context("fork")


@dataclasses.dataclass
class FakeSpaces:
    """The package.

    Attributes:
        quota_s: GPU seconds that are left.
        asked_s: durations that were asked for.
        exit_codes: of the processes that ended.
    """

    quota_s: float = 1_000.0
    asked_s: list[float] = dataclasses.field(default_factory=list)
    exit_codes: list[int | None] = dataclasses.field(default_factory=list)

    def GPU(self, duration: Any = 60) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: N802
        """The decorator."""

        def decorate(task: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.isgeneratorfunction(task):
                return lambda *given: self._stream(task, duration, given)
            return lambda *given: next(self._stream(lambda *a: iter([task(*a)]), duration, given))

        return decorate

    def _stream(self, task: Callable[..., Any], duration: Any, given: tuple) -> Iterator[Any]:
        needed = duration(*given) if callable(duration) else duration
        if needed > self.quota_s:
            raise RuntimeError(f"You have exceeded your GPU quota ({needed}s requested).")
        self.asked_s.append(needed)
        results = _FORK.SimpleQueue()
        child = _FORK.Process(target=_work, args=(task, pickle.dumps(given), results), daemon=True)
        child.start()
        try:
            while True:
                kind, value = pickle.loads(results.get())
                if kind == "end":
                    return
                if kind == "error":
                    raise value
                yield value
        finally:
            child.terminate()
            child.join(10)
            self.exit_codes.append(child.exitcode)


def _work(task: Callable[..., Any], given: bytes, results: Any) -> None:
    try:
        for value in task(*pickle.loads(given)):
            results.put(pickle.dumps(("item", value)))
    except Exception as error:
        results.put(pickle.dumps(("error", error)))
    results.put(pickle.dumps(("end", None)))
