"""A torchaudio that can be imported, for the encodec package and for voice cloning programs.

encodec requires torchaudio, whose only build on the Python index for Linux is linked against
CUDA: beside a CPU build of torch its import ends in an OSError, and encodec's with it. Once
`bark.generation` is imported, such an import gives the few functions that these programs call.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from math import gcd
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_NAME = "torchaudio"


def mend_torchaudio() -> None:
    """From now on torchaudio can be imported: the installed one where it loads, else these."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _NAME:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None:
            return None  # it is not installed, and so is said as for any other package
        spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, installed: Any) -> None:
        self._installed = installed

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        before = set(vars(module))
        try:
            self._installed.exec_module(module)
        except (OSError, ImportError, RuntimeError):  # of another build than torch
            for name in set(vars(module)) - before:
                delattr(module, name)
            for name in [name for name in sys.modules if name.startswith(f"{_NAME}.")]:
                del sys.modules[name]
            _fill(module)


def _fill(module: types.ModuleType) -> None:
    functional, transforms = (
        types.ModuleType(f"{_NAME}.{name}") for name in ("functional", "transforms")
    )
    functional.resample = resample  # type: ignore[attr-defined]
    transforms.Resample = Resample  # type: ignore[attr-defined]
    for part in (functional, transforms):
        sys.modules[part.__name__] = part
    vars(module).update(
        __path__=[], functional=functional, transforms=transforms, load=load, save=save
    )


def resample(waveform: Tensor, orig_freq: int, new_freq: int) -> Tensor:
    """(..., n) samples at one rate -> (..., m) at another."""
    from scipy.signal import resample_poly

    if orig_freq == new_freq:
        return waveform
    shared = gcd(int(orig_freq), int(new_freq))
    up, down = int(new_freq) // shared, int(orig_freq) // shared
    made = resample_poly(waveform.detach().cpu().numpy(), up, down, axis=-1)
    return torch.from_numpy(made).to(waveform.dtype).to(waveform.device)


class Resample(nn.Module):
    """`resample` between two rates, as a module."""

    def __init__(self, orig_freq: int = 16_000, new_freq: int = 16_000) -> None:
        super().__init__()
        self.orig_freq, self.new_freq = orig_freq, new_freq

    def forward(self, waveform: Tensor) -> Tensor:
        """(..., n) -> (..., m)."""
        return resample(waveform, self.orig_freq, self.new_freq)


def load(uri: str | Path) -> tuple[Tensor, int]:
    """A sound file's samples (channels, n) float32 within ±1, and their rate."""
    import soundfile

    samples, rate = soundfile.read(uri, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), rate


def save(uri: str | Path, src: Tensor, sample_rate: int) -> None:
    """Writes samples (channels, n) within ±1 in the format that the name's ending says."""
    import soundfile

    soundfile.write(uri, src.detach().cpu().numpy().T, sample_rate)
