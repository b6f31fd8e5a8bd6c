"""Pages of a mapped file are given back; memory that nothing can read again is left alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bark.models import file_memory
from bark.models.file_memory import MappedPages, give_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its mappings")
_N = 1 << 18


@pytest.fixture
def mapped(tmp_path: Path) -> torch.Tensor:
    """A weight of a file's, changed in memory only, so that one sees whether it is read again."""
    path = tmp_path / "weight.bin"
    np.zeros(_N, np.float32).tofile(path)
    weight = torch.from_numpy(np.memmap(path, np.float32, mode="c"))
    weight.fill_(1.0)
    return weight


def test_a_page_that_is_read_again_comes_from_the_file(mapped: torch.Tensor) -> None:
    give_back(mapped)
    assert mapped.eq(0).all()


def test_large_tables_are_given_back_and_small_ones_stay(
    mapped: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Sequential(nn.Embedding(1, 1), nn.Linear(1, 1))
    model[0].weight = nn.Parameter(mapped.view(-1, 64), requires_grad=False)
    assert not MappedPages.of_tables(model).give_back()
    assert mapped.eq(1).all()
    monkeypatch.setattr(file_memory, "_LARGE_BYTES", mapped.nbytes)
    assert MappedPages.of_tables(model).give_back()
    assert mapped.eq(0).all()


def test_pages_are_given_back_again_and_again_and_looked_for_once(
    mapped: torch.Tensor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pages = MappedPages([mapped])
    monkeypatch.setattr(file_memory, "_MAPS", tmp_path / "hidden")
    for _ in range(2):
        mapped.fill_(1.0)
        assert pages.give_back()
        assert mapped.eq(0).all()


def test_memory_without_a_file_keeps_what_it_holds() -> None:
    weight = torch.ones(_N)
    give_back(weight)
    assert weight.eq(1).all()


def test_where_the_mappings_cannot_be_read_nothing_is_given_back(
    mapped: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_memory, "_MAPS", tmp_path / "hidden")
    give_back(mapped)
    assert mapped.eq(1).all()
