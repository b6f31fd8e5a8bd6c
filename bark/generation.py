"""The functions of `bark.generation` as suno-ai/bark has them, thin over the stages.

They mean official Bark: they never fall back to nano in silence, follow `torch.manual_seed`, and
compute in float32 on a CPU unless BARK_PRECISION says otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .decoding.engines import decode
from .decoding.plain import decode_uncached
from .decoding.sampling import SamplingOptions
from .errors import NothingGeneratedError, UnknownStageError
from .families import family_of
from .request import check_text
from .spec import BARK, LANGUAGES, ModelSpec
from .stages.coarse import CoarseWindows, coarse_len
from .stages.fine import generate_fine as _generate_fine
from .stages.semantic import SemanticLimits, generate_semantic
from .suno import names as _names
from .suno import settings as _settings
from .suno.codec import audio_of
from .suno.history import (
    History,
    coarse_history,
    fine_history,
    load_history,
    semantic_history,
)
from .suno.models import DefaultModels
from .suno.tokenizer import text_ids
from .suno.torchaudio import mend_torchaudio
from .terminal.progress import ProgressBar
from .tokens import TokenRule, check_tokens
from .voices.presets import OFFICIAL_VOICES
from .voices.prompt import Voice

CONTEXT_WINDOW_SIZE = BARK.fine_window_len
SEMANTIC_RATE_HZ = BARK.semantic_rate_hz
SEMANTIC_VOCAB_SIZE = BARK.semantic_vocab_size
CODEBOOK_SIZE = BARK.codebook_size
N_COARSE_CODEBOOKS = BARK.n_coarse_codebooks
N_FINE_CODEBOOKS = BARK.n_codebooks
COARSE_RATE_HZ = BARK.codec_rate_hz  # frames, as the reference counts them
SAMPLE_RATE = BARK.sample_rate
TEXT_ENCODING_OFFSET = BARK.text_offset
SEMANTIC_PAD_TOKEN = BARK.semantic_pad_token
TEXT_PAD_TOKEN = BARK.text_pad_token
SEMANTIC_INFER_TOKEN = BARK.semantic_infer_token
COARSE_SEMANTIC_PAD_TOKEN = BARK.coarse_semantic_pad_token
COARSE_INFER_TOKEN = BARK.coarse_infer_token

SUPPORTED_LANGS = list(LANGUAGES)
ALLOWED_PROMPTS = set(OFFICIAL_VOICES) | {
    name.replace("/", "\\") for name in OFFICIAL_VOICES if "/" in name
}

_STAGES = ("text", "coarse", "fine")
CUR_PATH = str(Path(__file__).resolve().parent)
logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    # CACHE_DIR and the like: the environment is read when one is asked for, not at import.
    if name in _settings.NAMES:
        return _settings.setting(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# The state that suno-ai/bark's functions share: they take no model, and programs reach into it.
models: dict[str, Any] = {}
models_devices: dict[str, str] = {}
_models = DefaultModels(globals())

# What programs import besides, under the names that it has there.
autocast = _names.autocast
InferenceContext = _names.InferenceContext
REMOTE_MODEL_PATHS = _names.REMOTE_MODEL_PATHS
_clear_cuda_cache = _names.clear_cuda_cache
_detokenize = _names.detokenize
_flatten_codebooks = _names.flatten_codebooks
_inference_mode = _names.inference_mode
_normalize_whitespace = _names.normalize
_tokenize = _names.tokenize
_download = _models.download
_get_ckpt_path = _models.checkpoint_path
_grab_best_device = _models.best_device
_load_codec_model = _models.load_codec


def _load_model(
    ckpt_path: str, device: str, use_small: bool = False, model_type: str = "text"
) -> nn.Module | dict[str, Any]:
    _check_stage(model_type)
    loaded: nn.Module | dict[str, Any] = _models.load_checkpoint(
        ckpt_path, device, use_small, model_type
    )
    return loaded


def _load_history_prompt(history_prompt_input: Voice) -> Mapping[str, Any] | None:
    return load_history(history_prompt_input, BARK)


def read_history(history_prompt: Voice, part: str) -> History | None:
    """A history prompt's arrays, read once for all stages, each of which checks what it reads.

    Args:
        part: the first of "text", "coarse" and "fine" that reads it; its family's voices are known.

    Raises:
        VoiceNotFoundError, VoiceError: there is none, or it is no voice at all.
    """
    return None if history_prompt is None else load_history(history_prompt, _models.spec(part))


def load_model(
    use_gpu: bool = True,
    use_small: bool = False,
    force_reload: bool = False,
    model_type: str = "text",
) -> nn.Module | dict[str, Any]:
    """Loads a stage's model and uses it from now on.

    Returns:
        the model; for "text" a dict with "model" and "tokenizer".

    Raises:
        UnknownStageError: `model_type` is not "text", "coarse" or "fine".
    """
    _check_stage(model_type)
    loaded: nn.Module | dict[str, Any] = _models.load(
        model_type, use_gpu=use_gpu, use_small=use_small, force=force_reload
    )
    return loaded


mend_torchaudio()  # programs import encodec and torchaudio after this module


def _check_stage(model_type: str) -> None:
    if model_type not in _STAGES:
        raise UnknownStageError(
            f"Unknown model_type {model_type!r}; use one of {', '.join(_STAGES)}."
        )


def load_codec_model(use_gpu: bool = True, force_reload: bool = False) -> Any:
    """Loads the codec and uses it from now on.

    Returns:
        an `encodec.EncodecModel` at 6 kbit/s; for nano its own codec.
    """
    return _models.load("codec", use_gpu=use_gpu, use_small=False, force=force_reload)


def preload_models(
    text_use_gpu: bool = True,
    text_use_small: bool = False,
    coarse_use_gpu: bool = True,
    coarse_use_small: bool = False,
    fine_use_gpu: bool = True,
    fine_use_small: bool = False,
    codec_use_gpu: bool = True,
    force_reload: bool = False,
) -> None:
    """Loads all stages, each in the size and on the device asked for."""
    load_model(text_use_gpu, text_use_small, force_reload, "text")
    load_model(coarse_use_gpu, coarse_use_small, force_reload, "coarse")
    load_model(fine_use_gpu, fine_use_small, force_reload, "fine")
    load_codec_model(codec_use_gpu, force_reload)


def clean_models(model_key: str | None = None) -> None:
    """Forgets loaded models: one of "text", "coarse", "fine", "codec", or all."""
    _models.clear(model_key)


def generate_text_semantic(
    text: str,
    history_prompt: Voice = None,
    temp: float = 0.7,
    top_k: int | None = None,
    top_p: float | None = None,
    silent: bool = False,
    min_eos_p: float | None = 0.2,
    max_gen_duration_s: float | None = None,
    allow_early_stop: bool = True,
    use_kv_caching: bool = False,
) -> np.ndarray:
    """Semantic tokens of a text.

    Args:
        history_prompt: a voice: name, .npz path or dict of arrays.
        temp, top_k, top_p: how tokens are sampled; temp 0 takes the most probable.
        silent: no progress bar.
        min_eos_p: ends as soon as the end is that probable.
        max_gen_duration_s: ends once the speech is longer.
        use_kv_caching: reads each token once instead of all of them for every new one; the
            tokens are the same.

    Returns:
        (T_s,) int64 in [0, 10000), 49.9 Hz.
    """
    part, spec = _models.get("text"), _models.spec("text")
    history = semantic_history(load_history(history_prompt, spec), spec)
    limits = SemanticLimits(min_eos_p, max_gen_duration_s, allow_early_stop)
    ids = text_ids(part["tokenizer"], check_text(text), spec.text_len)
    with _models.computing("text") as model:
        steps = generate_semantic(
            model,
            spec,
            [ids],
            histories=[history],
            sampling=SamplingOptions(temp, top_k, top_p),
            limits=limits,
            generators=[None],
            engine=decode if use_kv_caching else decode_uncached,
        )
        tokens: np.ndarray = _finish(steps, "semantic", limits.max_tokens(spec), silent)[0].tokens
        return tokens


def generate_coarse(
    x_semantic: np.ndarray,
    history_prompt: Voice = None,
    temp: float = 0.7,
    top_k: int | None = None,
    top_p: float | None = None,
    silent: bool = False,
    max_coarse_history: int = 630,
    sliding_window_len: int = 60,
    use_kv_caching: bool = False,
) -> np.ndarray:
    """Codes of the first two codebooks.

    Args:
        x_semantic: (T_s,) int in [0, 10000).
        max_coarse_history: flattened coarse tokens looked back on, 60 to 630.
        sliding_window_len: tokens made before the window moves.

    Returns:
        (2, T) int64 in [0, 1024), 75 Hz.

    Raises:
        NothingGeneratedError: `x_semantic` is empty.
        InvalidInputError: it is not semantic tokens, or a length does not fit.
    """
    spec = _models.spec("coarse")
    semantic = check_semantic(x_semantic, spec)
    history = coarse_history(load_history(history_prompt, spec), spec)
    with _models.computing("coarse") as model:
        steps = family_of(spec).generate_coarse(
            model,
            spec,
            [semantic],
            histories=[history],
            sampling=SamplingOptions(temp, top_k, top_p),
            windows=CoarseWindows(max_coarse_history, sliding_window_len),
            generators=[None],
            engine=decode if use_kv_caching else decode_uncached,
        )
        codes: np.ndarray = _finish(steps, "coarse", coarse_len(spec, len(semantic)), silent)[0]
        return codes


def generate_fine(
    x_coarse_gen: np.ndarray,
    history_prompt: Voice = None,
    temp: float | None = 0.5,
    silent: bool = True,
) -> np.ndarray:
    """Codes of all eight codebooks.

    Args:
        x_coarse_gen: (n, T) int in [0, 1024), 1 <= n < 8, at least one frame.
        temp: None or 0 takes the most probable code.

    Returns:
        (8, T) int64 in [0, 1024).
    """
    spec = _models.spec("fine")
    codes = check_tokens(
        x_coarse_gen, TokenRule.fine(spec, "x_coarse_gen", n_rows=range(1, spec.n_codebooks))
    )
    history = fine_history(load_history(history_prompt, spec), spec)
    with _models.computing("fine") as model:
        steps = _generate_fine(
            model, spec, [codes], histories=[history], temperature=temp, generators=[None]
        )
        all_codes: np.ndarray = _finish(steps, "fine", None, silent)[0]
        return all_codes


def codec_decode(fine_tokens: np.ndarray) -> np.ndarray:
    """Audio of codes: (n, T) int in [0, 1024), n up to 8 -> (T * 320,) float32, 24 kHz."""
    spec = _models.spec("codec")
    codes = check_tokens(
        fine_tokens, TokenRule.fine(spec, "fine_tokens", n_rows=range(1, spec.n_codebooks + 1))
    )
    with _models.computing("codec") as codec:
        return audio_of(codec, codes)


def check_semantic(tokens: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """Semantic tokens as int64; raises where they are none."""
    if np.shape(tokens) == (0,):
        raise NothingGeneratedError(
            "There are no semantic tokens, because the model stopped before it began; "
            "try another seed or a longer text."
        )
    return check_tokens(tokens, TokenRule.semantic(spec, "x_semantic"))


@torch.inference_mode()
def _finish(steps: Generator[Any, None, Any], stage: str, total: int | None, silent: bool) -> Any:
    """Runs a stage to its end behind a progress bar and returns its result."""
    with ProgressBar(silent=silent) as bar:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            done, out_of = step if isinstance(step, tuple) else (step, total or step)
            bar.update(stage, done, out_of)
