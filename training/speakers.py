"""Nano's voices: the teacher has one, the others are bent from it.

They are bent in the teacher's bands, before there is any sound, so that nothing is lost. Two that
are to be told apart differ in at least two of pitch, formants, melody, tilt and breath: pitch alone
is what the coarse model mixes up first.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from bark.codecs.harmonics import N_BANDS, N_NOISE_BANDS, Bands, band_centres_hz, speak

from .analysis import bend, log_mel
from .features import Utterance

N_BENT = 2
"""Bent voices that say each of the teacher's sentences."""

PITCHES, THROATS, MELODIES = (0.95, 1.05), (0.98, 1.02), (0.9, 1.1)
TILTS_DB = -0.4, 0.4
"""Ranges in which `otherwise` changes a voice: small beside what tells `SPEAKERS` apart."""

_PIVOT_HZ = 1_000.0
_LOWEST_OCTAVE, _HIGHEST_OCTAVE = -2.0, 3.0  # from the pivot: beyond, the tilt stays as it is


@dataclass(frozen=True)
class Speaker:
    """One of nano's voices.

    Attributes:
        name: of the voice prompt.
        pitch: the teacher's is multiplied by this.
        formants: its spectra are stretched along the frequency axis by this.
        melody: the distance of its pitch from the sentence's mean, in octaves, times this.
        tilt_db: louder by this for every octave above 1 kHz, softer below.
        breath_db: how much louder the noise is in voiced sounds.
    """

    name: str
    pitch: float = 1.0
    formants: float = 1.0
    melody: float = 1.0
    tilt_db: float = 0.0
    breath_db: float = 0.0


SPEAKERS = (
    Speaker("birch"),
    Speaker("alder", 0.55, 0.91, breath_db=-1.0),
    Speaker("cedar", 0.71, 0.92, tilt_db=1.0),
    Speaker("elm", 0.82, 1.01, melody=1.1, tilt_db=0.5),
    Speaker("maple", 0.92, 0.91, melody=0.9),
    Speaker("willow", 1.12, 1.05, melody=0.9, tilt_db=0.5),
    Speaker("aspen", 0.60, 0.97, melody=1.1, tilt_db=1.0),
)
"""The teacher's own voice, then the bent ones."""


def speakers_of(number: int) -> tuple[Speaker, ...]:
    """Who says the sentence of this number: the teacher, and `N_BENT` bent voices."""
    bent = SPEAKERS[1:]
    step = len(bent) // N_BENT
    return (SPEAKERS[0], *(bent[(number + k * step) % len(bent)] for k in range(N_BENT)))


def in_voice(utterance: Utterance, speaker: Speaker) -> Utterance:
    """The same sentence said by a speaker."""
    if dataclasses.replace(speaker, name=SPEAKERS[0].name) == SPEAKERS[0]:
        return utterance
    bands = bend(utterance.bands, speaker.pitch, speaker.formants)
    bands = with_breath(with_tilt(with_melody(bands, speaker.melody), speaker), speaker.breath_db)
    n_frames = len(bands.f0)
    mel = log_mel(speak(bands, 0, n_frames), n_frames)
    return dataclasses.replace(utterance, bands=bands, mel=mel)


def otherwise(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """The same sentence in the same voice, but pitch, throat, melody and tilt are a little other.

    What a codec makes of it are other codes with the same meaning: more to learn from where a
    voice has said little.

    Args:
        utterance: in any voice.
        rng: draws how much, evenly within the ranges.
    """
    drawn = (float(rng.uniform(*r)) for r in (PITCHES, THROATS, MELODIES, TILTS_DB))
    return in_voice(utterance, Speaker("", *drawn))


def with_melody(bands: Bands, melody: float) -> Bands:
    """Widens (above 1) or narrows the range of the pitch around its mean."""
    voiced = bands.f0 > 0
    if not voiced.any():
        return bands
    mean = bands.f0[voiced].log().mean()
    rise = torch.where(voiced, (melody - 1) * (bands.f0.clamp(min=1.0).log() - mean), 0.0)
    # As when a voice is bent: fewer harmonics to a band carry its power.
    return dataclasses.replace(
        bands, f0=bands.f0 * rise.exp(), size=bands.size + 0.5 * rise[:, None]
    )


def with_tilt(bands: Bands, speaker: Speaker) -> Bands:
    """Makes the spectrum brighter or darker, voice and noise alike."""
    step = speaker.tilt_db / 20 * float(np.log(10))
    voice, noise = (
        torch.from_numpy((step * _octaves(band_centres_hz(n))).astype(np.float32))
        for n in (N_BANDS, N_NOISE_BANDS)
    )
    return dataclasses.replace(bands, size=bands.size + voice, noise=bands.noise + 2 * noise)


def with_breath(bands: Bands, breath_db: float) -> Bands:
    """Makes the noise louder where there is a voice."""
    louder = breath_db / 10 * float(np.log(10)) * (bands.f0 > 0)
    return dataclasses.replace(bands, noise=bands.noise + louder[:, None, None])


def _octaves(centres_hz: np.ndarray) -> np.ndarray:
    lowest = _PIVOT_HZ * 2.0**_LOWEST_OCTAVE
    octaves = np.log2(np.maximum(centres_hz, lowest) / _PIVOT_HZ)
    return np.clip(octaves, _LOWEST_OCTAVE, _HIGHEST_OCTAVE)
