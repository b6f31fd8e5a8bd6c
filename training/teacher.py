"""The teacher: Debian's flite, called through ctypes.

flite's three statistical voices predict, before any sample is made, everything nano learns from:
phones, their end times, and every 5 ms a pitch, a smooth spectral envelope and five voicing
strengths. Taking these straight out of the synthesiser is a hundred times faster than real time
and free of the noise an analysis of the finished audio would add. The audio itself is only made
for the listener who judges the teacher.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

VOICES = ("rms", "slt", "awb")
SAMPLE_RATE_HZ = 16_000
FRAME_S = 0.005
N_CEPSTRUM = 25
PAUSE = "pau"

_Pointer = ctypes.c_void_p
_String = ctypes.c_char_p


class _Track(ctypes.Structure):
    _fields_ = [
        ("type", _String),
        ("n_frames", ctypes.c_int),
        ("n_channels", ctypes.c_int),
        ("times", ctypes.POINTER(ctypes.c_float)),
        ("frames", ctypes.POINTER(ctypes.POINTER(ctypes.c_float))),
    ]


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", _String),
        ("sample_rate", ctypes.c_int),
        ("n_samples", ctypes.c_int),
        ("n_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [("name", _String), ("features", _Pointer)]


class _Utterance(ctypes.Structure):
    _fields_ = [("features", _Pointer)]


_AudioCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, _Pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int, _Pointer
)


class _Streaming(ctypes.Structure):
    _fields_ = [("min_buffer", ctypes.c_int), ("callback", _AudioCallback)]


_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "flite_init": (ctypes.c_int, []),
    "flite_synth_text": (_Pointer, [_String, _Pointer]),
    "flite_feat_set": (None, [_Pointer, _String, _Pointer]),
    "flite_feat_remove": (ctypes.c_int, [_Pointer, _String]),
    "utt_relation": (_Pointer, [_Pointer, _String]),
    "utt_wave": (_Pointer, [_Pointer]),
    "relation_head": (_Pointer, [_Pointer]),
    "item_next": (_Pointer, [_Pointer]),
    "path_to_item": (_Pointer, [_Pointer, _String]),
    "ffeature_string": (_String, [_Pointer, _String]),
    "ffeature_float": (ctypes.c_float, [_Pointer, _String]),
    "feat_val": (_Pointer, [_Pointer, _String]),
    "val_track": (_Pointer, [_Pointer]),
    "val_cg_db": (_Pointer, [_Pointer]),
    "mlpg": (_Pointer, [_Pointer, _Pointer]),
    "delete_track": (None, [_Pointer]),
    "delete_utterance": (None, [_Pointer]),
    "new_audio_streaming_info": (_Pointer, []),
    "audio_streaming_info_val": (_Pointer, [_Pointer]),
}


@dataclass(frozen=True)
class Phone:
    """One phone of an utterance.

    Attributes:
        name: flite's name of it, `pau` for a pause.
        end_s: when it ends, in seconds; it begins where the one before it ends.
        word: index into `Speech.words`, or -1 for a pause.
        stressed: whether its syllable carries stress.
    """

    name: str
    end_s: float
    word: int
    stressed: bool


@dataclass(frozen=True, eq=False)
class Speech:
    """What the teacher made of a text.

    Attributes:
        words: the text as flite split it at white space, without punctuation.
        punctuation: what followed each word, for example `?` or `."`, mostly nothing.
        phones: all phones in order, pauses among them.
        f0: (n_frames,) float32 pitch in Hz every 5 ms, 0 where unvoiced.
        cepstrum: (n_frames, 25) float32 mel-cepstrum (all-pass constant of the 16 kHz voices).
        strengths: (n_frames, 5) float32 voicing strength per band, 0 (noise) to 1 (pulses).
        audio: (n_samples,) float32 within ±1 at 16 kHz, or None where it was not asked for.
    """

    words: tuple[str, ...]
    punctuation: tuple[str, ...]
    phones: tuple[Phone, ...]
    f0: np.ndarray
    cepstrum: np.ndarray
    strengths: np.ndarray
    audio: np.ndarray | None


class Teacher:
    """One voice of flite; not safe to use from two threads at once.

    Args:
        voice: one of `VOICES`.

    Raises:
        ValueError: the voice is unknown.
        FileNotFoundError: flite's libraries are not installed.
    """

    def __init__(self, voice: str) -> None:
        if voice not in VOICES:
            raise ValueError(f"unknown teacher voice {voice!r}; choose one of {', '.join(VOICES)}")
        self.voice = voice
        self._flite = _load("libflite.so.1")
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._flite, name)
            function.restype, function.argtypes = result, arguments
        self._flite.flite_init()
        register = getattr(_load(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
        register.restype, register.argtypes = _Pointer, [_String]
        self._voice = register(None)
        # A streaming callback that refuses the first piece of audio ends the synthesis there.
        self._refuse = _AudioCallback(lambda *_: -1)

    def speak(self, text: str, audio: bool = False) -> Speech:
        """Speaks one utterance.

        Args:
            text: plain text. flite reads numbers its own way: normalise them before.
            audio: also synthesise the samples, which takes four times as long.

        Returns:
            The phones and parameters, and the samples if asked for.

        Raises:
            ValueError: the text has nothing to say.
        """
        flite = self._flite
        voice_features = _Voice.from_address(self._voice).features
        if audio:
            flite.flite_feat_remove(voice_features, b"streaming_info")
        else:
            streaming = flite.new_audio_streaming_info()
            info = _Streaming.from_address(streaming)
            info.min_buffer, info.callback = 64, self._refuse
            value = flite.audio_streaming_info_val(streaming)
            flite.flite_feat_set(voice_features, b"streaming_info", value)
        # The trailing space makes flite see the last word's end.
        utterance = flite.flite_synth_text(text.encode("ascii", "ignore") + b" ", self._voice)
        try:
            return self._read(utterance, audio, text)
        finally:
            flite.delete_utterance(utterance)

    def _read(self, utterance: int, audio: bool, text: str) -> Speech:
        flite = self._flite
        tokens = list(self._items(utterance, b"Token"))
        phones = self._phones(utterance, {token: i for i, token in enumerate(tokens)})
        if not any(phone.name != PAUSE for phone in phones):
            raise ValueError(f"the teacher finds nothing to say in {text!r}; give it a word")
        features = _Utterance.from_address(utterance).features
        predicted = flite.val_track(flite.feat_val(features, b"param_track"))
        database = flite.val_cg_db(flite.feat_val(features, b"cg_db"))
        smoothed = flite.mlpg(predicted, database)
        parameters = _track_array(smoothed)  # (n_frames, 1 + 25)
        flite.delete_track(smoothed)
        samples = None
        if audio:
            wave = _Wave.from_address(flite.utt_wave(utterance))
            integers = np.ctypeslib.as_array(wave.samples, (wave.n_samples,))
            samples = integers.astype(np.float32) / 32_768
        return Speech(
            words=tuple(flite.ffeature_string(token, b"name").decode() for token in tokens),
            punctuation=tuple(self._punctuation(token) for token in tokens),
            phones=phones,
            f0=parameters[:, 0],
            cepstrum=parameters[:, 1 : 1 + N_CEPSTRUM],
            strengths=_track_array(flite.val_track(flite.feat_val(features, b"str_track"))),
            audio=samples,
        )

    def _phones(self, utterance: int, index_of_token: dict[int, int]) -> tuple[Phone, ...]:
        flite = self._flite
        found = []
        for item in self._items(utterance, b"Segment"):
            token = flite.path_to_item(item, b"R:SylStructure.parent.parent.R:Token.parent")
            found.append(
                Phone(
                    name=flite.ffeature_string(item, b"name").decode(),
                    end_s=flite.ffeature_float(item, b"end"),
                    word=index_of_token.get(token, -1),
                    stressed=flite.ffeature_string(item, b"R:SylStructure.parent.stress") == b"1",
                )
            )
        return tuple(found)

    def _punctuation(self, token: int) -> str:
        found = self._flite.ffeature_string(token, b"punc").decode()
        return "" if found == "0" else found  # flite's "0" is "no such feature"

    def _items(self, utterance: int, relation: bytes) -> Iterator[int]:
        item = self._flite.relation_head(self._flite.utt_relation(utterance, relation))
        while item:
            yield item
            item = self._flite.item_next(item)


def _load(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise FileNotFoundError(
            f"cannot load {name}; install flite (Debian: apt-get install flite libflite1)"
        ) from error


def _track_array(address: int) -> np.ndarray:
    track = _Track.from_address(address)
    shape = (track.n_channels,)
    rows = [np.ctypeslib.as_array(track.frames[i], shape) for i in range(track.n_frames)]
    return np.array(rows, dtype=np.float32)  # copies: flite frees its own memory
