"""Faster and slower speech at the same pitch: nano by its durations, Bark by stretching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark import Bark, GenerationOptions, Take
from bark.audio.ffmpeg import ffmpeg_path
from bark.audio.tempo import stretch
from bark.errors import InvalidInputError, OptionError
from bark.text.english.phones import N_PHONES, Phone, phones_to_semantic, retime, semantic_to_phones

from ..tiny import write_official_layout

needs_ffmpeg = pytest.mark.skipif(ffmpeg_path() is None, reason="needs ffmpeg")


def pitch_hz(audio: np.ndarray, rate: int = 24_000) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    return float(np.argmax(spectrum) * rate / len(audio))


@given(
    st.lists(
        st.tuples(st.integers(0, N_PHONES - 1), st.integers(1, 30), st.booleans()), min_size=1
    ),
    st.floats(0.5, 2.0),
)
def test_every_phone_stays_and_durations_change_by_one_share(
    phones: list[tuple[int, int, bool]], speed: float
) -> None:
    before = [Phone(*phone) for phone in phones]
    after = semantic_to_phones(retime(phones_to_semantic(before), speed))
    assert [(p.index, p.begins_word) for p in after] == [(p.index, p.begins_word) for p in before]
    total = sum(p.n_frames for p in before)
    assert abs(sum(p.n_frames for p in after) - total / speed) <= 0.5 + len(before)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_nano_speaks_at_another_speed(speed: float) -> None:
    bark = Bark.from_pretrained("nano", device="cpu", precision="fp32")
    text = "Good morning to everybody who is here today."
    plain = bark.generate(text, voice="alder", seed=3)
    take = bark.generate(text, voice="alder", seed=3, speed=speed)
    assert take.duration_s == pytest.approx(plain.duration_s / speed, rel=0.12)
    assert take.options.speed == speed


@pytest.mark.parametrize("speed", [0, 0.49, 2.01, float("nan"), float("inf"), None, "fast"])
def test_a_speed_out_of_range_is_refused(speed: object) -> None:
    with pytest.raises(InvalidInputError, match="speed"):
        GenerationOptions(speed=speed)  # type: ignore[arg-type]


@needs_ffmpeg
@pytest.mark.parametrize("speed", [0.5, 1.5, 2.0])
def test_stretched_audio_keeps_its_pitch(speed: float) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 24_000)).astype(np.float32)
    stretched = stretch(tone, 24_000, speed)
    assert len(stretched) == pytest.approx(48_000 / speed, rel=0.05)
    assert pitch_hz(stretched) == pytest.approx(220, abs=4)


@needs_ffmpeg
def test_bark_is_stretched_and_its_take_says_so(tmp_path: Path) -> None:
    bark = Bark.from_pretrained(
        write_official_layout(tmp_path / "weights"), device="cpu", precision="fp32"
    )
    short = GenerationOptions(max_duration_s=0.6, allow_early_stop=False, seed=5)
    plain = bark.generate("Hello world.", options=short)
    quick = bark.generate("Hello world.", options=short, speed=2.0)
    assert quick.duration_s == pytest.approx(plain.duration_s / 2, rel=0.15)
    assert np.array_equal(quick.tokens.fine, plain.tokens.fine)
    assert Take.load(quick.save(tmp_path / "quick.wav")).options.speed == 2.0


def test_without_ffmpeg_bark_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bark = Bark.from_pretrained(
        write_official_layout(tmp_path / "weights"), device="cpu", precision="fp32"
    )
    monkeypatch.setattr("bark.audio.tempo.ffmpeg_path", lambda: None)
    with pytest.raises(OptionError, match="pip install imageio-ffmpeg"):
        bark.generate("Hello world.", speed=1.5)
