"""Long texts on the page: laid out, spoken, stopped, changed, joined; each visitor's own."""

from __future__ import annotations

import base64
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bark.audio.files import read_audio
from bark.errors import BarkError, InvalidInputError
from bark.ui.actions import long_files, long_layout, long_texts
from bark.ui.actions.runs import Update
from bark.ui.actions.speak import stop
from bark.ui.page.form import Form
from bark.ui.state.sessions import Session
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

FORM = Form(seed=5, hold_seed=True)
TEXT = "\n\n".join(
    f"This is sentence number {word}." for word in "one two three four five six".split()
)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return make_studio(tmp_path / "takes")


@pytest.fixture
def session(studio: Studio) -> Session:
    return studio.visits.session("tab")


def told(updates: Any) -> list[dict[str, Any]]:
    return [update.long for update in updates if update.long]


def said(updates: list[Update]) -> str:
    return [update.status for update in updates if update.status][-1] or ""


def laid_out(studio: Studio, session: Session, text: str = TEXT) -> dict[str, Any]:
    (message,) = told(long_texts.lay_out(studio, session, FORM, {"text": text}))
    return message


def test_a_text_is_laid_out_as_chunks_and_nothing_is_made(studio: Studio, session: Session) -> None:
    message = laid_out(studio, session)
    assert [chunk["number"] for chunk in message["chunks"]] == [1, 2, 3, 4, 5, 6]
    assert "\n\n".join(chunk["text"] for chunk in message["chunks"]) == TEXT
    assert all(chunk["expected"] > 0 and chunk["key"] is None for chunk in message["chunks"])
    assert not message["busy"]


def test_chunks_are_told_in_order_and_joined(
    studio: Studio, session: Session, tmp_path: Path
) -> None:
    updates = list(long_texts.speak(studio, session, FORM, {"text": TEXT}))
    messages = told(updates)
    ready = [m["chunk"]["number"] for m in messages if m["kind"] == "chunk"]
    assert ready == [1, 2, 3, 4, 5, 6]
    assert messages[0]["kind"] == "long"
    assert messages[-1]["kind"] == "silent"
    assert "Made 6 of 6 chunks" in said(updates)
    narration_id = messages[0]["id"]
    assert long_texts.sound_of_chunk(studio, session.visit, narration_id, 3).startswith(b"RIFF")
    written = {
        format: long_files.write_as(studio, session.visit, narration_id, format, tmp_path)
        for format in ("wav", "mp3", "opus", "srt", "vtt", "json", "zip")
    }
    audio, rate = read_audio(written["wav"])
    assert len(audio) / rate > 6
    assert len(json.loads(written["json"].read_text())["chunks"]) == 6
    with zipfile.ZipFile(written["zip"]) as archive:
        suffixes = {Path(name).suffix for name in archive.namelist()}
    assert suffixes >= {".flac", ".mp3", ".srt", ".vtt", ".json", ".txt"}
    captions = written["srt"].read_text()
    assert [captions.count(f"number {word}.") for word in ("one", "six")] == [1, 1]


def test_a_press_that_is_refused_is_answered_once(studio: Studio, session: Session) -> None:
    refused = list(long_texts.answered(long_texts.speak(studio, session, FORM, {"text": " "})))
    assert [message["kind"] for message in told(refused)] == ["answered"]
    assert "fault" in said(refused)
    made = told(long_texts.answered(long_texts.speak(studio, session, FORM, {"text": TEXT})))
    assert "answered" not in [message["kind"] for message in made]


def test_a_text_that_waits_for_another_run_is_shown_laid_out(
    studio: Studio, session: Session
) -> None:
    go_on = threading.Event()

    def run() -> Iterator[Update]:
        go_on.wait(60)
        yield Update()

    session.visit.runs.submit(run)
    updates = long_texts.speak(studio, session, FORM, {"text": TEXT})
    shown = next(updates).long
    go_on.set()
    assert shown is not None
    assert len(shown["chunks"]) == 6
    assert not shown["busy"]
    later = told(updates)
    assert (later[0]["id"], later[0]["busy"]) == (shown["id"], True)


def test_speakers_stay_in_their_order_when_one_is_given_a_voice(
    studio: Studio, session: Session
) -> None:
    asked = {"text": "Ada: Good morning.\nBen: Good morning.\nAda: Come in."}
    for settings in ({}, {"cast": {"Ben": "elm"}}):
        (shown,) = told(long_texts.lay_out(studio, session, FORM, {**asked, "settings": settings}))
        assert list(shown["speakers"]) == ["Ada", "Ben"]


