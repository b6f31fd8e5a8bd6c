"""Captions by sentence and by word, against pauses and tokens that are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bark import Bark
from bark.errors import AudioFileError, InvalidInputError
from bark.narration.captions import (
    Cue,
    caption_parts,
    cues,
    to_srt,
    to_vtt,
    write_captions,
)
from bark.narration.cast import Cast
from bark.narration.narration import Narration
from bark.narration.sentence_times import (
    heard_pauses,
    nearest_pauses,
    sentence_times,
    sentences_of,
)
from bark.narration.subtitles import read_subtitles
from bark.narration.timeline import place_narration
from bark.spec import BARK

from .narrating import begun, run

TEXT = "The door was open. Nobody had been here for years, and it showed. She went in."
RATE = 24_000


@pytest.fixture(scope="module")
def narration(tmp_path_factory: pytest.TempPathFactory) -> Narration:
    bark = Bark.from_pretrained("nano", device="cpu", precision="fp32")
    narration = begun(tmp_path_factory.mktemp("job"), TEXT, bark, Cast("alder"), max_chunk_s=12)
    run(narration)
    return narration


def test_a_sentence_is_shown_while_it_is_said(narration: Narration) -> None:
    shown = list(cues(narration))
    assert [cue.text for cue in shown] == [
        "The door was open.",
        "Nobody had been here for years, and it showed.",
        "She went in.",
    ]
    words = list(cues(narration, by="word"))
    for cue in shown:
        inside = [w for w in words if cue.start_s - 0.1 <= w.start_s and w.end_s <= cue.end_s + 0.1]
        assert " ".join(w.text for w in inside).startswith(cue.text.split()[0])
        assert cue.text.rstrip(".").endswith(inside[-1].text.rstrip(".,"))


def test_captions_follow_each_other(narration: Narration) -> None:
    for by in ("sentence", "word"):
        shown = list(cues(narration, by=by))
        for before, after in itertools.pairwise(shown):
            assert before.start_s < before.end_s <= after.start_s + 1e-6
        assert shown[0].start_s >= 0
        assert shown[-1].end_s <= place_narration(narration)[-1].end_s + 0.05


def test_every_word_has_its_time_on_nano(narration: Narration) -> None:
    words = [cue.text.strip(".,") for cue in cues(narration, by="word")]
    assert words == TEXT.replace(".", "").replace(",", "").split()


def test_words_are_refused_where_they_are_not_known(tmp_path: Path) -> None:
    from .narrating import Hummer

    bark = Hummer()
    bark.spec = BARK
    narration = begun(tmp_path / "job", "It was late.", bark)
    run(narration)
    with pytest.raises(InvalidInputError, match="nano's takes only"):
        write_captions(narration, tmp_path / "a.srt", by="word")
    assert write_captions(narration, tmp_path / "a.srt").is_file()


@given(st.text(alphabet="ab c,.!? ", max_size=400))
def test_the_parts_of_a_caption_are_its_text(text: str) -> None:
    text = " ".join(text.split())
    parts = caption_parts(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert max(map(len, parts)) <= 84


def test_a_long_sentence_is_parted_near_its_clauses() -> None:
    parts = [
        "She had waited for a long time at the gate of the old house,",
        "and when nobody came she went away.",
    ]
    assert caption_parts(" ".join(parts)) == parts


def test_pauses_inside_audio_are_found() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 4 * RATE)
    noise[:2_000] = 0  # at an end: no pause between sounds
    noise[int(1.0 * RATE) : int(1.3 * RATE)] = 0
    noise[int(2.0 * RATE) : int(2.04 * RATE)] = 0  # too short
    [(start, end)] = heard_pauses(noise, RATE)
    assert start == pytest.approx(1.0, abs=0.03)
    assert end == pytest.approx(1.3, abs=0.03)


def test_of_many_pauses_the_near_and_long_ones_are_chosen() -> None:
    pauses = [(0.9, 1.0), (1.9, 2.5), (3.0, 3.1), (4.0, 4.6)]
    assert nearest_pauses(pauses, np.array([2.3, 4.2])) == [(1.9, 2.5), (4.0, 4.6)]
    assert nearest_pauses(pauses, np.array([1.6])) == [(1.9, 2.5)]
    assert nearest_pauses(pauses, np.array([5.9])) == [(5.9, 5.9)]
    assert nearest_pauses([], np.array([1.0, 2.0])) == [(1.0, 1.0), (2.0, 2.0)]


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=8, unique=True),
    st.lists(st.floats(0, 10), min_size=1, max_size=8),
)
def test_chosen_pauses_are_different_and_in_order(
    starts: list[float], expected: list[float]
) -> None:
    pauses = [(start, start + 0.1) for start in sorted(starts)]
    chosen = nearest_pauses(pauses, np.array(sorted(expected)))
    assert len(chosen) == len(expected)
    assert chosen == sorted(chosen)
    if set(chosen) <= set(pauses):
        assert len(set(chosen)) == len(chosen)


CUES = [Cue(0.5, 1.25, "Hello & <you>."), Cue(61.0, 3661.5, "A " + "word " * 12 + "end.", "Anna")]


def test_captions_are_written_as_srt_and_vtt() -> None:
    assert to_srt(CUES).startswith("1\n00:00:00,500 --> 00:00:01,250\nHello & <you>.\n\n2\n")
    assert "\nAnna: A word" in to_srt(CUES)
    assert "00:01:01.000 --> 01:01:01.500\n<v Anna>A word" in to_vtt(CUES)
    assert "Hello &amp; &lt;you&gt;." in to_vtt(CUES)


def test_what_is_written_is_read_back() -> None:
    [first, second] = read_subtitles(to_vtt(CUES))
    assert (first.text, first.slot) == ("Hello & <you>.", (0.5, 1.25))
    assert second.text.startswith("[Anna] A word")
    assert read_subtitles(to_srt(CUES))[1].slot == (61.0, 3661.5)


def test_another_suffix_is_refused(narration: Narration, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="neither"):
        write_captions(narration, tmp_path / "a.txt")


def test_a_cue_of_a_subtitle_file_is_spoken_in_its_slot(tmp_path: Path) -> None:
    from bark.narration.documents import read_document
    from bark.narration.joining import write_file

    from .narrating import Hummer, options

    path = tmp_path / "a.srt"
    path.write_text(
        "1\n00:00:02,000 --> 00:00:06,000\nIt was late.\n\n"
        "2\n00:00:07,000 --> 00:00:07,300\nNobody saw the two of them come up.\n\n"
        "3\n00:00:12,000 --> 00:00:14,000\nNo.\n"
    )
    narration = Narration.create(
        Hummer(), read_document(path), tmp_path / "job", options(), cast=Cast("alder")
    )
    run(narration)
    placed = place_narration(narration)
    assert [item.start_s for item in placed] == pytest.approx([2, 7, 12], abs=1e-4)
    assert [item.late_s > 0 for item in placed] == [False, True, False]
    [warning] = write_file(narration, tmp_path / "a.wav").warnings
    assert "after its cue" in warning


@given(st.text(alphabet="ab c,.!? \u3002", max_size=200))
def test_the_sentences_of_a_chunk_are_its_text(text: str) -> None:
    spans = sentences_of(text)
    assert "".join("".join(text[a:b] for a, b in spans).split()) == "".join(text.split())
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_each_sentence_of_a_chunk_begins_with_its_first_word(narration: Narration) -> None:
    for state in narration.chunks:
        assert state.info is not None
        starts = [start for start, _ in sentence_times(state)]
        trimmed = state.info.speech[0] / state.info.sample_rate
        for start, (first, _) in zip(starts, sentences_of(state.chunk.text), strict=True):
            word = next(word for word in state.info.words if word[0] >= first)
            assert abs(start - (word[2] - trimmed)) < 0.1
