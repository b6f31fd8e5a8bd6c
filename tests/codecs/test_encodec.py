"""The codec against the encodec package's own decoder, and its import without torchaudio."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bark.codecs.encodec import EncodecCodec, new_encodec_model
from bark.errors import CheckpointError, InvalidInputError


@pytest.fixture(scope="module")
def original() -> Any:
    """encodec's own model, with weight norms whose magnitudes are not those of the directions."""
    torch.manual_seed(0)
    model = new_encodec_model()
    for name, parameter in model.named_parameters():
        if name.endswith("weight_g"):
            parameter.data.mul_(torch.rand_like(parameter) + 0.5)
    for layer in model.quantizer.vq.layers:
        layer._codebook.embed.normal_()
        layer._codebook.inited.fill_(1)
    return model.eval()


@pytest.fixture(scope="module")
def codec(original: Any) -> EncodecCodec:
    return EncodecCodec.from_weights(original.state_dict(), source="the test")


def random_codes(n_codebooks: int = 8, n_frames: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1_024, (n_codebooks, n_frames))


@pytest.mark.parametrize("n_codebooks", [2, 8])
def test_decoding_equals_encodecs_own(original: Any, codec: EncodecCodec, n_codebooks: int) -> None:
    codes = random_codes(n_codebooks)
    with torch.no_grad():
        expected = original.decode([(torch.from_numpy(codes)[None], None)])[0, 0].numpy()
    audio = codec.decode(codes)
    assert audio.dtype == np.float32
    assert audio.shape == (30 * 320,)
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(audio, expected, atol=1e-5)


@pytest.mark.parametrize(("start", "stop"), [(0, 7), (1, 110), (9, 10), (100, 110), (90, None)])
def test_a_part_is_what_the_whole_has_there(
    codec: EncodecCodec, start: int, stop: int | None
) -> None:
    codes = random_codes(n_frames=120)
    whole = codec.decode(codes)[start * 320 : stop * 320 if stop else None]
    part = codec.decode(codes, start, stop)
    assert part.shape == whole.shape
    np.testing.assert_allclose(part, whole, atol=1e-6)


@pytest.mark.parametrize("n_at_once", [1, 2, 50, 119])
def test_a_long_clip_is_convolved_in_pieces(
    codec: EncodecCodec, n_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = random_codes(n_frames=120)
    whole = codec.decode(codes)
    longest = 0
    first_convolution = codec._layers[2]

    def watch(module: Any, inputs: tuple[Tensor, ...]) -> None:
        nonlocal longest
        longest = max(longest, inputs[0].shape[-1])

    monkeypatch.setattr("bark.codecs.encodec._FRAMES_AT_ONCE", n_at_once)
    handle = first_convolution.register_forward_pre_hook(watch)
    pieces = codec.decode(codes)
    handle.remove()
    assert pieces.shape == whole.shape
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    assert longest <= n_at_once + 2


@pytest.mark.parametrize("n_samples", [1, 320, 5_000])
def test_encoding_equals_encodecs_own(original: Any, codec: EncodecCodec, n_samples: int) -> None:
    audio = np.random.default_rng(1).uniform(-0.5, 0.5, n_samples).astype(np.float32)
    original.set_target_bandwidth(6.0)
    with torch.no_grad():
        expected = original.encode(torch.from_numpy(audio)[None, None])[0][0][0].numpy()
    codes = codec.encode(audio)
    assert codes.shape == (8, -(-n_samples // 320))
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, expected)


def test_new_names_of_the_weight_norm_give_the_same_audio(
    original: Any, codec: EncodecCodec
) -> None:
    renamed = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): tensor
        for name, tensor in original.state_dict().items()
    }
    other = EncodecCodec.from_weights(renamed, source="the test")
    np.testing.assert_array_equal(other.decode(random_codes()), codec.decode(random_codes()))


def test_no_weight_norm_and_no_training_state_stay(codec: EncodecCodec) -> None:
    names = codec._parts.state_dict()
    assert not [n for n in names if "weight_g" in n or "original" in n or "embed_avg" in n]
    assert sum("_codebook" in name for name in names) == 8


def test_all_integer_types_and_column_order_are_taken(codec: EncodecCodec) -> None:
    codes = random_codes(n_frames=5)
    expected = codec.decode(codes)
    for other in (codes.astype(np.uint16), codes.astype(np.int32), np.asfortranarray(codes)):
        np.testing.assert_array_equal(codec.decode(other), expected)


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        (np.zeros((8, 0), int), "is empty"),
        (np.zeros((9, 5), int), r"shape \(9, 5\)"),
        (np.zeros(5, int), r"shape \(5,\)"),
        (np.full((8, 5), 0.5), "dtype float64"),
        (np.full((8, 5), 1_024), "from 1024 to 1024"),
        (np.full((8, 5), -1), "from -1 to -1"),
    ],
)
def test_codes_that_are_none_are_refused(
    codec: EncodecCodec, codes: np.ndarray, sentence: str
) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        codec.decode(codes)


@pytest.mark.parametrize(
    "audio", [np.zeros(0, np.float32), np.zeros((2, 9)), np.zeros(9, np.int16), np.full(9, np.nan)]
)
def test_audio_that_is_none_is_refused(codec: EncodecCodec, audio: np.ndarray) -> None:
    with pytest.raises(InvalidInputError):
        codec.encode(audio)


def test_decoding_keeps_no_gradients(codec: EncodecCodec) -> None:
    assert not any(p.requires_grad for p in codec._parts.parameters())


def test_a_state_with_other_names_or_shapes_is_refused(original: Any) -> None:
    weights: dict[str, Tensor] = dict(original.state_dict())
    bias = "decoder.model.0.conv.conv.bias"
    with pytest.raises(CheckpointError, match=r"lacks decoder\.model\.0\.conv"):
        EncodecCodec.from_weights({k: v for k, v in weights.items() if k != bias}, source="x.th")
    with pytest.raises(CheckpointError, match="has more that"):
        EncodecCodec.from_weights({**weights, "more": torch.zeros(1)}, source="x.th")
    with pytest.raises(CheckpointError, match=r"of shape \(3,\)"):
        EncodecCodec.from_weights({**weights, bias: torch.zeros(3)}, source="x.th")


_SCRIPT = """
import sys
from pathlib import Path
if {folder!r}:
    sys.path.insert(0, {folder!r})
from bark.codecs.encodec import EncodecCodec, new_encodec_model
import numpy as np
codec = EncodecCodec.from_weights(new_encodec_model().state_dict(), source="x")
codec.decode(np.zeros((8, 2), int))
assert "torchaudio" not in sys.modules, "a module was left behind"
import encodec.utils
try:
    print(encodec.utils.torchaudio.transforms)
except (ImportError, OSError) as error:
    print("not there:", error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("transforms = 'the real one'", "the real one"),
        ("raise OSError('libc10_cuda.so: cannot open')", "not there: libc10_cuda.so"),
        ("raise ImportError('no torchaudio')", "not there: no torchaudio"),
    ],
)
def test_the_codec_loads_whatever_the_state_of_torchaudio(
    source: str, printed: str, tmp_path: Any
) -> None:
    (tmp_path / "torchaudio.py").write_text(source)
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(folder=str(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(printed)