def test_stop_keeps_what_is_made_and_speak_goes_on(tmp_path: Path) -> None:
    studio = make_studio(tmp_path, pace_s=0.005)
    session = studio.visits.session("tab")
    updates = []
    for update in long_texts.speak(studio, session, FORM, {"text": TEXT}):
        updates.append(update)
        if update.long and update.long["kind"] == "chunk":
            stop(session)
    assert "Stopped; kept" in said(updates)
    narration_id = session.visit.narrations.ids()[0]
    narration = long_layout.open_narration(studio, session.visit, narration_id)
    missing = [state.chunk.number for state in narration.chunks if not state.is_ready]
    assert 1 <= len(missing) < 6
    updates = list(long_texts.speak(studio, session, FORM, {"id": narration_id}))
    made = [m["chunk"]["number"] for m in told(updates) if m["kind"] == "chunk"]
    assert made == missing


def test_one_chunk_is_redone_edited_and_put_back_alone(studio: Studio, session: Session) -> None:
    list(long_texts.speak(studio, session, FORM, {"text": TEXT}))
    narration_id = session.visit.narrations.ids()[0]

    def keys() -> list[str | None]:
        narration = long_layout.open_narration(studio, session.visit, narration_id)
        return [state.info.key if state.info else None for state in narration.chunks]

    first = keys()
    for asked in ({"do": "redo"}, {"do": "edit", "text": "Other words."}):
        before = keys()
        list(long_texts.change(studio, session, {"id": narration_id, "number": 4, **asked}))
        changed = [i for i, (a, b) in enumerate(zip(before, keys(), strict=True), 1) if a != b]
        assert changed == [4]
    narration = long_layout.open_narration(studio, session.visit, narration_id)
    assert narration.state(4).chunk.text == "Other words."
    list(long_texts.change(studio, session, {"id": narration_id, "number": 4, "do": "revert"}))
    assert keys() == first


def test_a_changed_text_keeps_the_chunks_that_it_still_has(
    studio: Studio, session: Session
) -> None:
    list(long_texts.speak(studio, session, FORM, {"text": TEXT}))
    narration_id = session.visit.narrations.ids()[0]
    asked = {"id": narration_id, "text": TEXT.replace("five", "five thousand")}
    (message,) = told(long_texts.lay_out(studio, session, FORM, asked))
    assert message["id"] == narration_id
    assert [c["number"] for c in message["chunks"] if c["key"] is None] == [5]


def test_a_dropped_file_lies_apart_from_what_is_shown(studio: Studio, session: Session) -> None:
    file = base64.b64encode(b"ANNA: It is late.\n" * 500).decode()
    asked = {"name": "talk.md", "file": file}
    (message,) = told(long_texts.lay_out(studio, session, FORM, asked))
    kept, folder = session.visit.narrations, session.visit.narrations.path(message["id"])
    assert (folder / "source.json").stat().st_size < 1_000  # read whenever the text is shown
    assert kept.source(message["id"])["file"] is None
    assert kept.source(message["id"], with_file=True)["file"] == file
    again = {"id": message["id"], "settings": {"cast": {}}}  # out of the same file
    (laid_out_again,) = told(long_texts.lay_out(studio, session, FORM, again))
    assert len(laid_out_again["chunks"]) == len(message["chunks"])
    list(long_texts.lay_out(studio, session, FORM, {"id": message["id"], "text": "Words now."}))
    assert kept.source(message["id"], with_file=True)["file"] is None
    long_texts.remove(studio, session.visit, message["id"])
    assert not folder.exists()


def test_a_file_that_was_kept_beside_the_settings_is_found(
    studio: Studio, session: Session
) -> None:
    narration_id = laid_out(studio, session)["id"]
    path = session.visit.narrations.path(narration_id) / "source.json"
    path.write_text(json.dumps({"name": "a.txt", "file": "SGkuCg==", "text": None}))
    assert session.visit.narrations.source(narration_id, with_file=True)["file"] == "SGkuCg=="


