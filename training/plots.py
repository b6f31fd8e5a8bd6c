"""Pictures of losses."""

from __future__ import annotations

import json
from pathlib import Path


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
