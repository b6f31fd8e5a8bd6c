"""Pictures of losses and of sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

_N_COLOURS = 48
"""Of a spectrogram: a third of the bytes, and nothing that the eye misses."""


def plot_losses(folder: Path) -> Path:
    """Draws every value of a training's `log.jsonl` over minutes into `losses.png`.

    Returns:
        The picture's path.
    """
    import matplotlib.pyplot as plt  # a development dependency

    lines = (folder / "log.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    figure, axes = plt.subplots(figsize=(8, 5))
    for name in [key for key in log[-1] if key not in ("step", "minutes")]:
        points = [(entry["minutes"], entry[name]) for entry in log if name in entry]
        axes.plot(*zip(*points, strict=True), label=name)
    axes.set_xlabel("minutes")
    axes.set_ylabel("nats (accuracies: share)")
    axes.set_title(folder.name)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(folder / "losses.png", dpi=100)
    plt.close(figure)
    return folder / "losses.png"


def plot_spectrogram(audio: np.ndarray, sample_rate: int, path: Path, title: str) -> None:
    """Draws what (n,) audio sounds like over time, 70 dB deep and up to 12 kHz."""
    import matplotlib.pyplot as plt  # a development dependency
    from PIL import Image  # which comes with it

    figure, axes = plt.subplots(figsize=(6, 2.2), layout="constrained")
    peak = 20 * np.log10(float(np.abs(audio).max()) + 1e-9)
    with np.errstate(divide="ignore"):  # of digital silence
        axes.specgram(
            audio, NFFT=1_024, Fs=sample_rate, noverlap=768, vmin=peak - 130, vmax=peak - 60
        )
    axes.set(xlabel="seconds", ylabel="Hz", ylim=(0, 12_000), title=title)
    figure.savefig(path, dpi=72)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(_N_COLOURS).save(path, optimize=True)