def test_a_file_is_read_and_speakers_have_voices_of_their_own(
    studio: Studio, session: Session
) -> None:
    lines = "Ada: Good morning to you.\nBen: And to you, my friend.\nAda: Come in, then.\n"
    asked = {"name": "../talk.md", "file": base64.b64encode(lines.encode()).decode()}
    (message,) = told(long_texts.lay_out(studio, session, FORM, asked))
    assert [chunk["speaker"] for chunk in message["chunks"]] == ["Ada", "Ben", "Ada"]
    assert len(set(message["speakers"].values())) == 2


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"text": "  "}, "type some text first"),
        ({"text": "word " * 2_000}, "at most 5,000"),
        ({"text": "A b.\n\n" * 300}, "at most 200"),
        ({"name": "x.exe", "file": "AAAA"}, "of a kind that is not read"),
        ({"name": "x.txt", "file": "no base64"}, "did not arrive whole"),
        ({"id": "../../etc"}, "no longer here"),
        ({"text": "[pause 99999s]"}, ""),
    ],
)
def test_what_cannot_be_spoken_is_a_sentence_without_a_path(
    asked: dict[str, Any], sentence: str
) -> None:
    studio = make_studio(None)
    session = studio.visits.session("stranger")
    (update,) = list(long_texts.lay_out(studio, session, FORM, asked))
    assert update.long is None
    assert "fault" in str(update.status)
    assert sentence in str(update.status)
    assert "/tmp" not in str(update.status)
    studio.close()


@pytest.mark.parametrize("do", [{"do": "edit", "text": "word " * 200}, {"do": "x"}, {}])
def test_a_change_that_cannot_be_made_changes_nothing(
    studio: Studio, session: Session, do: dict[str, Any]
) -> None:
    message = laid_out(studio, session)
    updates = list(long_texts.change(studio, session, {"id": message["id"], "number": 2, **do}))
    assert "fault" in said(updates)
    narration = long_layout.open_narration(studio, session.visit, message["id"])
    assert not any(state.is_edited for state in narration.chunks)


def test_a_long_text_is_its_visitors_alone_and_goes_with_the_visit() -> None:
    studio = make_studio(None)
    one, other = studio.visits.session("one"), studio.visits.session("other")
    message = laid_out(studio, one)
    assert one.visit.takes.folder in one.visit.narrations.path(message["id"]).parents
    with pytest.raises(InvalidInputError, match="no longer here"):
        long_layout.open_narration(studio, other.visit, message["id"])
    with pytest.raises(BarkError):
        studio.access().narration_folder(message["id"])
    updates = list(long_texts.speak(studio, other, FORM, {"id": message["id"]}))
    assert "no longer here" in said(updates)
    folder = one.visit.narrations.path(message["id"])
    assert folder.is_dir()
    studio.close()
    assert not folder.exists()


def test_a_stranger_keeps_five_long_texts() -> None:
    studio = make_studio(None)
    session = studio.visits.session("stranger")
    kept = [laid_out(studio, session)["id"] for _ in range(7)]
    assert set(session.visit.narrations.ids()) == set(kept[2:])
    studio.close()


def test_speakers_get_no_voice_that_is_hidden_from_the_visitor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bark.ui.state.access.list_voices", lambda *_, **__: [])
    studio = make_studio(None)
    message = laid_out(studio, studio.visits.session("a"), "Ada: Good day.\nBen: Yes.\nAda: Well.")
    assert message["speakers"] == {"Ada": "a new voice", "Ben": "a new voice"}
    studio.close()


def test_the_cast_is_chosen_and_who_has_no_voice_gets_one_that_nobody_has(
    studio: Studio, session: Session
) -> None:
    text = "Ada: Good day.\nBen: Yes.\nAda: Well.\nCleo: So."
    message = laid_out(studio, session, text)
    first = message["speakers"]
    assert len({first[name] for name in ("Ada", "Ben", "Cleo")}) == 3
    assert [name for name in ("Ada", "Ben", "Cleo") if f"{name} was given no voice" in str(
        message["said"])] == ["Ada", "Ben", "Cleo"]  # fmt: skip
    settings = {"cast": {"Ben": first["Ada"], "ada": ""}}
    asked = {"id": message["id"], "settings": settings}
    (message,) = told(long_texts.lay_out(studio, session, FORM, asked))
    assert message["speakers"]["Ben"] == first["Ada"]
    assert len(set(message["speakers"].values())) == 3
    assert message["speakers"]["Cleo"] == first["Cleo"]
    assert message["settings"]["cast"] == {"Ben": first["Ada"]}
    assert first["Ada"] in [choice for _, choice in message["voices"]]


