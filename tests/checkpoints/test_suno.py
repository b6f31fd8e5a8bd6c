"""suno-ai/bark's files: what is read of them, and what is refused with which sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bark.checkpoints.suno import read_codec, read_stage
from bark.errors import CheckpointError, WeightsNotFoundError
from tests.tiny import BLOCK_SIZE, VOCABULARIES, WIDTH, codec_weights, stage_weights, write_stage


@pytest.mark.parametrize("stage", VOCABULARIES)
def test_a_stage_has_the_files_weights_and_sizes(stage: str, tmp_path: Path) -> None:
    model = read_stage(write_stage(tmp_path / "x.pt", stage), stage)
    expected = stage_weights(stage)
    found = model.state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (model.config.n_layer, model.config.n_head, model.config.n_embd) == (2, 2, WIDTH)
    sizes = model.config.input_vocab_size, model.config.output_vocab_size
    assert sizes == VOCABULARIES[stage]


@pytest.mark.parametrize("stage", VOCABULARIES)
def test_a_loaded_model_is_ready_for_inference(stage: str, tmp_path: Path) -> None:
    model = read_stage(write_stage(tmp_path / "x.pt", stage), stage)
    assert not model.training
    for parameter in model.parameters():
        assert parameter.dtype == torch.float32
        assert parameter.device.type == "cpu"
        assert not parameter.requires_grad


def test_fine_heads_are_tied_to_the_embeddings(tmp_path: Path) -> None:
    model = read_stage(write_stage(tmp_path / "fine.pt", "fine"), "fine")
    for i, head in enumerate(model.lm_heads):
        assert model.transformer["wtes"][i + 1].weight is head.weight
    codes = torch.randint(0, 1_024, (1, 6, 8))
    assert torch.isfinite(model(3, codes)).all()


def test_a_file_with_one_name_of_the_tied_tensors_is_enough(tmp_path: Path) -> None:
    weights = stage_weights("fine")
    for dropped in ("lm_heads.", "transformer.wtes.3"):
        kept = {name: w for name, w in weights.items() if not name.startswith(dropped)}
        model = read_stage(write_stage(tmp_path / "fine.pt", "fine", model=kept), "fine")
        assert torch.equal(model.lm_heads[2].weight, weights["lm_heads.2.weight"])


def test_biases_follow_the_files_model_args(tmp_path: Path) -> None:
    weights = dict(stage_weights("coarse"))
    for name in list(weights):
        if "attn" in name or "mlp" in name or "ln_" in name:
            weights[name.replace(".weight", ".bias")] = torch.ones(weights[name].shape[0])
    args = {
        "n_layer": 2,
        "n_head": 2,
        "n_embd": WIDTH,
        "block_size": BLOCK_SIZE,
        "vocab_size": 12_096,
        "bias": True,
    }
    path = write_stage(tmp_path / "coarse.pt", "coarse", model=weights, model_args=args)
    model = read_stage(path, "coarse")
    assert torch.equal(model.transformer["h"][1].attn.c_attn.bias, torch.ones(3 * WIDTH))


def test_tensors_stay_in_the_mapped_file(tmp_path: Path) -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc")
    path = write_stage(tmp_path / "mapped.pt", "text")
    model = read_stage(path, "text")
    address = model.transformer["wte"].weight.data_ptr()
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(number, 16) for number in line.split()[0].split("-"))
        if low <= address < high:
            assert line.endswith("mapped.pt")
            return
    pytest.fail("the weight lies in no mapping")


def test_half_precision_files_are_loaded_as_float32(tmp_path: Path) -> None:
    weights = {name: weight.half() for name, weight in stage_weights("coarse").items()}
    model = read_stage(write_stage(tmp_path / "c.pt", "coarse", model=weights), "coarse")
    assert model.lm_head.weight.dtype == torch.float32
    assert torch.equal(model.lm_head.weight, weights["lm_head.weight"].float())


def test_loading_leaves_the_callers_random_stream_alone(tmp_path: Path) -> None:
    path = write_stage(tmp_path / "fine.pt", "fine")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    read_stage(path, "fine")
    assert torch.rand(1) == expected


@pytest.mark.slow
def test_loading_does_not_import_torchs_compiler(tmp_path: Path) -> None:
    path = write_stage(tmp_path / "fine.pt", "fine")
    script = (
        "import sys; from pathlib import Path; from bark.checkpoints.suno import read_stage; "
        "read_stage(Path(sys.argv[1]), 'fine'); print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


def test_a_file_of_before_torch_1_6_is_read(tmp_path: Path) -> None:
    args = {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 1_024, "vocab_size": 12_096}
    content = {"model": stage_weights("coarse"), "model_args": args}
    torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert read_stage(tmp_path / "old.pt", "coarse").config.n_layer == 2


@pytest.mark.parametrize(
    ("held", "asked"), [("coarse", "text"), ("fine", "text"), ("text", "coarse"), ("text", "fine")]
)
def test_a_file_of_another_stage_is_refused(held: str, asked: str, tmp_path: Path) -> None:
    path = write_stage(tmp_path / f"{asked}.pt", held)
    with pytest.raises(CheckpointError, match=f"holds a {held} model; the {asked} model was"):
        read_stage(path, asked)


class _Program:
    """A pickle of it runs a command when it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["top", "among the weights", "as the loss"])
