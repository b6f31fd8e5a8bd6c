"""A job: chunks in order, stop and resume, changes that remake only what they touch."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest

from bark.audio.files import read_audio
from bark.errors import InvalidInputError, VoiceError, VoiceNotFoundError
from bark.narration.cast import Cast
from bark.narration.engines import LocalEngine
from bark.narration.joining import write_file
from bark.narration.keys import _unusual
from bark.narration.narration import Narration
from bark.narration.pronunciations import parse_pronunciations
from bark.narration.states import ChunkFailed, ChunkProgress, ChunkReady
from bark.take import Take

from ..fake_bark import SILENT_TEXT
from .narrating import TEXT, Hummer, begun, run

LINES = """Anna: Who is there?
Ben: It is me, and I have come a long way.
Anna: Then come in, the door is open."""


def bytes_of(narration: Narration, path: Path) -> bytes:
    return write_file(narration, path).path.read_bytes()


def test_chunks_come_out_in_the_order_of_the_text(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    numbers = run(narration)
    assert numbers == list(range(1, len(narration.chunks) + 1))
    assert len(numbers) > 4
    assert narration.is_complete
    assert " ".join(c.chunk.text for c in narration.chunks).split() == TEXT.split()


def test_the_first_chunk_is_made_alone_and_batches_grow(tmp_path: Path) -> None:
    bark = Hummer()
    text = "\n\n".join(f"This is paragraph {n} of them all." for n in range(20))
    narration = begun(tmp_path / "job", text=text, bark=bark, cast=Cast("alder"))
    run(narration, engine=LocalEngine(bark, width=6))
    assert bark.batches == [1, 1, 2, 4, 6, 6]


def test_progress_names_the_chunks(tmp_path: Path) -> None:
    events = list(begun(tmp_path / "job").run())
    progress = [event for event in events if isinstance(event, ChunkProgress)]
    assert progress[0].numbers
    assert {event.progress.stage for event in progress} == {"semantic", "coarse", "fine"}


def test_a_finished_job_is_read_and_not_made_again(tmp_path: Path) -> None:
    run(begun(tmp_path / "job"))
    bark = Hummer()
    again = begun(tmp_path / "job", bark=bark)
    assert run(again) == [c.chunk.number for c in again.chunks]
    assert bark.spoken == []


def test_after_a_stop_the_same_call_goes_on_to_the_same_result(tmp_path: Path) -> None:
    whole = begun(tmp_path / "whole")
    run(whole)
    stop = threading.Event()
    for event in begun(tmp_path / "job").run(stop=stop):
        if isinstance(event, ChunkReady):
            stop.set()
    assert not begun(tmp_path / "job").is_complete
    bark = Hummer()
    resumed = begun(tmp_path / "job", bark=bark)
    run(resumed)
    assert 0 < len(bark.spoken) < len(whole.chunks)
    assert bytes_of(resumed, tmp_path / "a.wav") == bytes_of(whole, tmp_path / "b.wav")


def test_a_generator_that_is_dropped_lets_the_folder_go(tmp_path: Path) -> None:
    events = begun(tmp_path / "job").run()
    next(events)
    events.close()
    assert run(begun(tmp_path / "job"))


def test_two_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    events = begun(tmp_path / "job").run()
    next(events)
    with pytest.raises(InvalidInputError, match="Another process"):
        next(begun(tmp_path / "job").run())
    events.close()


def test_a_changed_sentence_remakes_only_its_chunk(tmp_path: Path) -> None:
    run(begun(tmp_path / "job"))
    bark = Hummer()
    changed = TEXT.replace("They did not speak.", "They spoke.")
    narration = begun(tmp_path / "job", text=changed, bark=bark)
    run(narration)
    assert len(bark.spoken) == 1
    assert "They spoke." in bark.spoken[0]


def test_a_paragraph_put_in_front_remakes_nothing_behind_it(tmp_path: Path) -> None:
    text = TEXT.split("\n\n", 1)[1]
    run(begun(tmp_path / "job", text="Go on now, please, to the end of it.\n\n" + text))
    bark = Hummer()
    changed = "Go on now, please, to the end of it.\n\nIt was new.\n\n" + text
    run(begun(tmp_path / "job", text=changed, bark=bark))
    assert bark.spoken == ["It was new."]


def test_files_of_chunks_that_are_gone_are_removed(tmp_path: Path) -> None:
    run(begun(tmp_path / "job"))
    narration = begun(tmp_path / "job", text="It was late.")
    run(narration)
    assert len(list((tmp_path / "job" / "chunks").glob("*.flac"))) == 1


def test_one_chunk_is_redone_by_its_number(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    before = [read_audio(c.path)[0] for c in narration.chunks]
    narration.redo(3)
    assert not narration.state(3).is_ready
    bark = Hummer()
    again = Narration.open(bark, tmp_path / "job")
    run(again)
    after = [read_audio(c.path)[0] for c in again.chunks]
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [number != 3 for number in range(1, len(same) + 1)]
    assert bark.spoken == [narration.chunks[2].chunk.spoken]


def test_redoing_the_chunk_that_made_the_voice_keeps_the_voice(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    keys = [c.info.key for c in narration.chunks]
    origin = next(i for i, c in enumerate(narration.chunks, 1)
                  if Take.load(c.path).voice is None)  # fmt: skip
    narration.redo(origin)
    run(narration)
    changed = [a != c.info.key for a, c in zip(keys, narration.chunks, strict=True)]
    assert changed == [number == origin for number in range(1, len(keys) + 1)]
    assert Take.load(narration.state(origin).path).voice is not None


def test_an_edited_chunk_stays_edited_in_the_next_call(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    narration.edit(2, "Other words.")
    again = begun(tmp_path / "job")
    assert again.state(2).chunk.text == "Other words."
    assert again.state(2).is_edited
    assert not again.state(2).is_ready
    again.revert(2)
    assert again.is_complete


def test_respellings_hold_for_edited_words(tmp_path: Path) -> None:
    listed = parse_pronunciations("Nguyen = win")
    narration = begun(tmp_path / "job", pronunciations=listed)
    narration.edit(2, "Mister Nguyen came.")
    chunk = narration.state(2).chunk
    assert (chunk.text, chunk.spoken) == ("Mister Nguyen came.", "Mister win came.")


@pytest.mark.parametrize("text", ["", "  ", "word " * 400])
def test_an_edit_that_cannot_be_spoken_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError, match="text"):
        begun(tmp_path / "job").edit(1, text)


@pytest.mark.parametrize("number", [0, 99, -1])
def test_a_chunk_that_is_not_there_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(InvalidInputError, match=f"no chunk {number}"):
        begun(tmp_path / "job").redo(number)


def test_without_a_voice_the_first_long_chunk_becomes_the_voice_of_all(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    voices = [Take.load(c.path).voice for c in narration.chunks]
    [origin] = [i for i, voice in enumerate(voices) if voice is None]
    assert narration.chunks[origin].chunk.expected_s >= 3
    tokens = Take.load(narration.chunks[origin].path).tokens
    for voice in (voice for voice in voices if voice is not None):
        assert np.array_equal(voice.fine, tokens.fine)


def test_a_carried_voice_is_that_of_the_chunk_before(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job", voice_mode="carried")
    run(narration)
    takes = [Take.load(c.path) for c in narration.chunks]
    assert takes[0].voice is None
    for before, take in itertools.pairwise(takes):
        assert np.array_equal(take.voice.fine, before.tokens.fine)


def test_a_carried_voice_is_anchored_anew(tmp_path: Path) -> None:
    bark = Hummer()
    narration = begun(
        tmp_path / "job", bark=bark, cast=Cast("alder"), voice_mode="carried", anchor_every=2
    )
    run(narration)
    takes = [Take.load(c.path) for c in narration.chunks]
    anchor = bark.voice("alder")
    for i, take in enumerate(takes):
        expected = anchor if i % 2 == 0 else takes[i - 1].tokens
        assert np.array_equal(take.voice.fine, expected.fine)
    assert max(bark.batches) > 1  # the chains are made beside each other


def test_speakers_without_a_voice_get_different_ones_and_that_is_told(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job", text=LINES, cast=Cast(voices={"Ben": "alder"}))
    assert narration.plan.speakers == {"Anna": "aspen", "Ben": "alder"}
    assert narration.plan.notes == ("Anna was given no voice and speaks in aspen.",)
    run(narration)
    names = [Take.load(c.path).voice.name for c in narration.chunks]
    assert names == ["aspen", "alder", "aspen"]


def test_the_plan_counts_chapters_chunks_and_seconds(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    plan = narration.plan
    assert (plan.n_chunks, plan.n_ready) == (len(narration.chunks), 0)
    assert plan.expected_s == pytest.approx(len(TEXT) / 14 + 4.5, abs=3)
    run(narration)
    assert narration.plan.n_ready == plan.n_chunks


def test_a_chunk_without_sound_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    text = f"It was late.\n\n{SILENT_TEXT}\n\nIt was early, and nobody came to see her any more."
    narration = begun(tmp_path / "job", text=text, cast=Cast("alder"))
    events = list(narration.run())
    assert [e.number for e in events if isinstance(e, ChunkFailed)] == [2]
    assert [e.state.chunk.number for e in events if isinstance(e, ChunkReady)] == [1, 3]
    assert write_file(narration, tmp_path / "a.wav").missing == (2,)


def test_chunks_that_wait_for_a_voice_that_never_comes_are_told(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job", text=f"{SILENT_TEXT}\n\nNo.")
    events = list(narration.run())
    assert [e.number for e in events if isinstance(e, ChunkFailed)] == [1, 2]
    assert not [e for e in events if isinstance(e, ChunkReady)]


def test_a_crash_between_a_chunk_and_its_becoming_the_voice_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begun(tmp_path / "whole")
    run(whole)
    broken = begun(tmp_path / "job")

    def crash(*arguments: object) -> None:
        raise SystemExit

    monkeypatch.setattr(broken, "_pin_voice", crash)
    with pytest.raises(SystemExit):
        run(broken)
    again = begun(tmp_path / "job")
    assert again.plan.n_ready == 1
    run(again)
    assert bytes_of(again, tmp_path / "a.wav") == bytes_of(whole, tmp_path / "b.wav")


def test_a_drawn_seed_is_the_folders(tmp_path: Path) -> None:
    first = begun(tmp_path / "job", seed=None)
    again = begun(tmp_path / "job", seed=None)
    assert first.options.generation.seed == again.options.generation.seed is not None


def test_a_job_of_another_family_is_refused(tmp_path: Path) -> None:
    from bark.spec import BARK

    begun(tmp_path / "job")
    other = Hummer()
    other.spec = BARK
    with pytest.raises(InvalidInputError, match="begun with nano"):
        Narration.open(other, tmp_path / "job")


@pytest.mark.parametrize("content", ["", "{}", '{"version": 99}', '{"version": 1}', "[1]"])
def test_a_damaged_manifest_is_a_sentence(tmp_path: Path, content: str) -> None:
    begun(tmp_path / "job")
    (tmp_path / "job" / "manifest.json").write_text(content)
    with pytest.raises(InvalidInputError, match=r"version|damaged|cannot be read|begun with"):
        Narration.open(Hummer(), tmp_path / "job")


def test_a_text_with_nothing_to_speak_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing to speak"):
        begun(tmp_path / "job", text="[pause 1s]")


def test_a_chunk_file_that_is_lost_is_made_again(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    narration.state(2).path.unlink()
    bark = Hummer()
    run(Narration.open(bark, tmp_path / "job"))
    assert bark.spoken == [narration.chunks[1].chunk.spoken]


def test_a_setting_that_a_later_version_adds_remakes_nothing() -> None:
    usual = {"a": 1, "b": {"c": 2, "d": 3}}
    assert _unusual({"a": 1, "b": {"c": 2, "d": 4}}, usual) == {"b": {"d": 4}}
    assert _unusual({**usual, "b": {**usual["b"]}}, {**usual, "new": 5}) == {}


def test_removing_a_job_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    narration = begun(tmp_path / "job")
    run(narration)
    (tmp_path / "job" / "letter.txt").write_text("mine")
    (tmp_path / "job" / "chunks" / "song.flac").write_text("mine")
    narration.folder.remove()
    left = [path.name for path in sorted((tmp_path / "job").rglob("*")) if path.is_file()]
    assert left == ["song.flac", "letter.txt"]
    alone = begun(tmp_path / "other")
    alone.folder.remove()
    assert not (tmp_path / "other").exists()


def test_anew_forgets_chunks_voices_and_changes(tmp_path: Path) -> None:
    job = tmp_path / "job"
    narration = begun(job, cast=Cast("alder"))
    n_chunks = len(run(narration))
    narration.edit(2, "Other words.")
    fresh = begun(job, cast=Cast("birch"), anew=True)
    assert fresh.plan.n_ready == 0
    assert len(fresh.chunks) == n_chunks
    assert [state.is_edited for state in fresh.chunks] == [False] * n_chunks
    assert list((job / "chunks").iterdir()) == []
    assert len(list((job / "voices").iterdir())) == 1


def test_a_mistake_beside_anew_loses_nothing(tmp_path: Path) -> None:
    job = tmp_path / "job"
    narration = begun(job, cast=Cast("alder"))
    run(narration)
    for wrong in ({"text": " "}, {"cast": Cast("nobody")}):
        with pytest.raises((InvalidInputError, VoiceError, VoiceNotFoundError)):
            begun(job, anew=True, **wrong)
    with narration.folder.held(), pytest.raises(InvalidInputError, match="Another process"):
        begun(job, anew=True)
    assert begun(job, cast=Cast("alder")).is_complete


def test_anew_begins_where_the_manifest_is_damaged(tmp_path: Path) -> None:
    job = tmp_path / "job"
    run(begun(job))
    (job / "manifest.json").write_text("{")
    with pytest.raises(InvalidInputError, match="remove the folder to begin anew"):
        begun(job)
    assert begun(job, anew=True).plan.n_ready == 0
