"""Takes in their folder: there after a restart, never half written, never lost."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.audio.files import encode_audio
from bark.errors import AudioFileError, BarkError
from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.page import player
from bark.ui.state.sessions import Visit
from bark.ui.state.take_store import N_PEAKS, TakeStore
from tests.fake_bark import FakeBark


def make_take(text: str = "Hello there.", seed: int = 1) -> Take:
    return FakeBark().generate(text, options=GenerationOptions(seed=seed))


def test_takes_are_there_after_a_restart(tmp_path: Path) -> None:
    take = make_take()
    store = TakeStore(tmp_path / "takes")
    stored = store.add(take)
    store.mark(stored.id, star=True, note="the good one")
    (again,) = TakeStore(tmp_path / "takes").all()
    assert np.allclose(again.peaks, stored.peaks, atol=0.002)  # the file has 16 bits
    expected = dataclasses.replace(stored, star=True, note="the good one", peaks=again.peaks)
    assert again == expected
    loaded = TakeStore(tmp_path / "takes").load(stored.id)
    assert (loaded.tokens.fine == take.tokens.fine).all()
    assert loaded.options == take.options


def test_newest_is_first_and_numbers_go_on(tmp_path: Path) -> None:
    TakeStore(tmp_path).add(make_take("One."))
    store = TakeStore(tmp_path)
    store.add(make_take("Two."))
    assert [(take.number, take.text) for take in store.all()] == [(2, "Two."), (1, "One.")]


def test_a_deleted_take_comes_back_until_the_next_is_deleted(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    first, second = store.add(make_take("One.")), store.add(make_take("Two."))
    store.delete(first.id)
    assert [take.id for take in store.all()] == [second.id]
    assert first.path is not None
    assert not first.path.exists()
    assert store.restore() == first
    assert first.path.exists()
    store.delete(first.id)
    store.delete(second.id)
    assert store.restore() == second
    assert len(list(tmp_path.iterdir())) == 1  # nothing of the first is left


def test_a_restart_forgets_deleted_takes(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    store.delete(store.add(make_take()).id)
    assert TakeStore(tmp_path).all() == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_no_take(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file, not a folder")
    store = TakeStore(in_the_way / "takes")
    take = make_take()
    stored = store.add(take)
    assert stored.path is None
    assert store.load(stored.id) is take
    assert store.encode(stored.id, "wav")[:4] == b"RIFF"


def test_a_damaged_file_is_left_out_and_the_rest_is_listed(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    good = store.add(make_take())
    (tmp_path / "take-0009-broken-abc123.wav").write_bytes(b"RIFF and then nothing")
    (tmp_path / "holiday.wav").write_bytes(b"not ours")
    assert [take.id for take in TakeStore(tmp_path).all()] == [good.id]


def as_the_page_gets_it(store: TakeStore) -> bytes:
    takes = player.take_list(Visit(store, None), None)
    return json.dumps(takes, ensure_ascii=False, allow_nan=False).encode("utf-8")


def hostile_file(path: Path, **changes: Any) -> Path:
    """A take's file whose record says what this program would not."""
    take = make_take()
    record = {**take.to_record(), **changes}
    path.write_bytes(encode_audio(take.audio, 24_000, record=record, tokens=take.token_arrays()))
    return path


@pytest.mark.parametrize("field", ["text", "model", "precision", "stop_reason", "cut_text"])
def test_half_a_character_in_a_record_leaves_the_page_as_it_was(tmp_path: Path, field: str) -> None:
    take = Take.load(hostile_file(tmp_path / "dropped.wav", **{field: "a\ud800b"}))
    assert getattr(take, field) == "a\ufffdb"
    store = TakeStore(tmp_path / "takes")
    store.add(take)
    assert as_the_page_gets_it(store)
    assert as_the_page_gets_it(TakeStore(tmp_path / "takes"))


def test_half_a_character_in_a_note_or_a_voices_name_is_marked(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    voice = dataclasses.replace(make_take().tokens, name="Ann\udc80")
    stored = store.add(dataclasses.replace(make_take("Hi\ud800."), voice=voice))
    store.mark(stored.id, note="good\ud800")
    assert as_the_page_gets_it(store)
    (again,) = TakeStore(tmp_path).all()
    assert (again.text, again.voice_name, again.note) == ("Hi\ufffd.", "Ann\ufffd", "good\ufffd")
    marks = tmp_path / f"{stored.id}.json"
    marks.write_text('{"star": true, "note": "\\ud800"}')
    assert TakeStore(tmp_path).all()[0].note == "\ufffd"
    for damaged in ("[" * 100_000, '{"star": 1, "note": ' + "9" * 5_000 + "}", "\x00", "[]"):
        marks.write_text(damaged)
        assert [take.id for take in TakeStore(tmp_path).all()] == [stored.id]


@pytest.mark.parametrize(
    "timings", [{"semantic": "x"}, {"semantic": [1]}, {"a": 10**400}, [], 7, {"a": -1}]
)
def test_timings_that_are_no_seconds_are_refused(tmp_path: Path, timings: Any) -> None:
    with pytest.raises(AudioFileError, match="damaged"):
        Take.load(hostile_file(tmp_path / "dropped.wav", timings=timings))


def test_whatever_is_wrong_with_one_file_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TakeStore(tmp_path)
    stored = [store.add(make_take(f"Number {n}.")) for n in range(3)]
    load = Take.load

    def load_two(path: Path) -> Take:
        if path == stored[1].path:
            raise ZeroDivisionError
        return load(path)

    monkeypatch.setattr(Take, "load", load_two)
    assert [take.number for take in TakeStore(tmp_path).all()] == [3, 1]


def test_a_full_visit_drops_the_oldest_without_a_star(tmp_path: Path) -> None:
    store = TakeStore(tmp_path, limit=2)
    starred = store.add(make_take("One."))
    store.mark(starred.id, star=True)
    store.add(make_take("Two."))
    store.add(make_take("Three."))
    assert [take.text for take in store.all()] == ["Three.", "One."]


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "mp3"])
def test_every_format_carries_the_record(tmp_path: Path, format: str) -> None:
    store = TakeStore(tmp_path)
    take = make_take()
    path = tmp_path / f"copy.{format}"
    path.write_bytes(store.encode(store.add(take).id, format))
    loaded = Take.load(path)
    assert loaded.options == take.options
    assert (loaded.tokens.semantic == take.tokens.semantic).all()


def test_a_take_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BarkError, match="no longer here"):
        TakeStore(tmp_path).load("take-0001-gone")


def test_peaks_are_bounded_also_for_the_shortest_audio(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    short = dataclasses.replace(make_take(), audio=np.array([0.5, -1.0], np.float32))
    for take in (make_take(), short):
        peaks = store.add(take).peaks
        assert len(peaks) == N_PEAKS
        assert 0 <= min(peaks) <= max(peaks) <= 1


def test_hostile_text_gives_a_tame_file_name(tmp_path: Path) -> None:
    stored = TakeStore(tmp_path).add(make_take("../../etc/passwd\x00 <b>♪</b>"))
    assert stored.path is not None
    assert stored.path.parent == tmp_path
    assert stored.path.name.startswith("take-0001-etc-passwd-b-b-")
