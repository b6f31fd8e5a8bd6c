"""Chunks on a Ray cluster: the result of one machine, and nothing lost with a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bark import Bark
from bark.errors import OptionError
from bark.narration import ray_engine
from bark.narration.cast import Cast
from bark.narration.joining import write_file
from bark.narration.states import ChunkReady

from .narrating import TEXT, begun, run

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bark() -> Bark:
    return Bark.from_pretrained("nano", device="cpu", precision="fp32")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
    store = 80 << 20
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": store}
    )
    second = cluster.add_node(num_cpus=1, object_store_memory=store)
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.second = second
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_two_nodes_give_the_bytes_of_one_machine_though_a_worker_dies(
    bark: Bark, cluster: Any, tmp_path: Path
) -> None:
    text = TEXT + "\n\n" + TEXT.replace("late", "early").replace("river", "hills")
    how: dict[str, Any] = {"text": text, "bark": bark, "cast": Cast("alder"), "max_chunk_s": 4}
    local = begun(tmp_path / "local", **how)
    run(local)
    engine = ray_engine.RayEngine("nano", precision="fp32", width=2, device="cpu")
    assert engine.n_batches == 4  # a worker a node, two batches each
    spread = begun(tmp_path / "spread", **how)
    numbers = []
    for event in spread.run(engine=engine):
        if isinstance(event, ChunkReady):
            numbers.append(event.state.chunk.number)
            if len(numbers) == 1:
                cluster.remove_node(cluster.second)
    assert numbers == list(range(1, len(local.chunks) + 1))
    files = [write_file(job, tmp_path / f"{i}.wav").path for i, job in enumerate([local, spread])]
    assert files[0].read_bytes() == files[1].read_bytes()
    for one, other in zip(local.chunks, spread.chunks, strict=True):
        assert one.path.read_bytes() == other.path.read_bytes()
    engine.close()


def test_a_stop_is_seen_and_the_next_run_goes_on(bark: Bark, tmp_path: Path) -> None:
    engine = ray_engine.RayEngine("nano", precision="fp32", width=1, device="cpu", n_workers=1)
    narration = begun(tmp_path / "job", bark=bark, cast=Cast("alder"))
    stop = threading.Event()
    for event in narration.run(engine=engine, stop=stop):
        if isinstance(event, ChunkReady):
            stop.set()
    engine.close()
    assert 0 < narration.plan.n_ready < narration.plan.n_chunks
    assert run(begun(tmp_path / "job", bark=bark, cast=Cast("alder")))


def test_without_ray_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OptionError, match=r"bark-studio\[ray\]"):
        ray_engine.RayEngine("nano", precision="fp32")
