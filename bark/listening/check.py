"""Looking at a take: what is wrong with it, and which of several takes is the best."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..take import Take
from ..text.speaking_time import speaking_time_s
from .loudness import integrated_loudness, speech_bounds
from .voice_print import VoicePrint, distance, voice_print

KINDS = ("silent", "clipped", "short", "long", "cut", "tail", "voice", "words")
"""What a finding can be: "tail" is sound behind a long silence, "words" others than the text's."""

CLIPPED_SHARE = 0.002  # of the samples at full scale
SHORTEST, LONGEST = 0.35, 2.2  # times what the text should take
LONGEST_SLACK_S = 2.0
LONGEST_GAP_S = 2.5
VOICE_LEAST_S = 1.5
OTHER_PITCH_SEMITONES, OTHER_SHAPE = 3.5, 1.5
"""Further from the given voice is another one. Of 169 chunks of a book by nano none was so far from
its voice; of 60 takes in other voices than the one compared 55 were."""

_FULL_SCALE = 0.999
_QUIET_LUFS = -50.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong with a take.

    Attributes:
        kind: one of `KINDS`.
        sentence: what it is, for a report.
        weight: how bad, to choose the best of several takes; 1 is a plain failure.
    """

    kind: str
    sentence: str
    weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class Examined:
    """A take's measures and findings.

    Attributes:
        speech: samples (first, behind the last) of what is heard.
        loudness_lufs: of it; None for silence.
        findings: empty for a good take.
        word_error_rate: where a listener listened.
    """

    speech: tuple[int, int]
    loudness_lufs: float | None
    findings: tuple[Finding, ...]
    word_error_rate: float | None = None

    @property
    def badness(self) -> float:
        """0 for a good take; the smaller the better."""
        return sum(finding.weight for finding in self.findings)


Look = Callable[[Take, str], Examined]
"""Looks at a take and the text that the model was given."""


def examine(take: Take, spoken: str, voice: VoicePrint | None = None) -> Examined:
    """Looks at a take.

    Args:
        take: as it was made.
        spoken: the text that the model was given.
        voice: how the given voice sounds; None where none was given.
    """
    first, last = speech_bounds(take.audio, take.sample_rate)
    heard = take.audio[first:last]
    words = spoken.removesuffix(take.cut_text) if take.cut_text else spoken
    loudness = integrated_loudness(heard, take.sample_rate)
    if loudness is None or loudness < _QUIET_LUFS:
        return Examined((first, last), None, (Finding("silent", "Nothing is heard.", 10.0),))
    findings = [
        *_levels(heard),
        *(_length(len(heard) / take.sample_rate, words) or _cut(take)),
        *_gaps(take, first, last),
        *_voice(heard, take.sample_rate, voice),
    ]
    return Examined((first, last), loudness, tuple(findings))


def _levels(heard: np.ndarray) -> list[Finding]:
    share = float(np.mean(np.abs(heard) >= _FULL_SCALE))
    if share <= CLIPPED_SHARE:
        return []
    return [Finding("clipped", f"{share:.1%} of the samples are clipped.", 0.5)]


def _length(heard_s: float, spoken: str) -> list[Finding]:
    expected = speaking_time_s(spoken)
    if heard_s < SHORTEST * expected:
        return [Finding("short", f"{heard_s:.1f} s is too short for the text; about "
                        f"{expected:.1f} s were expected.", 2 - heard_s / expected)]  # fmt: skip
    if heard_s > LONGEST * expected + LONGEST_SLACK_S:
        excess = heard_s / max(expected, 0.5)
        return [Finding("long", f"{heard_s:.1f} s is too long for the text; about "
                        f"{expected:.1f} s were expected.", 1 + excess / 10)]  # fmt: skip
    return []


def _cut(take: Take) -> list[Finding]:
    """A take that ends before its text does."""
    if take.cut_text:
        words = f"{take.cut_text[:60].strip()!r}"
        return [Finding("cut", f"The text was too long for the model, which left out {words}.")]
    if take.stop_reason == "length":
        return [Finding("cut", "It was ended by the model's limit of length.")]
    if take.stop_reason == "stopped":
        return [Finding("cut", "It was stopped before its end.")]
    return []


def _gaps(take: Take, first: int, last: int) -> list[Finding]:
    """A long silence, after which something is heard again that is likely not in the text."""
    step = int(0.05 * take.sample_rate)
    heard = take.audio[first:last]
    n = len(heard) // step
    if n < 2:
        return []
    power = (heard[: n * step].astype(np.float64).reshape(n, step) ** 2).mean(axis=1)
    quiet = power < power.mean() * 1e-3
    longest = place = run = 0
    for i, is_quiet in enumerate(quiet):
        run = run + 1 if is_quiet else 0
        if run > longest:
            longest, place = run, i + 1
    gap_s = longest * step / take.sample_rate
    if gap_s < LONGEST_GAP_S:
        return []
    at = (first + place * step) / take.sample_rate
    return [Finding("tail", f"After {gap_s:.1f} s of silence something is heard again at "
                    f"{at:.1f} s.", 1.0)]  # fmt: skip


def _voice(heard: np.ndarray, sample_rate: int, given: VoicePrint | None) -> list[Finding]:
    """Another voice than the given one: by pitch, or by the shape of the spectrum."""
    if given is None or len(heard) < VOICE_LEAST_S * sample_rate:
        return []
    found = voice_print(heard, sample_rate)
    if found is None:
        return []
    semitones, shape = distance(given, found)
    if semitones <= OTHER_PITCH_SEMITONES and shape <= OTHER_SHAPE:
        return []
    sentence = f"It sounds like another voice ({semitones:.1f} semitones away)."
    return [Finding("voice", sentence, 1 + semitones / 12)]