def test_settings_are_kept_and_the_words_are_laid_out_with_others(
    studio: Studio, session: Session
) -> None:
    list(long_texts.speak(studio, session, FORM, {"text": TEXT}))
    narration_id = session.visit.narrations.ids()[0]
    settings = {"pauses": {"paragraph": 2.5, "sentence": None}, "is_evened": False}
    asked = {"id": narration_id, "settings": settings}
    (message,) = told(long_texts.lay_out(studio, session, FORM, asked))
    assert [chunk["pause"] for chunk in message["chunks"]][:5] == [2.5] * 5
    assert all(chunk["key"] for chunk in message["chunks"])  # pauses make nothing anew
    narration = long_layout.open_narration(studio, session.visit, narration_id)
    assert narration.options.loudness_lufs is None
    settings = {**message["settings"], "pronunciations": "five = fife", "speed": 1.5}
    (message,) = told(long_texts.lay_out(studio, session, FORM, {**asked, "settings": settings}))
    narration = long_layout.open_narration(studio, session.visit, narration_id)
    assert "fife" in narration.chunk(5).spoken
    assert narration.options.generation.speed == 1.5
    assert message["settings"]["pauses"]["paragraph"] == 2.5
    assert message["written"] == TEXT


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pauses": {"turn": -1}}, "must lie in 0 to 60"),
        ({"pauses": {"turn": "long"}}, "must be a number"),
        ({"speed": 9}, "must lie in"),
        ({"loudness_lufs": 3}, "must lie in"),
        ({"pronunciations": "no equals sign"}, "is not of the form"),
        ({"cast": {"Ada": "no such voice"}}, "no such voice"),
    ],
)
def test_wrong_settings_are_a_sentence(
    studio: Studio, session: Session, settings: dict[str, Any], sentence: str
) -> None:
    asked = {"text": "Ada: Good day.\nBen: Yes.\nAda: Well.", "settings": settings}
    updates = list(long_texts.lay_out(studio, session, FORM, asked))
    assert told(updates) == []
    assert sentence in said(updates).replace("&#x27;", "'")


def test_earlier_texts_are_listed_and_removed(studio: Studio, session: Session) -> None:
    ids = [laid_out(studio, session, text)["id"] for text in ("One of them.", "The other.")]
    store = session.visit.narrations
    assert {text.id: text.title for text in store.listed()} == dict(
        zip(ids, ("One of them.", "The other."), strict=True)
    )
    folder = store.path(ids[0])
    long_texts.remove(studio, session.visit, ids[0])
    assert not folder.exists()
    assert [text.id for text in store.listed()] == ids[1:]
    with pytest.raises(InvalidInputError, match="no longer here"):
        long_texts.remove(studio, session.visit, ids[0])
    with pytest.raises(InvalidInputError, match="no longer here"):
        long_texts.remove(studio, studio.visits.session("x").visit, "../../etc")


def test_a_text_that_is_being_made_is_not_removed(studio: Studio, session: Session) -> None:
    narration_id = laid_out(studio, session)["id"]
    narration = long_layout.open_narration(studio, session.visit, narration_id)
    run = narration.run()
    next(run)
    with pytest.raises(InvalidInputError, match="Another process"):
        long_texts.remove(studio, session.visit, narration_id)
    run.close()
    long_texts.remove(studio, session.visit, narration_id)


def test_words_whose_long_text_was_removed_meanwhile_are_laid_out_anew(
    studio: Studio, session: Session
) -> None:
    gone = laid_out(studio, session)["id"]
    long_texts.remove(studio, session.visit, gone)
    asked = {"id": gone, "text": "One sentence."}
    updates = list(long_texts.lay_out(studio, session, FORM, asked))
    (message,) = told(updates)
    assert message["id"] != gone
    assert "1 chunk, about" in said(updates)
    nothing = list(long_texts.lay_out(studio, session, FORM, {"id": gone}))
    assert "no longer here" in said(nothing)


def test_a_file_that_cannot_be_read_is_called_by_its_own_name(
    studio: Studio, session: Session
) -> None:
    empty = {"name": "Chapter 1.txt", "file": ""}
    assert "Chapter 1.txt has nothing" in said(
        list(long_texts.lay_out(studio, session, FORM, empty))
    )


def test_sentences_begin_one_after_the_other(studio: Studio, session: Session) -> None:
    text = "It was late. The rain had stopped, and the road was empty. Nobody came."
    (message, *_) = told(long_texts.speak(studio, session, FORM, {"text": text}))
    for chunk in message["chunks"]:
        starts = long_texts.sentence_starts(studio, session.visit, message["id"], chunk["number"])
        assert len(starts) == len(chunk["sentences"])
        assert starts == sorted(starts)
        assert starts[0] == 0
