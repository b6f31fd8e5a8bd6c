"""What the page's own player and list are told, as JSON-able values."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.files import to_int16
from ..state.sessions import Visit
from ..state.take_store import StoredTake

_MODEL_NAMES = {"nano": "nano", "small": "Bark small", "large": "Bark large"}


def card(take: StoredTake, visit: Visit) -> dict[str, Any]:
    """All that the player and the list show of a take; the page puts it in as text, not HTML."""
    options = take.options
    return {
        "id": take.id,
        "number": take.number,
        "url": f"takes/{visit.key}/{take.id}",
        "text": take.text,
        "voice": take.voice_name or "no voice",
        "temperatures": f"{options.semantic.temperature:g} / {options.coarse.temperature:g}",
        "seed": str(options.seed),  # JavaScript's numbers end at 2**53
        "model": _MODEL_NAMES.get(take.model, Path(take.model).name),
        "seconds": round(take.duration_s, 2),
        "made": round(take.made_s, 1),
        "stopped": take.stop_reason == "stopped",
        "cut": take.cut_text,
        "star": take.star,
        "note": take.note,
        "kept": take.path is not None,
        "peaks": list(take.peaks),
    }


def take_list(visit: Visit, selected: str | None) -> dict[str, Any]:
    """The list's value: all takes, newest first, and which one the player shows."""
    return {"takes": [card(take, visit) for take in visit.takes.all()], "selected": selected}


def show_take(
    take: StoredTake, visit: Visit, *, play: bool = False, run: str | None = None
) -> dict[str, Any]:
    """Puts a take into the player; where it was live in this run, playing goes on."""
    return _message("take", take=card(take, visit), play=play, run=run)


def queue_take(take: StoredTake, visit: Visit, *, run: str) -> dict[str, Any]:
    """Lets the player go on with this take when it has played what it has."""
    return _message("queue", take=card(take, visit), run=run)


def go_live(
    run: str, *, text: str, expected_s: float, sample_rate: int, waits: bool = False
) -> dict[str, Any]:
    """Empties the player for sound that is about to come; one that waits disturbs nothing."""
    return _message("live", run=run, text=text, expected=expected_s, rate=sample_rate, waits=waits)


def live_piece(run: str, audio: np.ndarray, start_s: float) -> dict[str, Any]:
    """A piece of sound in 16 bits, lossless from here to the loudspeaker."""
    return _message("piece", run=run, start=start_s, pcm=_pcm(audio))


def preview(name: str, audio: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """Plays a voice's own tokens; the take in the player stays."""
    return _message("preview", name=name, rate=sample_rate, pcm=_pcm(audio))


def end_live(run: str) -> dict[str, Any]:
    """The run ended without a take."""
    return _message("end", run=run)


def empty_player() -> dict[str, Any]:
    """Nothing to show."""
    return _message("empty")


def _message(kind: str, **values: Any) -> dict[str, Any]:
    # `n` makes every message differ from the last one, so that the page looks at it.
    return {"kind": kind, "n": time.monotonic_ns(), **values}


def _pcm(audio: np.ndarray) -> str:
    return base64.b64encode(to_int16(audio).astype("<i2").tobytes()).decode("ascii")
