"""Devices and threads."""

from __future__ import annotations

import pytest
import torch

from bark.devices import choose_device, exact_float32, fitting_threads
from bark.errors import OptionError


def test_small_models_and_native_layers_leave_torch_one_thread_and_large_models_all() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with fitting_threads(37_000_000):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with fitting_threads(1_600_000_000):
            assert torch.get_num_threads() == 2
        with fitting_threads(1_600_000_000, is_native=True):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "", "meta"])
def test_a_device_that_is_not_there_is_one_sentence(device: str) -> None:
    with pytest.raises(OptionError, match=r"[Dd]evice"):
        choose_device(device)


@pytest.mark.parametrize(
    ("precision", "device", "exact"),
    [("fp32", "cuda", True), ("bf16", "cuda", False), ("fp32", "cpu", False)],
)
def test_float32_on_cuda_is_not_rounded_while_it_computes(
    precision: str, device: str, exact: bool
) -> None:
    flags = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [flag.allow_tf32 for flag in flags]
    try:
        for flag in flags:
            flag.allow_tf32 = True
        with exact_float32(precision, torch.device(device)):
            assert [flag.allow_tf32 for flag in flags] == [not exact] * 2
        assert [flag.allow_tf32 for flag in flags] == [True, True]
        with pytest.raises(KeyError), exact_float32(precision, torch.device(device)):
            raise KeyError
        assert [flag.allow_tf32 for flag in flags] == [True, True]
    finally:
        for flag, allowed in zip(flags, before, strict=True):
            flag.allow_tf32 = allowed
