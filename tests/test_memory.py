"""Where memory is short: fewer takes at a time, the same tokens, and a sentence at the end."""

from __future__ import annotations

import errno
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bark import Bark, GenerationOptions, Take, TakeReady
from bark import batch as batches
from bark.checkpoints.torch_file import read_safetensors, read_torch_file
from bark.devices import is_short_of_memory
from bark.errors import BarkError, MemoryShortError
from bark.events import AudioPiece, TakeFailed

from .tiny import write_official_layout

OPTIONS = GenerationOptions(max_duration_s=0.4, allow_early_stop=False)
TEXTS = ["Hello.", "World.", "Hello world.", "The world.", "One."]
SEEDS = [11, 12, 13, 14, 15]
SHORT = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
]

Limit = Callable[[int, BaseException], list[int]]


@pytest.fixture(scope="module")
def bark(tmp_path_factory: pytest.TempPathFactory) -> Bark:
    folder = write_official_layout(tmp_path_factory.mktemp("weights"))
    return Bark.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def whole(bark: Bark) -> list[Take]:
    return bark.generate_batch(TEXTS, seeds=SEEDS, options=OPTIONS)


@pytest.fixture
def at_most(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Lets the fine stage, behind two others, raise where it is given more takes than so many."""

    def limit(n: int, error: BaseException) -> list[int]:
        asked: list[int] = []
        generate_fine = batches.generate_fine

        def full(model: Any, spec: Any, coarse: Any, **options: Any) -> Any:
            asked.append(len(coarse))
            if len(coarse) > n:
                raise error
            return generate_fine(model, spec, coarse, **options)

        monkeypatch.setattr(batches, "generate_fine", full)
        return asked

    return limit


def same(a: Take, b: Take) -> bool:
    pairs = zip(a.token_arrays().values(), b.token_arrays().values(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_made_in_halves_with_the_same_tokens(
    bark: Bark, whole: list[Take], at_most: Limit, error: BaseException
) -> None:
    asked = at_most(2, error)
    takes = bark.generate_batch(TEXTS, seeds=SEEDS, options=OPTIONS)
    assert asked == [5, 3, 2, 1, 2]
    assert [take.text for take in takes] == TEXTS
    assert all(same(a, b) for a, b in zip(takes, whole, strict=True))


def test_takes_that_were_made_before_memory_ran_out_are_not_made_again(
    bark: Bark, whole: list[Take], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, n = bark.codec.decode, 0

    def third_fails(codes: np.ndarray, *window: int) -> np.ndarray:
        nonlocal n
        n += not window  # which the pieces have that are heard before the end
        if n == 3 and not window:
            raise MemoryError
        return decode(codes, *window)

    monkeypatch.setattr(bark.codec, "decode", third_fails)
    events = bark.stream_batch(TEXTS, seeds=SEEDS, options=OPTIONS)
    ready = [event for event in events if isinstance(event, TakeReady)]
    assert [event.item for event in ready] == list(range(5))
    assert n == 6
    assert all(same(event.take, whole[event.item]) for event in ready)


def test_only_the_first_take_is_heard_while_it_is_made(bark: Bark, at_most: Limit) -> None:
    at_most(1, MemoryError())
    events = list(bark.stream_batch(TEXTS[:3], seeds=SEEDS[:3], options=OPTIONS))
    heard = [event.item for event in events if isinstance(event, AudioPiece)]
    assert set(heard) <= {0}
    assert sum(isinstance(event, TakeReady) for event in events) == 3


def test_a_take_that_does_not_fit_on_its_own_fails_with_a_sentence(
    bark: Bark, at_most: Limit
) -> None:
    at_most(0, MemoryError())
    with pytest.raises(MemoryShortError, match="even on its own; close other programs"):
        bark.generate("Hello.", options=OPTIONS, seed=1)
    events = list(bark.stream_batch(TEXTS, seeds=SEEDS, options=OPTIONS))
    failed = [event for event in events if isinstance(event, TakeFailed)]
    assert [event.item for event in failed] == list(range(5))


@pytest.mark.parametrize("size", ["large", "small"])
def test_each_stage_of_a_large_model_gives_back_what_it_leaves(
    bark: Bark, whole: list[Take], size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "large":
        monkeypatch.setattr("bark.loaded_model._LARGE_BYTES", 0)
    done: list[object] = []
    monkeypatch.setattr("bark.loaded_model.give_back_freed_memory", lambda: done.append("freed"))
    pages = types.SimpleNamespace(
        of_tables=lambda model: types.SimpleNamespace(give_back=lambda: done.append(model))
    )
    monkeypatch.setattr("bark.loaded_model.MappedPages", pages)
    take = bark.generate(TEXTS[0], seed=SEEDS[0], options=OPTIONS)
    assert same(take, whole[0])
    models = [bark.model(stage) for stage in ("semantic", "coarse", "fine")]
    tables = [one for one in done if one != "freed"]
    assert tables == (models if size == "large" else [])
    assert (done.count("freed") >= 4) == (size == "large")


def test_another_error_is_not_taken_for_a_short_memory(bark: Bark, at_most: Limit) -> None:
    asked = at_most(0, RuntimeError("The size of tensor a (3) must match"))
    with pytest.raises(RuntimeError, match="must match"):
        bark.generate_batch(TEXTS, seeds=SEEDS, options=OPTIONS)
    assert asked == [5]
    assert not is_short_of_memory(MemoryShortError("It has its sentence."))
    assert not is_short_of_memory(OSError(errno.ENOSPC, "No space left on device"))


def test_what_torch_itself_says_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_short_of_memory(caught.value)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(1 << 60, np.uint8)
    assert is_short_of_memory(of_numpy.value)


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_a_model_that_does_not_fit_is_a_sentence_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    bark = Bark.from_pretrained(write_official_layout(tmp_path), device="cpu", lazy=True)

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(bark.files, "load_stage", full)
    with pytest.raises(MemoryShortError, match=r"not enough memory to load .* about \d+ MB"):
        bark.load()
    with pytest.raises(MemoryShortError, match="to load"):
        bark.generate("Hello.", options=OPTIONS)


def test_a_file_that_does_not_fit_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(3)}, path)

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("unable to mmap 9 bytes from file: Cannot allocate memory (12)")

    monkeypatch.setattr(torch, "load", full)
    with pytest.raises(MemoryShortError, match="not enough memory to load"):
        read_torch_file(path)
    monkeypatch.setattr("safetensors.safe_open", full)
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(3)}, path)
    with pytest.raises(MemoryShortError, match="not enough memory to load"):
        read_safetensors(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to RLIMIT_AS")
@pytest.mark.parametrize("room_mb", [8, 300])
def test_a_process_with_little_memory_speaks_or_says_that_it_cannot(room_mb: int) -> None:
    program = textwrap.dedent(
        f"""
        import resource, sys
        from bark import Bark
        from bark.errors import BarkError
        bark = Bark.from_pretrained("nano", device="cpu")
        bark.generate("Warm.", seed=1)
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        limit = size + {room_mb} * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            takes = bark.generate_batch(["Hello there."] * 16, seeds=list(range(16)))
        except BarkError as error:
            print(type(error).__name__, str(error).count("\\n"))
        else:
            print(len(takes), all(len(take.audio) for take in takes))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.strip() in ("16 True", "MemoryShortError 0"), done.stdout


def test_a_short_memory_is_an_error_of_bark_and_of_python() -> None:
    assert issubclass(MemoryShortError, (BarkError, MemoryError))
