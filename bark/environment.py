"""The one place that reads the environment, when it is first needed and never at import."""

from __future__ import annotations

import dataclasses
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import OptionError
from .files.whole_file import user_path

MODELS = ("nano", "small", "large")
PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8", "int4")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


@dataclasses.dataclass(frozen=True)
class Environment:
    """What the variables say; None where nothing was said.

    Attributes:
        model: BARK_MODEL, "nano", "small", "large" or a folder; else SUNO_USE_SMALL_MODELS.
        device: BARK_DEVICE, a torch device such as "cpu", "cuda:1", "mps".
        precision: BARK_PRECISION, one of `PRECISIONS`.
        draft: BARK_DRAFT, a smaller model that proposes tokens to larger ones of its family.
        offline: BARK_OFFLINE or HF_HUB_OFFLINE: nothing is downloaded.
        offload_cpu: SUNO_OFFLOAD_CPU: models wait on the CPU between stages.
        enable_mps: SUNO_ENABLE_MPS: Apple's GPU may be chosen without being named.
        cache_dir: where suno-ai/bark keeps its files, `$XDG_CACHE_HOME/suno/bark_v0`.
        torch_home: torch.hub's folder, where the encodec package keeps its weights.
        takes_dir: BARK_TAKES_DIR, the app's folder of takes.
        max_chars: BARK_MAX_CHARS, the longest text that the app takes.
        max_waiting: BARK_MAX_WAITING, how many may wait for the device before others are refused.
        api_key: BARK_API_KEY, what callers of /v1 must send.
        cors_origins: BARK_CORS_ORIGINS, pages that may call /v1, separated by commas.
        is_space: SYSTEM=spaces, the app runs on a Hugging Face Space.
        is_zero_gpu: SPACES_ZERO_GPU, a GPU is lent for each computation.
        native: BARK_NATIVE, whether layers may be compiled for this processor; 1 if not set.
        native_dir: where they are kept.
        native_built: BARK_NATIVE_BUILT, a folder of layers that were compiled beforehand.
        compiler: CC, the C compiler.
        fuse: BARK_FUSE, whether torch.compile fuses the small kernels of a GPU's decode steps.
    """

    model: str | None
    device: str | None
    precision: str | None
    draft: str | None
    offline: bool
    offload_cpu: bool
    enable_mps: bool
    cache_dir: Path
    torch_home: Path
    takes_dir: Path | None
    max_chars: int | None
    max_waiting: int | None
    api_key: str | None
    cors_origins: tuple[str, ...]
    is_space: bool
    is_zero_gpu: bool
    native: bool
    native_dir: Path
    native_built: Path | None
    compiler: str | None
    fuse: bool


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Reads the variables now.

    Args:
        variables: in place of `os.environ`, for tests.

    Raises:
        OptionError: a variable has a value outside what it takes.
    """
    env = os.environ if variables is None else variables
    cache_home = Path(env.get("XDG_CACHE_HOME") or home_dir() / ".cache")
    model = env.get("BARK_MODEL") or None
    if model is None and _suno_flag(env, "SUNO_USE_SMALL_MODELS"):
        model = "small"
    precision = env.get("BARK_PRECISION") or None
    if precision is not None and precision not in PRECISIONS:
        raise OptionError(
            f"BARK_PRECISION is {precision!r}; set it to one of {', '.join(PRECISIONS)}."
        )
    takes_dir = env.get("BARK_TAKES_DIR")
    return Environment(
        model=model,
        device=env.get("BARK_DEVICE") or None,
        precision=precision,
        draft=env.get("BARK_DRAFT") or None,
        offline=_flag(env, "BARK_OFFLINE") or _flag(env, "HF_HUB_OFFLINE"),
        offload_cpu=_suno_flag(env, "SUNO_OFFLOAD_CPU"),
        enable_mps=_suno_flag(env, "SUNO_ENABLE_MPS"),
        cache_dir=cache_home / "suno" / "bark_v0",
        torch_home=Path(env.get("TORCH_HOME") or cache_home / "torch"),
        takes_dir=user_path(takes_dir) if takes_dir else None,
        max_chars=_whole_number(env, "BARK_MAX_CHARS"),
        max_waiting=_whole_number(env, "BARK_MAX_WAITING"),
        api_key=env.get("BARK_API_KEY") or None,
        cors_origins=tuple(env.get("BARK_CORS_ORIGINS", "").replace(",", " ").split()),
        is_space=env.get("SYSTEM") == "spaces",
        is_zero_gpu=_flag(env, "SPACES_ZERO_GPU"),
        native=_flag(env, "BARK_NATIVE", unset="1"),
        native_dir=cache_home / "bark-studio",
        native_built=user_path(built) if (built := env.get("BARK_NATIVE_BUILT")) else None,
        compiler=env.get("CC") or None,
        fuse=_flag(env, "BARK_FUSE"),
    )


def home_dir() -> Path:
    """The user's home; for a user without one, a private folder among the temporary files."""
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and no entry in the table of users
        return _private_temporary_dir()


def user_data_dir() -> Path:
    """Where this program keeps what is the user's own: takes and voices."""
    import platformdirs

    try:
        folder = platformdirs.user_data_path("bark-studio", appauthor=False)
    except RuntimeError:  # no home; older releases leave the tilde, which is no folder either
        folder = Path("~")
    return home_dir() / "bark-studio" if folder.parts[0] == "~" else folder


def _private_temporary_dir() -> Path:
    """One folder a user, which nobody else can write to: compiled layers are loaded from it."""
    folder = Path(tempfile.gettempdir()) / f"bark-studio-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="bark-studio-"))
    is_ours = found.st_uid == os.getuid() and stat.S_ISDIR(found.st_mode)
    if is_ours and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return folder
    return Path(tempfile.mkdtemp(prefix="bark-studio-"))


def _suno_flag(env: Mapping[str, str], name: str) -> bool:
    """As suno-ai/bark reads its own: all but these is false, without complaint."""
    return env.get(name, "").strip().lower() in ("true", "1", "t")


def _flag(env: Mapping[str, str], name: str, unset: str = "") -> bool:
    value = env.get(name, unset).strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise OptionError(f"{name} is {value!r}; set it to 1 or 0.")


def _whole_number(env: Mapping[str, str], name: str) -> int | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    if not value.isdecimal() or int(value) == 0:
        raise OptionError(f"{name} is {value!r}; set it to a whole number of 1 or more.")
    return int(value)
