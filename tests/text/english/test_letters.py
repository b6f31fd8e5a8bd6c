"""Words outside the lexicon, read from their letters."""

import hashlib
from pathlib import Path

import pytest

from bark.errors import CheckpointError
from bark.text.english.letters import LETTERS_PATH, MAX_LETTERS, LetterReader
from bark.text.english.lexicon import Lexicon, phone_names
from bark.text.nano import NanoTokenizer

READER = LetterReader.from_file()


def held_out(words: list[str]) -> list[str]:
    """The hundredth that the model never saw (`training.corpus.is_held_out`)."""
    return [w for w in words if int(hashlib.sha256(w.encode()).hexdigest(), 16) % 100 == 0]


def test_two_of_three_words_it_never_saw_are_read_as_the_lexicon_says() -> None:
    lexicon = Lexicon.load()
    words = held_out(lexicon.words())
    right = [READER.phones(word) == lexicon.phones(word) for word in words]
    assert sum(right) >= 0.64 * len(words)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("blimtop", "b l ih1 m t aa1 p"),
        ("skibidi", "s k ih0 b iy1 d iy0"),
        ("phrandle", "f r ae1 n d ax0 l"),
    ],
)
def test_made_up_words_are_read_as_english(word: str, said: str) -> None:
    assert " ".join(phone_names(READER.phones(word) or ())) == said


@pytest.mark.parametrize("word", ["", "naïve", "two words", "Upper", "x" * (MAX_LETTERS + 1)])
def test_what_is_no_word_is_not_read(word: str) -> None:
    assert READER.phones(word) is None


def test_a_word_is_read_once_for_all_measures_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = LetterReader.from_file()
    said = reader.phones("blimtop")
    monkeypatch.setattr(reader, "_encode", None)
    assert reader.phones("blimtop") == said


def test_the_possessive_of_an_unknown_word_follows_by_rule() -> None:
    tokenizer = NanoTokenizer.from_file()
    one, of_one = (tokenizer.encode(text).ids for text in ("blimtop", "blimtop's"))
    assert list(of_one[: len(one)]) == list(one)
    assert len(of_one) == len(one) + 1


def test_missing_and_damaged_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="reinstall"):
        LetterReader.from_file(tmp_path / "none.safetensors")
    broken = tmp_path / "letters.safetensors"
    broken.write_bytes(LETTERS_PATH.read_bytes()[:5_000])
    with pytest.raises(CheckpointError, match="install this package again"):
        LetterReader.from_file(broken)
