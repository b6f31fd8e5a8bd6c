"""`bark.narrate`: pieces in order from a text, and one file from one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bark
from bark.audio.files import read_audio
from bark.errors import NothingGeneratedError

from ..fake_bark import SILENT_TEXT
from .narrating import TEXT, Hummer, options


def test_pieces_come_in_order_and_say_all_of_the_text() -> None:
    pieces = list(bark.narrate(TEXT, model=Hummer(), voice="alder", options=options()))
    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    assert " ".join(piece.text for piece in pieces).split() == TEXT.split()
    for piece in pieces:
        assert piece.audio.dtype == np.float32
        assert np.abs(piece.audio).max() <= 1
        assert piece.sample_rate == 24_000


def test_a_piece_is_there_before_the_others_are_made() -> None:
    model = Hummer()
    pieces = bark.narrate(TEXT, model=model, voice="alder", options=options())
    next(pieces)
    assert len(model.spoken) == 1


def test_the_file_is_the_pieces_and_their_pauses(tmp_path: Path) -> None:
    how = {"voice": "alder", "options": options(), "folder": tmp_path / "job"}
    pieces = list(bark.narrate(TEXT, model=Hummer(), **how))
    model = Hummer()
    joined = bark.narrate_to_file(TEXT, tmp_path / "a.flac", model=model, **how)
    assert model.spoken == []
    audio, rate = read_audio(joined.path)
    seconds = 0.3 + sum(len(p.audio) / rate + p.pause_s for p in pieces)
    assert len(audio) / rate == pytest.approx(seconds, abs=0.01)
    assert joined.missing == ()


def test_a_seed_gives_the_same_file(tmp_path: Path) -> None:
    files = [
        bark.narrate_to_file(TEXT, tmp_path / f"{i}.wav", model=Hummer(), seed=seed).path
        for i, seed in enumerate([3, 3, 4])
    ]
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_a_path_is_read_and_a_string_never_is(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("It was late.")
    [piece] = bark.narrate(path, model=Hummer(), options=options())
    assert piece.text == "It was late."
    pieces = bark.narrate(str(path), model=Hummer(), options=options())
    assert "".join(piece.text for piece in pieces) == str(path)


def test_no_file_is_written_that_lacks_a_part_of_the_text(tmp_path: Path) -> None:
    text = f"It was late.\n\n{SILENT_TEXT}"
    with pytest.raises(NothingGeneratedError, match=r"1 of the chunks gave no sound \(2\)"):
        bark.narrate_to_file(text, tmp_path / "a.wav", model=Hummer(), voice="alder",
                             options=options())  # fmt: skip
    assert list(tmp_path.iterdir()) == []
