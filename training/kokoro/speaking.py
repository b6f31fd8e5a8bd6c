"""Kokoro's voices as teachers: a text becomes speech that the codec and the models learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bark.codecs.harmonics import HOP_LEN
from bark.text.english.lexicon import Lexicon
from bark.text.english.normalize import Word

from ..speakers import Speaker
from ..spelling import spell_word
from ..teacher import Speech, SpelledText, spell_text
from .bands import read_bands
from .british import BritishSpelling
from .excitation import split, voiced_only
from .packages import (
    N_STYLE_ROWS,
    fetch_styles,
    read_british_words,
    read_model,
    read_style,
    read_vocabulary,
)

LEAD_STEPS = 2.5
"""The sound comes this much before the durations say: where vowels are loudest against stops, and
voiced against voiceless sounds, over 175 sentences in three voices (50 to 75 ms)."""

_DURATIONS = "/encoder/Clip_output_0"  # the node of its graph that rounds them
_MORE_FRAMES = 32  # than the sound has: phones are rounded up to a frame at least
_PITCH = "/encoder/F0_proj/Conv_output_0"  # one value for every 300 samples


@dataclass(frozen=True)
class KokoroVoice:
    """A voice of Kokoro's under a name of nano's.

    Attributes:
        name: of the voice prompt.
        style: Kokoro's name for it.
        is_british: whether it says words as Britons do.
        shift, turn: of the pulses, as in `training.kokoro.excitation.split`: those with which the
            codec, which has learned from hibari, is least surprised by the harmonics' phases.
        gain: makes it as loud as hibari: its loud frames (0.95 quantile) over some 25 sentences
            had 6.3 and 6.7 dB more.
        bent: voices that are bent from what it says.
    """

    name: str
    style: str
    is_british: bool
    shift: float
    turn: float
    gain: float
    bent: tuple[Speaker, ...] = ()


KOKORO_VOICES = (
    KokoroVoice(
        "hazel",
        "bf_emma",
        True,
        0.22,
        1.52,
        gain=0.49,
        bent=(Speaker("oak", 0.60, 0.95, melody=1.1, breath_db=-2.0),),
    ),
    KokoroVoice("hickory", "am_fenrir", False, 0.04, -1.54, gain=0.46),
)
"""A British woman, from whom a British man is bent, and an American man.

Of Kokoro's American men am_fenrir is liked best: DistillMOS 4.12 over ten short sentences, where
am_michael has 3.66 and am_puck 3.34. Of its British men, who by themselves have 4.1 to 4.3 over six
longer ones, bm_george was tried: 10 % of the words of nano's copy of him were misheard."""


class Kokoro:
    """Kokoro-82M in eight bits.

    Args:
        lexicon: how Americans pronounce words.
        folder: for the voices, which are downloaded unless they are there.

    Raises:
        ModuleNotFoundError: a package of requirements-training.txt or requirements-kokoro.txt is
            missing.
        FileNotFoundError: the voices cannot be fetched.
        ValueError: a package holds something else than this recipe was made with.
    """

    def __init__(self, lexicon: Lexicon, folder: Path) -> None:
        import onnx
        import onnxruntime

        self._lexicon, self._vocabulary = lexicon, read_vocabulary()
        self._british = BritishSpelling(read_british_words())
        packed = fetch_styles(folder)
        self._styles = {v.name: read_style(packed, v.style) for v in KOKORO_VOICES}
        graph = onnx.load_from_string(read_model())
        for name in (_DURATIONS, _PITCH):
            output = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            graph.graph.output.append(output)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, words: Sequence[Word], voice: KokoroVoice, speed: float = 1.0) -> Speech:
        """Says normalised words.

        Args:
            words: all of them known to the lexicon and, for a Briton, to misaki's.
            voice: one of `KOKORO_VOICES`.
            speed: 2 takes half the time.

        Raises:
            ValueError: a word is unknown, or there are none or too many.
        """
        spell: Callable[..., list[str]] = self._british if voice.is_british else spell_word
        text = spell_text(words, self._lexicon, self._vocabulary, spell)
        style = self._styles[voice.name][min(len(text.ids) - 2, N_STYLE_ROWS - 1)]
        inputs = {
            "tokens": np.array([text.ids]),
            "style": style[None],
            "speed": np.array([speed], np.float32),
        }
        audio, durations, pitch = (np.asarray(x) for x in self._session.run(None, inputs))
        return to_speech(words, text, voice, audio.ravel(), durations.ravel(), pitch.ravel())


def to_speech(
    words: Sequence[Word],
    text: SpelledText,
    voice: KokoroVoice,
    audio: np.ndarray,
    durations: np.ndarray,
    pitch: np.ndarray,
) -> Speech:
    """What Kokoro made of a text, its voiced part and the rest apart.

    Args:
        words, text: what was said, and how it was given.
        voice: who said it.
        audio: (n,) float32, 24 kHz, as loud as Kokoro makes it.
        durations: (len(text.ids),) in steps of 25 ms.
        pitch: (n / 300,) Hz, as predicted.
    """
    audio, where = voice.gain * audio, {"shift": voice.shift, "turn": voice.turn}
    harmonic, rest, pulses = split(audio, pitch, **where)
    bands = read_bands(audio, pitch, len(audio) // HOP_LEN + _MORE_FRAMES, **where)
    steps, f0 = durations.astype(np.int64), voiced_only(pitch)
    parts = (harmonic, rest, pulses, f0)
    return Speech(tuple(words), text, steps, *parts, lead_steps=LEAD_STEPS, bands=bands)
