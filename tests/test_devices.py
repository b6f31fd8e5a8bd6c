"""Devices and threads."""

from __future__ import annotations

import pytest
import torch

from bark.devices import choose_device, fitting_threads
from bark.errors import OptionError


def test_small_models_compute_on_one_thread_and_large_ones_on_all() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with fitting_threads(37_000_000):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with fitting_threads(1_600_000_000):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), fitting_threads(1):
            raise KeyError
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
