"""A page on which anybody hears and sees what nano sounds like beside its teacher.

Sound and pictures are made here and lie beside the page; nothing of them is committed but the
spectrograms that the model card shows.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bark import Bark
from bark.audio.files import write_audio
from bark.spec import NANO
from bark.text.english.lexicon import Lexicon

from .export import packaged_voices
from .features import read_words
from .measure import speak_sentences
from .plots import plot_spectrogram
from .speakers import SPEAKERS
from .teacher import SAMPLE_RATE_HZ, Teacher

SENTENCES = (
    "Every evening the old clock in the hall strikes nine, and the cat looks up.",
    "Call 402-568-9621 before a quarter to eight.",
    "Are you coming home tonight?",
)
"""What is heard on the page; none of them in training."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Heard:
    """One row of the page: who speaks, and a recording of each sentence.

    Attributes:
        name: of the voice, the teacher, or an earlier nano.
        audio: (n,) float32 for each sentence.
        sample_rate: in Hz.
    """

    name: str
    audio: tuple[np.ndarray, ...]
    sample_rate: int


def write_comparison(bark: Bark, out: Path, *, earlier: Sequence[Path] = ()) -> Path:
    """Writes `index.html`, the recordings and the spectrograms.

    Args:
        bark: nano.
        out: folder, made where it is missing.
        earlier: other model folders of nano, to hear what changed.

    Returns:
        The page.
    """
    rows = [_teacher(), *(_nano(bark, name, name) for name in packaged_voices())]
    rows += [
        _nano(Bark.from_pretrained(str(path), device="cpu"), path.name, SPEAKERS[0].name)
        for path in earlier
    ]
    out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        for i, audio in enumerate(row.audio):
            write_audio(out / f"{row.name}-{i}.wav", audio, row.sample_rate)
        plot_spectrogram(row.audio[0], row.sample_rate, out / f"{row.name}.png", row.name)
    page = out / "index.html"
    page.write_text(render(rows, SENTENCES), encoding="utf-8")
    log.info("%s written", page)
    return page


def render(rows: Sequence[Heard], sentences: Sequence[str]) -> str:
    """The page: a row a speaker, a column a sentence, and the first one's spectrogram."""
    head = "".join(f"<th>{html.escape(sentence)}</th>" for sentence in sentences)
    body = "".join(_row(row, len(sentences)) for row in rows)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Nano and its teacher</title>'
        "<style>body{font:16px sans-serif;margin:2em}td,th{padding:.4em;text-align:left}"
        "img{width:420px;max-width:100%}</style><h1>Nano and its teacher</h1>"
        f"<table><tr><th></th>{head}<th>Spectrogram of the first</th></tr>{body}</table></html>\n"
    )


def _row(row: Heard, n: int) -> str:
    name = html.escape(row.name)
    players = "".join(
        f'<td><audio controls preload="none" src="{name}-{i}.wav" '
        f'aria-label="{name}, sentence {i + 1}"></audio></td>'
        for i in range(n)
    )
    picture = f'<td><img src="{name}.png" alt="Spectrogram of {name}"></td>'
    return f'<tr><th scope="row">{name}</th>{players}{picture}</tr>'


def _teacher() -> Heard:
    teacher = Teacher(Lexicon.load())
    audio = (
        teacher.speak(read_words(sentence, teacher.lexicon), seed=i).audio
        for i, sentence in enumerate(SENTENCES)
    )
    return Heard("teacher", tuple(audio), SAMPLE_RATE_HZ)


def _nano(bark: Bark, name: str, voice: str) -> Heard:
    takes = speak_sentences(bark, SENTENCES, voice)
    return Heard(name, tuple(take.audio for take in takes), NANO.sample_rate)
