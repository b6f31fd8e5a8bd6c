"""The teacher: hibari, a small voice that says nano's own phones and shows how it does.

hibari (Apache 2.0) predicts, every 12.5 ms, the spectra of a voiced part and of the rest, and a
pitch; a pulse train and noise make sound of them. Here the two parts are rendered apart, which no
analysis of a recording could do, and the durations of its phonemes are read out of its graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bark.codecs.harmonics import Bands
from bark.text.english.lexicon import Lexicon, phone_names
from bark.text.english.normalize import Word

from .spelling import is_vowel, spell_word

SAMPLE_RATE_HZ = 24_000
HOP_LEN = 300
"""Samples of a frame of the teacher's, 12.5 ms."""
STEP_S = 0.025
"""Its durations are whole numbers of this."""
LEAD_STEPS = 2.0
"""Its sound comes this much before its durations say: where vowels are loudest against stops, over
60 sentences."""

PACKAGE = "hibari-tts==0.2.1"
MODEL_SHA256 = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
_DURATIONS = "/Clip_output_0"  # the node of its graph that rounds them
_VOICED_ABOVE_HZ = 40.0
_MAX_PHONEMES = 400  # longer inputs it was not trained on


@dataclass(frozen=True)
class SpelledText:
    """A text as the teacher is given it.

    Attributes:
        ids: its phonemes and marks, a pad before and behind.
        owners: for each id the number of the phone it belongs to; -1 - w for what stands behind
            word w (marks, spaces, the last pad), `BEFORE` for the first pad.
        phones: name, as in `bark.text.english.phones.PHONES`, and whether a word begins.
    """

    ids: tuple[int, ...]
    owners: tuple[int, ...]
    phones: tuple[tuple[str, bool], ...]


BEFORE = -1_000_000


@dataclass(frozen=True, eq=False)
class Speech:
    """What the teacher made of a text.

    Attributes:
        words: normalised, with the marks behind them.
        text: as it was given.
        durations: (len(text.ids),) int64 in steps of 25 ms.
        harmonic: (n,) float32 the voiced part, 24 kHz.
        rest: (n,) float32 all else.
        pulses: (n,) float32 the unit harmonics that `harmonic` was made from.
        f0: (n / 300,) float32 Hz, at most 40 where unvoiced.
        lead_steps: how long before its durations the sound comes.
        bands: of the sound, where the teacher can say better than its parts do; some frames more
            than it has.
    """

    words: tuple[Word, ...]
    text: SpelledText
    durations: np.ndarray
    harmonic: np.ndarray
    rest: np.ndarray
    pulses: np.ndarray
    f0: np.ndarray
    lead_steps: float = LEAD_STEPS
    bands: Bands | None = None

    @property
    def audio(self) -> np.ndarray:
        """(n,) float32, 24 kHz, mostly within ±1."""
        return self.harmonic + self.rest


def spell_text(
    words: Sequence[Word],
    lexicon: Lexicon,
    vocabulary: dict[str, int],
    spell: Callable[..., list[str]] = spell_word,
) -> SpelledText:
    """Writes words in the teacher's ids.

    Args:
        words: at least one.
        lexicon: how they are pronounced.
        vocabulary: the teacher's ids.
        spell: writes a word, as `training.spelling.spell_word` does.

    Raises:
        ValueError: there are no words, the lexicon does not know one, or they are too many.
    """
    named = []
    for word in words:
        phones = lexicon.phones(word.text)
        if phones is None:
            raise ValueError(f"the lexicon does not know {word.text!r}; leave the sentence out")
        named.append(phone_names(phones))
    ids, owners, all_phones = [0], [BEFORE], []
    for w, (word, phones) in enumerate(zip(words, named, strict=True)):
        is_last = w + 1 == len(words)
        vowel_follows = not is_last and not word.mark and is_vowel(named[w + 1][0])
        for i, written in enumerate(spell(word.text, phones, vowel_follows=vowel_follows)):
            ids += [vocabulary[c] for c in written]
            owners += [len(all_phones)] * len(written)
            all_phones.append((phones[i], i == 0))
        behind = word.mark + ("" if is_last else " ")
        ids += [vocabulary[c] for c in behind]
        owners += [-1 - w] * len(behind)
    if not words or len(ids) > _MAX_PHONEMES:
        raise ValueError(f"{len(words)} words came, expected 1 to {_MAX_PHONEMES} phonemes of them")
    return SpelledText((*ids, 0), (*owners, -len(words)), tuple(all_phones))


class Teacher:
    """hibari's American voice.

    Args:
        lexicon: how words are pronounced.

    Raises:
        ModuleNotFoundError: a package of requirements-training.txt is missing.
        ValueError: the package holds another model than the one this recipe was made with.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        import hibari
        import onnx
        import onnxruntime

        self.lexicon = lexicon
        self._voice = hibari.Hibari()
        self._dsp: Any = hibari.dsp
        content = Path(self._voice.model_path).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != MODEL_SHA256:
            raise ValueError(f"hibari's model has SHA-256 {found}; install {PACKAGE}")
        graph = onnx.load_from_string(content)
        output = onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None)
        graph.graph.output.append(output)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, words: Sequence[Word], seed: int = 0) -> Speech:
        """Says normalised words.

        Args:
            words: all of them known to the lexicon.
            seed: of the noise.

        Raises:
            ValueError: a word is unknown, or there are none or too many.
        """
        text = spell_text(words, self.lexicon, self._voice.vocab)
        inputs = {"ids": np.array([text.ids]), "speed": np.ones(1, np.float32)}
        *parts, durations = self._session.run(None, inputs)
        log_size, turn, log_noise, log_rest, phase, f0 = (part[0] for part in parts)
        dsp, n_frames = self._dsp, log_size.shape[1]
        pulses = dsp.pulses(f0)
        response = np.exp(1j * np.pi * np.tanh(turn)).astype(np.complex64) * dsp.ex(log_size)
        harmonic = dsp.ola(dsp.stft(pulses, n_frames) * response)
        rng = np.random.default_rng(seed)
        shape = log_noise.shape[0], 2 * n_frames
        noise = rng.standard_normal(shape, dtype=np.float32).view(np.complex64)
        free = np.exp(1j * phase).astype(np.complex64) * dsp.ex(log_rest)
        rest = dsp.ola(noise * dsp.ex(log_noise) + free)
        steps = np.asarray(durations).reshape(-1).astype(np.int64)
        return Speech(tuple(words), text, steps, harmonic, rest, pulses, f0)


def voiced_pitch(f0: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The teacher's pitch at fractional frame numbers: Hz, 0 where unvoiced, float32.

    Args:
        f0: (n,) as in `Speech`.
        at: (T,) frame numbers; beyond the end is unvoiced.
    """
    voiced = f0 > _VOICED_ABOVE_HZ
    if not voiced.any():
        return np.zeros(len(at), np.float32)
    nearest = np.clip(np.round(at).astype(int), 0, len(f0) - 1)
    index = np.flatnonzero(voiced)
    pitch = np.exp(np.interp(at, index, np.log(f0[index])))
    return np.where(voiced[nearest] & (at < len(f0)), pitch, 0).astype(np.float32)