def test_a_program_inside_a_file_is_refused_and_never_run(place: str, tmp_path: Path) -> None:
    program = _Program(tmp_path / "ran")
    changes: dict[str, Any] = {
        "top": {"config": program},
        "among the weights": {"model": {**stage_weights("coarse"), "x": program}},
        "as the loss": {"best_val_loss": program},
    }[place]
    path = write_stage(tmp_path / "coarse.pt", "coarse", **changes)
    with pytest.raises(CheckpointError, match=r"holds posix\.mkdir|holds nt\.mkdir"):
        read_stage(path, "coarse")
    assert not (tmp_path / "ran").exists()


def test_classes_outside_the_allow_list_are_refused(tmp_path: Path) -> None:
    path = write_stage(tmp_path / "coarse.pt", "coarse", config=Path("made-up"))
    with pytest.raises(CheckpointError, match="pathlib"):
        read_stage(path, "coarse")
    path = write_stage(tmp_path / "coarse.pt", "coarse", config=np.arange(3))
    with pytest.raises(CheckpointError, match=r"ndarray|_reconstruct"):
        read_stage(path, "coarse")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = write_stage(tmp_path / "coarse.pt", "coarse")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(CheckpointError, match=r"coarse\.pt is damaged or cut off"):
        read_stage(path, "coarse")


@pytest.mark.parametrize("content", [b"<html>404</html>", b"PK\x03\x04 and no more", b"\x80\x02."])
def test_bytes_that_are_no_checkpoint_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_bytes(content * 20)
    with pytest.raises(CheckpointError):
        read_stage(tmp_path / "text.pt", "text")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"text\.pt"):
        read_stage(tmp_path / "text.pt", "text")


def refusal(tmp_path: Path, stage: str = "coarse", **changes: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_stage(write_stage(tmp_path / f"{stage}.pt", stage, **changes), stage)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_missing_and_extra_keys_are_named_the_first_few(tmp_path: Path) -> None:
    weights = dict(stage_weights("coarse"))
    for i in range(2):
        del weights[f"transformer.h.{i}.ln_1.weight"], weights[f"transformer.h.{i}.ln_2.weight"]
    weights["strange"] = torch.zeros(1)
    sentence = refusal(tmp_path, model=weights)
    assert "lacks transformer.h.0.ln_1.weight, transformer.h.0.ln_2.weight" in sentence
    assert "and 1 more" in sentence
    assert "has strange" in sentence


def test_a_wrong_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    weights = {**stage_weights("coarse"), "transformer.ln_f.weight": torch.zeros(7)}
    assert "transformer.ln_f.weight of shape (7,); this model needs (32,)" in refusal(
        tmp_path, model=weights
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_layer": 3}, "has 2 layers; it says 3"),
        ({"n_layer": 10**6}, "has 2 layers; it says 1000000"),
        ({"n_head": 0}, "n_head is 0"),
        ({"n_head": 5}, "width of 32 for 5 heads"),
        ({"n_embd": "32"}, "n_embd is '32'"),
        ({"block_size": 512}, "room for 512 positions"),
        ({"vocab_size": 600}, "reads 600 and writes 600 tokens"),
        ({"surprise": 1}, "the sizes surprise"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    args = {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": 1_024, "vocab_size": 12_096}
    assert words in refusal(tmp_path, model_args={**args, **changes})


def test_other_dicts_and_things_are_refused(tmp_path: Path) -> None:
    assert "no 'model'" in refusal(tmp_path, model=None)
    assert "no 'model_args'" in refusal(tmp_path, model_args=7)
    assert "does not say its block_size" in refusal(tmp_path, model_args={"vocab_size": 12_096})
    assert "of type int" in refusal(tmp_path, model={"transformer.wte.weight": 3})
    assert "none of Bark's models" in refusal(tmp_path, model={})
    torch.save([1, 2], tmp_path / "coarse.pt")
    with pytest.raises(CheckpointError, match="holds a list"):
        read_stage(tmp_path / "coarse.pt", "coarse")


def test_the_codec_file_of_the_encodec_package_is_read(tmp_path: Path) -> None:
    torch.save(codec_weights(), tmp_path / "encodec.th")
    codec = read_codec(tmp_path / "encodec.th")
    assert codec.decode(np.zeros((8, 3), int)).shape == (960,)
    shutil.copy(write_stage(tmp_path / "coarse.pt", "coarse"), tmp_path / "wrong.th")
    with pytest.raises(CheckpointError, match=r"wrong\.th holds 'model_args'|of type dict"):
        read_codec(tmp_path / "wrong.th")
