"""Takes in their folder: there after a restart, never half written, never lost."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bark.audio.files import encode_audio
from bark.errors import AudioFileError, BarkError
from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.page import messages
from bark.ui.state.sessions import Visit
from bark.ui.state.take_index import INDEX_NAME, TakeIndex
from bark.ui.state.take_store import N_PEAKS, TakeStore, _stamp
from tests.fake_bark import FakeBark


def make_take(text: str = "Hello there.", seed: int = 1) -> Take:
    return FakeBark().generate(text, options=GenerationOptions(seed=seed))


def test_takes_are_there_after_a_restart(tmp_path: Path) -> None:
    take = make_take()
    store = TakeStore(tmp_path / "takes")
    stored = store.add(take)
    store.mark(stored.id, star=True, note="the good one")
    (again,) = TakeStore(tmp_path / "takes").all()
    assert again == dataclasses.replace(stored, star=True, note="the good one")
    loaded = TakeStore(tmp_path / "takes").load(stored.id)
    assert (loaded.tokens.fine == take.tokens.fine).all()
    assert loaded.options == take.options


def test_newest_is_first_and_numbers_go_on(tmp_path: Path) -> None:
    TakeStore(tmp_path).add(make_take("One."))
    store = TakeStore(tmp_path)
    store.add(make_take("Two."))
    assert [(take.number, take.text) for take in store.all()] == [(2, "Two."), (1, "One.")]


def test_every_deletion_can_be_taken_back_the_last_one_first(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    first, second, third = (store.add(make_take(text)) for text in ("One.", "Two.", "Three."))
    store.mark(first.id, star=True)
    starred = store.get(first.id)
    assert store.delete(first.id) == [starred]
    store.delete(second.id, third.id)
    assert store.all() == []
    assert first.path is not None
    assert not first.path.exists()
    assert store.restore() == [second, third]
    assert store.restore() == [starred]
    assert store.restore() == []
    assert first.path.exists()
    assert [take.number for take in TakeStore(tmp_path).all()] == [3, 2, 1]


def test_a_restart_forgets_deleted_takes(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    stored = store.add(make_take())
    store.mark(stored.id, star=True)
    store.delete(stored.id)
    assert TakeStore(tmp_path).all() == []
    assert list(tmp_path.glob("*take*")) == []


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    store.delete(store.add(make_take()).id)
    assert store.add(make_take()).number == 2
    store.delete(*[take.id for take in store.all()])
    assert TakeStore(tmp_path).add(make_take()).number == 3  # after a restart too


def test_the_index_saves_reading_files_that_have_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TakeStore(tmp_path)
    kept, edited = store.add(make_take("One.")), store.add(make_take("Two."))
    store.mark(kept.id, note="good")
    read: list[Path] = []
    load = Take.load
    monkeypatch.setattr(Take, "load", lambda path: read.append(Path(path)) or load(path))
    assert TakeStore(tmp_path).all() == store.all()
    assert read == []
    assert edited.path is not None
    edited.path.with_suffix(".json").write_text('{"star": true}')  # somebody else wrote it
    again = TakeStore(tmp_path)
    assert [take.star for take in again.all()] == [True, False]
    assert read == [edited.path]
    edited.path.unlink()
    assert [take.text for take in TakeStore(tmp_path).all()] == ["One."]


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_a_lost_index_is_written_anew_from_the_files(tmp_path: Path, damage: bytes | None) -> None:
    store = TakeStore(tmp_path)
    store.mark(store.add(make_take()).id, star=True, note="kept")
    before = store.all()
    index = tmp_path / INDEX_NAME
    if damage is None:
        index.unlink()
    else:
        index.write_bytes(damage * 400)
    again = TakeStore(tmp_path).all()
    assert [dataclasses.replace(take, peaks=before[0].peaks, gain=before[0].gain)
            for take in again] == before  # fmt: skip
    assert index.stat().st_size > 0


def test_what_changed_is_told_since_a_version(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    first, second = store.add(make_take("One.")), store.add(make_take("Two."))
    version = store.changes().version
    assert store.changes(version).takes == ()
    store.mark(first.id, star=True)
    store.delete(second.id)
    told = store.changes(version)
    assert [(take.id, take.star) for take in told.takes] == [(first.id, True)]
    assert told.removed == (second.id,)
    assert not told.is_whole
    assert store.changes(version + 99).is_whole  # of a server before a restart


@pytest.mark.slow
def test_five_thousand_takes_open_in_under_a_second(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    stored = store.add(make_take("Said often."))
    assert stored.path is not None
    data = stored.path.read_bytes()
    entries = []
    for number in range(2, 5_001):
        path = tmp_path / f"take-{number:04d}-said-often-{number:06x}.wav"
        path.write_bytes(data)
        made = dataclasses.replace(stored, id=path.stem, number=number, path=path)
        entries.append((_stamp(path), made))
    index = TakeIndex(tmp_path)
    index.put(entries)
    index.close()
    times = []
    for _ in range(3):
        started = time.thread_time()  # not the wall's: others may use the machine too
        assert len(TakeStore(tmp_path).all()) == 5_000
        times.append(time.thread_time() - started)
    assert min(times) < 1.0


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
    takes = messages.changes(store.changes(), Visit(store, None))
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
    (tmp_path / INDEX_NAME).unlink()  # so that each is read
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
