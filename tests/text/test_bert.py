"""The BERT tokenizer against transformers' own, and what it reports as cut."""

from __future__ import annotations

import importlib.machinery
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bark.errors import CheckpointError, WeightsNotFoundError
from bark.text.bert import BertTokenizer, cut
from tests.tiny import tiny_vocabulary


@pytest.fixture(scope="module")
def oracle() -> Iterator[Any]:
    """transformers' cased BertTokenizer."""
    pytest.importorskip("tokenizers")
    had = sys.modules.get("torchaudio")
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # a CUDA build would not import
    sys.modules["torchaudio"].__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    transformers = pytest.importorskip("transformers")
    yield transformers.BertTokenizer(vocab=dict(tiny_vocabulary()), do_lower_case=False)
    sys.modules.pop("torchaudio")
    if had is not None:
        sys.modules["torchaudio"] = had


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizer:
    return BertTokenizer(tiny_vocabulary())


WORDS = st.sampled_from(
    (
        "Hello hello HELLO world naïve Grüße ÅNGSTRÖM 東京 大阪 です привет नमस्ते 안녕 مرحبا ไทย 😀 "
        "👩\u200d👧 [MASK] [SEP] don't ... — ♪ [laughs] \u0301 e\u0301 \u200b \x00 \x07 \ufffd "
        "\u00a0 \t \n ## ##lo x1y2"
    ).split(" ")
)
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=12).flatmap(
    lambda words: st.sampled_from(["", " ", "\n"]).map(lambda gap: gap.join(words))
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("Hello, HELLO world [MASK]東京です 😀")
@example("a" * 101)
def test_ids_equal_those_of_transformers_cased_tokenizer(
    oracle: Any, tokenizer: BertTokenizer, text: str
) -> None:
    encoded = tokenizer.encode(text)
    assert encoded.ids.tolist() == oracle.encode(encoded.text, add_special_tokens=False)
    assert len(encoded.spans) == len(encoded.ids)


def test_capitals_are_kept(tokenizer: BertTokenizer) -> None:
    assert tokenizer.encode("HELLO").ids.tolist() != tokenizer.encode("hello").ids.tolist()


def test_spans_name_the_characters_of_each_token(tokenizer: BertTokenizer) -> None:
    encoded = tokenizer.encode("  Hello\n\n wörld!  ")
    assert encoded.text == "Hello wörld!"
    pieces = [encoded.text[start:end] for start, end in encoded.spans]
    assert "".join(pieces) == "Hellowörld!"
    assert encoded.ids.dtype == np.int64


def test_all_three_kinds_of_file_give_the_same_ids(tmp_path: Path) -> None:
    import tokenizers

    vocabulary = tiny_vocabulary()
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (tmp_path / "bare.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    # A file that asks for lower case, as a careless conversion of vocab.txt does.
    lowering = tokenizers.BertWordPieceTokenizer(dict(vocabulary), lowercase=True)
    lowering.save(str(tmp_path / "tokenizer.json"))
    text = "Hello WORLD naïve 東京"
    ids = [
        BertTokenizer.from_file(tmp_path / name).encode(text).ids.tolist()
        for name in ("vocab.txt", "bare.txt", "tokenizer.json")
    ]
    assert ids[0] == ids[1] == ids[2] == BertTokenizer(vocabulary).encode(text).ids.tolist()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", b"{"),
        ("tokenizer.json", json.dumps({"model": {"vocab": []}}).encode()),
        ("tokenizer.json", b"[]"),
        ("vocab.txt", b"\xff\xfe\x00"),
        ("vocab.txt", b"a\nb\n"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        BertTokenizer.from_file(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"vocab\.txt"):
        BertTokenizer.from_file(tmp_path / "vocab.txt")


def test_nothing_is_cut_from_a_text_that_fits(tokenizer: BertTokenizer) -> None:
    encoded = tokenizer.encode("hello world")
    assert cut(encoded, len(encoded)) == (encoded, "")


def test_cut_text_begins_with_the_first_word_that_is_not_whole(tokenizer: BertTokenizer) -> None:
    encoded = tokenizer.encode("one two unpronounceable three")
    within = next(i for i, (start, _) in enumerate(encoded.spans) if start > len("one two un"))
    kept, lost = cut(encoded, within)
    assert lost == "unpronounceable three"
    assert len(kept) == within
    assert kept.ids.tolist() == encoded.ids.tolist()[:within]


def test_each_ideograph_counts_as_a_word(tokenizer: BertTokenizer) -> None:
    encoded = tokenizer.encode("東京大阪")
    assert cut(encoded, 2)[1] == "大阪"
