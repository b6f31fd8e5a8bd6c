"""Debian's flite, called through ctypes, for the pronunciations that its lexicon does not hold.

Contractions ("they've") it puts together while it speaks; so it is let speak, and asked for the
phones before any sound is made.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

PAUSE = "pau"

_Pointer = ctypes.c_void_p
_String = ctypes.c_char_p
_AudioCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, _Pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int, _Pointer
)


class _Voice(ctypes.Structure):
    _fields_ = [("name", _String), ("features", _Pointer)]


class _Streaming(ctypes.Structure):
    _fields_ = [("min_buffer", ctypes.c_int), ("callback", _AudioCallback)]


_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "flite_init": (ctypes.c_int, []),
    "flite_synth_text": (_Pointer, [_String, _Pointer]),
    "flite_feat_set": (None, [_Pointer, _String, _Pointer]),
    "utt_relation": (_Pointer, [_Pointer, _String]),
    "relation_head": (_Pointer, [_Pointer]),
    "item_next": (_Pointer, [_Pointer]),
    "ffeature_string": (_String, [_Pointer, _String]),
    "delete_utterance": (None, [_Pointer]),
    "new_audio_streaming_info": (_Pointer, []),
    "audio_streaming_info_val": (_Pointer, [_Pointer]),
}


@dataclass(frozen=True)
class FlitePhone:
    """One phone: flite's name of it, `pau` for a pause, and whether its syllable is stressed."""

    name: str
    stressed: bool


class Flite:
    """One voice of flite; not safe to use from two threads at once.

    Args:
        voice: "rms", "slt", "awb".

    Raises:
        FileNotFoundError: flite's libraries are not installed.
    """

    def __init__(self, voice: str) -> None:
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
        streaming = self._flite.new_audio_streaming_info()
        info = _Streaming.from_address(streaming)
        info.min_buffer, info.callback = 64, self._refuse
        value = self._flite.audio_streaming_info_val(streaming)
        features = _Voice.from_address(self._voice).features
        self._flite.flite_feat_set(features, b"streaming_info", value)

    def phones(self, text: str) -> list[FlitePhone]:
        """The phones of a text, pauses among them."""
        flite = self._flite
        # The trailing space makes flite see the last word's end.
        utterance = flite.flite_synth_text(text.encode("ascii", "ignore") + b" ", self._voice)
        try:
            return [
                FlitePhone(
                    flite.ffeature_string(item, b"name").decode(),
                    flite.ffeature_string(item, b"R:SylStructure.parent.stress") == b"1",
                )
                for item in self._items(utterance, b"Segment")
            ]
        finally:
            flite.delete_utterance(utterance)

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
