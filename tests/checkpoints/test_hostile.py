"""Checkpoints, configs and vocabularies that a stranger made: refused before they cost anything."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bark.checkpoints import huggingface, nano, suno
from bark.checkpoints.pickle_check import check_pickle
from bark.checkpoints.registry import packaged_nano_dir, resolve_model
from bark.checkpoints.torch_file import named_tensors, read_safetensors, read_torch_file
from bark.errors import BarkError, CheckpointError
from bark.spec import BARK
from bark.text.bert import N_TOKENS, BertTokenizer
from bark.text.english.lexicon import Lexicon


class Calls:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def nested_tuple(depth: int) -> tuple:
    """As many tuples as `depth`; its hash takes 2**depth steps."""
    value: tuple = ()
    for _ in range(depth):
        value = (value, value)
    return value


def raw_archive(path: Path, pickled: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return path


def with_pickle(path: Path, content: Any) -> Path:
    return raw_archive(path, pickle.dumps(content, 2))


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "a program": lambda path: with_pickle(path, Calls(os.system, "true")),
    "a gigabyte of zeros": lambda path: with_pickle(path, Calls(bytearray, 10**9)),
    "a key whose hash never ends": lambda path: raw_archive(
        path, b"\x80\x02}" + pickle.dumps(nested_tuple(60), 2)[2:-1] + b"K\x01s."
    ),
    "the same by an ordered dict": lambda path: with_pickle(
        path, Calls(OrderedDict, [(nested_tuple(60), 1)])
    ),
    "a sparse tensor": lambda path: torch.save({"x": torch.eye(3).to_sparse()}, path),
    "a pickle cut in two": lambda path: raw_archive(path, pickle.dumps({"a": 1}, 2)[:-3]),
    "operations without end": lambda path: raw_archive(path, b"\x80\x02" + b"N" * 2_000_000 + b"."),
    "a compressed pickle": lambda path: raw_archive(
        path, pickle.dumps("a" * 10**7, 2), zipfile.ZIP_DEFLATED
    ),
    "a pickle that takes from nothing": lambda path: raw_archive(path, b"\x80\x02s."),
    "two levels of archive": lambda path: zip_of(path, {"a/data.pkl": b"N.", "b/data.pkl": b"N."}),
    "no pickle": lambda path: zip_of(path, {"archive/version": b"3"}),
    "nothing": lambda path: path.write_bytes(b""),
    "a tape archive": lambda path: path.write_bytes(b"sys_info" + bytes(600)),
    "a bare pickle": lambda path: path.write_bytes(pickle.dumps({"model": {}}, 2)),
    "a folder": lambda path: path.mkdir(),
}


def zip_of(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_torch_file_that_is_no_checkpoint_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "text.pt"
    HOSTILE[kind](path)
    with pytest.raises(CheckpointError) as refused:
        read_torch_file(path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_what_torch_saves_passes_in_both_of_its_formats(tmp_path: Path) -> None:
    values = {
        "model": OrderedDict(a=torch.randn(3, 4), b=torch.nn.Parameter(torch.randn(2).half())),
        "model_args": {"n_layer": 2, "dropout": 0.0, "bias": False, "x": None},
        "betas": (0.9, 0.95),
        "best_val_loss": torch.tensor(1.5).numpy()[()],
        0: [1, 2, (3, [4])],
    }
    for modern in (True, False):
        path = tmp_path / f"{modern}.pt"
        torch.save(values, path, _use_new_zipfile_serialization=modern)
        read = read_torch_file(path)
        assert torch.equal(read["model"]["a"], values["model"]["a"])
        assert read[0] == values[0]


def test_a_few_bytes_that_say_they_are_many_are_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "text.pt"
    torch.save({"x": torch.zeros(1).expand(10**9)}, path)
    with pytest.raises(CheckpointError, match="many times what it holds"):
        named_tensors(read_torch_file(path), path)
    torch.save({"x": torch.empty(10, device="meta")}, path)
    with pytest.raises(CheckpointError):
        named_tensors(read_torch_file(path), path)


@pytest.mark.parametrize(
    "sizes",
    [
        {"n_layer": 10**30, "n_head": 2, "n_embd": 16},
        {"n_layer": 10**6, "n_head": 2, "n_embd": 16},
        {"n_layer": 2, "n_head": 10**9, "n_embd": 10**9},
        {"n_layer": 2, "n_head": [[[[]]]], "n_embd": 16},
        {"n_layer": 2, "n_head": -1, "n_embd": 16},
        {"n_layer": True, "n_head": 2, "n_embd": 16},
        {7: 8, "n_layer": 2},
        {"x" * 10_000: 1},
    ],
)
def test_sizes_that_no_model_has_are_refused_in_a_short_sentence(
    tmp_path: Path, sizes: dict[Any, Any]
) -> None:
    path = tmp_path / "text.pt"
    weights = {"transformer.wte.weight": torch.zeros(129_600, 16)}
    full = {"block_size": 1_024, "input_vocab_size": 129_600, "output_vocab_size": 10_048, **sizes}
    torch.save({"model": weights, "model_args": full}, path)
    with pytest.raises(CheckpointError) as refused:
        suno.read_stage(path, "text")
    assert len(str(refused.value)) < 500


CONFIGS = {
    "infinity": '{"model": {"vocab": {"[UNK]": Infinity}}}',
    "a fraction": '{"model": {"vocab": {"[UNK]": 1.5}}}',
    "true": '{"model": {"vocab": {"[UNK]": true}}}',
    "below nothing": '{"model": {"vocab": {"[UNK]": -1}}}',
    "past the vocabulary": '{"model": {"vocab": {"[UNK]": 999999}}}',
    "a very long number": '{"model": {"vocab": {"[UNK]": ' + "9" * 5_000 + "}}}",
    "half a character": '{"model": {"vocab": {"[UNK]": 0, "\\ud800": 1}}}',
    "a list": '{"model": {"vocab": ["[UNK]"]}}',
    "deep lists": "[" * 200_000,
    "deep objects": '{"model":' * 100_000,
    "no object": "7",
    "no JSON": "\x00\x01",
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_vocabulary_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(CONFIGS[kind])
    with pytest.raises(CheckpointError, match="cannot be read as a tokenizer"):
        BertTokenizer.from_file(path)


def test_a_vocabulary_fills_the_room_that_bark_has_for_it() -> None:
    assert BARK.text_pad_token - BARK.text_offset == N_TOKENS


def test_a_vocabulary_is_not_read_when_it_is_too_large_or_no_file(tmp_path: Path) -> None:
    large, pipe = tmp_path / "tokenizer.json", tmp_path / "vocab.txt"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    paths = [large]
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
        paths.append(pipe)
    for path in paths:
        with pytest.raises(CheckpointError):
            BertTokenizer.from_file(path)


def changed_nano(folder: Path, stage: str, **changes: Any) -> Path:
    for path in packaged_nano_dir().iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((folder / "config.json").read_text())
    config[stage].update(changes)
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("stage", ["text", "coarse", "fine"])
@pytest.mark.parametrize(
    "changes",
    [
        {"n_layer": 10**6},
        {"n_layer": 0},
        {"block_size": 0},
        {"block_size": 10**30},
        {"n_embd": "256"},
        {"n_head": 7},
        {"n_head": None},
        {"bias": 7},
        {"dropout": "x"},
        {"position_sizes": [10**9]},
        {"position_sizes": "ab"},
        {"position_sizes": [[1]]},
        {"unheard_of": 1},
    ],
)
def test_a_config_of_nanos_that_fits_no_model_is_refused(
    tmp_path: Path, stage: str, changes: dict[str, Any]
) -> None:
    folder = changed_nano(tmp_path, stage, **changes)
    with pytest.raises(CheckpointError) as refused:
        nano.read_stage(folder, stage)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("text", ["[" * 200_000, "7", '{"text": 7}', "{}", "\x00"])
def test_a_damaged_config_is_refused_in_either_layout(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError):
        huggingface.read_stage(tmp_path / "model.safetensors", tmp_path / "config.json", "text")
    with pytest.raises(CheckpointError):
        nano.read_stage(tmp_path, "text")
    with pytest.raises(BarkError):
        resolve_model(tmp_path, offline=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 1 << 26) + b" " * (1 << 26),
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 100) + b"[" * 100,
        struct.pack("<Q", 2**63) + b"{}",
    ],
)
def test_a_damaged_safetensors_file_is_refused_before_its_header_is_read(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "text.safetensors"
    path.write_bytes(content)
    if content[8:] == b"{}" and content[0] == 2:
        assert read_safetensors(path) == {}
    else:
        with pytest.raises(CheckpointError):
            read_safetensors(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"words": "a", "phones": "a b"}', '{"words": 1, "phones": 2}', "[" * 100_000,
     '{"words": "a", "phones": "~"}'],
)  # fmt: skip
def test_a_damaged_lexicon_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lexicon.json").write_text(text)
    with pytest.raises(CheckpointError, match="is no lexicon"):
        Lexicon.load(tmp_path / "lexicon.json")


def test_a_codec_with_parts_of_another_shape_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensors = read_safetensors(packaged_nano_dir() / "codec.safetensors")
    for name in tensors:
        save_file({**tensors, name: torch.zeros(3)}, tmp_path / "codec.safetensors")
        with pytest.raises(CheckpointError, match="lacks a part"):
            nano.read_codec(tmp_path)


def test_the_check_of_a_pickle_takes_what_the_official_files_hold(tmp_path: Path) -> None:
    state = {
        "optimizer": {
            "state": {0: {"step": 3, "exp_avg": torch.zeros(2)}},
            "param_groups": [{"lr": 0.1, "betas": (0.9, 0.9), "params": [0, 1]}],
        },
        "iter_num": 7,
        "config": {"a": None, "b": [1.5], "c": ""},
    }
    path = tmp_path / "a.pt"
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive, archive.open("a/data.pkl") as stream:
        check_pickle(stream)  # type: ignore[arg-type]
