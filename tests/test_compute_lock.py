"""Streams of one model beside each other: none waits for itself, and no two compute at once."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from bark import Bark, GenerationOptions, Take, TakeReady
from bark.compute_lock import Computation, ComputeLock
from bark.events import Event

from .tiny import write_official_layout

SHORT = GenerationOptions(max_duration_s=0.6, allow_early_stop=False, seed=5)
PATIENCE_S = 60


@pytest.fixture(scope="module")
def bark(tmp_path_factory: pytest.TempPathFactory) -> Bark:
    folder = write_official_layout(tmp_path_factory.mktemp("weights"))
    return Bark.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def alone(bark: Bark) -> Take:
    return bark.generate("Hello world.", options=SHORT)


def in_time(work: threading.Thread) -> None:
    work.start()
    work.join(PATIENCE_S)
    assert not work.is_alive(), "it waits for ever"


def take_of(events: Iterator[Event]) -> Take:
    (ready,) = (event for event in events if isinstance(event, TakeReady))
    return ready.take


def test_a_take_is_made_beside_a_stream_of_the_same_thread(bark: Bark, alone: Take) -> None:
    made: list[Take] = []

    def work() -> None:
        stream = bark.stream("Hello world.", options=SHORT)
        next(stream)
        made.append(bark.generate("Hello world.", options=SHORT))
        assert bark.preview(made[0]).size
        made.append(take_of(stream))

    in_time(threading.Thread(target=work, daemon=True))
    assert bark.lock.is_free
    for take in made:
        assert np.array_equal(take.audio, alone.audio)


def test_streams_of_one_thread_go_on_in_turns(bark: Bark, alone: Take) -> None:
    made: list[Take] = []

    def work() -> None:
        streams = [bark.stream("Hello world.", options=SHORT) for _ in range(2)]
        for events in zip(*streams, strict=True):
            made.extend(event.take for event in events if isinstance(event, TakeReady))

    in_time(threading.Thread(target=work, daemon=True))
    assert len(made) == 2
    for take in made:
        assert np.array_equal(take.audio, alone.audio)


def test_another_thread_waits_until_the_stream_has_ended(bark: Bark) -> None:
    stream = bark.stream("Hello world.", options=SHORT)
    next(stream)
    order: list[str] = []

    def work() -> None:
        bark.generate("Hello world.", options=SHORT)
        order.append("second")

    waiting = threading.Thread(target=work, daemon=True)
    waiting.start()
    time.sleep(0.5)
    assert order == []
    for _ in stream:
        pass
    order.append("first")
    waiting.join(PATIENCE_S)
    assert order == ["first", "second"]


def test_a_forgotten_stream_is_no_hindrance(bark: Bark) -> None:
    class Holder:
        pass

    def forget() -> None:
        holder = Holder()
        holder.stream = bark.stream("Hello world.", options=SHORT)  # type: ignore[attr-defined]
        next(holder.stream)  # type: ignore[attr-defined]
        holder.itself = holder  # type: ignore[attr-defined]  # a ring, which only the collector frees

    gc.disable()
    try:
        in_time(threading.Thread(target=forget, daemon=True))
        other = threading.Thread(
            target=lambda: bark.generate("Hello world.", options=SHORT), daemon=True
        )
        in_time(other)  # the thread that began the stream is gone
    finally:
        gc.enable()
    gc.collect()
    assert bark.lock.is_free


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_asyncio_program_may_go_on_with_a_stream_in_any_thread(
    bark: Bark, alone: Take, n_threads: int
) -> None:
    async def spoken() -> Take:
        loop = asyncio.get_running_loop()
        stream = bark.stream("Hello world.", options=SHORT)
        while (event := await loop.run_in_executor(pool, next, stream, None)) is not None:
            if isinstance(event, TakeReady):
                made = event.take
        return made

    async def together() -> list[Take]:
        return await asyncio.wait_for(
            asyncio.gather(*(spoken() for _ in range(4))), timeout=PATIENCE_S
        )

    with ThreadPoolExecutor(n_threads) as pool:
        takes = asyncio.run(together())
    for take in takes:
        assert np.array_equal(take.audio, alone.audio)


def test_a_step_waits_for_the_step_of_another_thread_and_they_take_turns() -> None:
    lock, at_once, most, order = ComputeLock(), [0], [0], []

    def steps(computation: Computation, name: str) -> None:
        for _ in range(5):
            with computation.step():
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
                order.append(name)
                time.sleep(0.02)
                at_once[0] -= 1

    with lock.computation() as a, lock.computation() as b:
        threads = [threading.Thread(target=steps, args=pair) for pair in ((a, "a"), (b, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert most == [1]
    assert order not in (["a"] * 5 + ["b"] * 5, ["b"] * 5 + ["a"] * 5)


def test_the_number_of_torchs_threads_is_each_computations_own() -> None:
    lock, before = ComputeLock(), torch.get_num_threads()
    with lock.computation() as a, lock.computation() as b:
        with a.step():
            torch.set_num_threads(before + 1)
        assert torch.get_num_threads() == before
        with b.step():
            assert torch.get_num_threads() == before
        with a.step():
            assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_stage_stays_on_its_device_while_another_stream_is_amid_it(bark: Bark) -> None:
    moved: list[str] = []
    place = bark.model("fine")

    class Recorded(torch.nn.Module):
        def to(self, device: object) -> Recorded:  # type: ignore[override]
            moved.append(str(device))
            return self

    bark._models["fine"], bark.offload = Recorded(), True
    try:
        with bark.use("fine"):
            with bark.use("fine"):
                pass
            assert moved == ["cpu", "cpu"]  # the device, twice
        assert len(moved) == 3  # and back, once
    finally:
        bark._models["fine"], bark.offload = place, False
