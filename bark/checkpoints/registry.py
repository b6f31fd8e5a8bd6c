"""The models there are: which are on disk, how to get the others, and loading their parts."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from torch import nn

from ..downloads.transfer import DownloadStoppedError, Progress
from ..environment import MODELS, Environment, read_environment
from ..errors import DownloadError, OptionError, WeightsNotFoundError
from ..families import Codec, Tokenizer
from ..files.json_file import read_json
from ..files.whole_file import is_file, is_folder, user_path
from ..spec import BARK, NANO, ModelSpec
from ..terminal.progress import ProgressBar
from ..text.bert import BertTokenizer
from . import huggingface, nano, suno
from .sources import HUB, OFFICIAL, OFFICIAL_MODELS, PARTS, Plan, best_plan, folder_plan
from .stage_building import STAGES

log = logging.getLogger(__name__)

_NANO = "nano"  # also the name of its layout
_OPTIMIZER_SHARE = 3  # suno-ai/bark's files are so many times as large as the weights in them


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is known about a model without loading it.

    Attributes:
        name: "nano", "small", "large", or a folder's path.
        spec: its family.
        on_disk: whether loading it needs no download.
        download_bytes: about what is still to be fetched.
        memory_bytes: about what its weights take in float32.
        location: the folder of its weights; None where nothing is on disk.
        description: a few words for a list.
        own_folder: the folder that the user named, whose voices and settings are the model's; None
            for "nano", "small" and "large", and for nano's layout, which has none.
    """

    name: str
    spec: ModelSpec
    on_disk: bool
    download_bytes: int
    memory_bytes: int
    location: Path | None
    description: str
    own_folder: Path | None = None


class ModelFiles:
    """A model whose files are on disk, part by part loaded when asked for."""

    def __init__(self, info: ModelInfo, layout: str, paths: dict[str, Path]) -> None:
        self.info = info
        self.layout = layout
        self.paths = paths

    @property
    def spec(self) -> ModelSpec:
        """Token ids, rates and windows of its family."""
        return self.info.spec

    def load_stage(self, stage: str) -> nn.Module:
        """Loads a transformer on the CPU in float32, for inference only.

        Args:
            stage: "text" (which makes semantic tokens), "coarse" or "fine".

        Returns:
            `GPT`, `FineGPT`, or nano's `ConditionedGPT` for its coarse stage.

        Raises:
            OptionError: an unknown stage.
            CheckpointError: the file is damaged or not this stage's.
        """
        if stage not in STAGES:
            raise OptionError(f"Unknown stage {stage!r}; use one of {', '.join(STAGES)}.")
        if self.layout == _NANO:
            return nano.read_stage(self.paths[_NANO], stage)
        if self.layout == HUB:
            return huggingface.read_stage(self.paths["model"], self.paths["config"], stage)
        return suno.read_stage(self.paths[stage], stage)

    def load_tokenizer(self) -> Tokenizer:
        """Loads what turns text into ids.

        Raises:
            CheckpointError: the file is damaged.
        """
        if self.layout == _NANO:
            result: Tokenizer = nano.read_tokenizer(self.paths[_NANO])
            return result
        return BertTokenizer.from_file(self.paths["tokenizer"])

    def load_codec(self, *, all_codebooks: bool = False) -> Codec:
        """Loads what turns codes into audio, on the CPU.

        Args:
            all_codebooks: of EnCodec all that the file holds, not only Bark's eight.

        Raises:
            CheckpointError: the file is damaged.
        """
        if self.layout == _NANO:
            result: Codec = nano.read_codec(self.paths[_NANO])
            return result
        path = self.paths.get("codec") or self.paths["model"]
        read = suno.read_codec if path.suffix == ".th" else huggingface.read_codec
        return read(path, all_codebooks=all_codebooks)


def packaged_nano_dir() -> Path:
    """The folder of nano's weights in this package."""
    return Path(__file__).resolve().parents[1] / "assets" / _NANO


def list_models() -> list[ModelInfo]:
    """Nano, small and large as they are on this machine, and BARK_MODEL if it is a folder."""
    environment = read_environment()
    infos = [_nano_info(_NANO, packaged_nano_dir())]
    infos += [_official_info(name, environment) for name in OFFICIAL_MODELS]
    if environment.model and environment.model not in MODELS:
        folder = user_path(environment.model)
        if is_folder(folder):
            infos.append(_open_folder(folder, STAGES, environment)[0])
    return infos


def best_local_model() -> str:
    """The best of the models that need no download: "large", "small" or else "nano"."""
    environment = read_environment()
    for name in ("large", "small"):
        if _official_info(name, environment).on_disk:
            return name
    return _NANO


def model_spec(name: str | Path) -> ModelSpec:
    """The spec of a model's family, by the model's name or folder; nothing is loaded."""
    if str(name) in OFFICIAL_MODELS:
        return BARK
    return NANO if str(name) == _NANO or _is_nano(user_path(name)) else BARK


def resolve_model(
    name: str | Path,
    *,
    offline: bool | None = None,
    on_progress: Progress | None = None,
    stop: threading.Event | None = None,
    parts: Iterable[str] = PARTS,
    environment: Environment | None = None,
) -> ModelFiles:
    """Finds a model's files, and downloads what is missing of them.

    Args:
        name: "nano", "small", "large", or a folder with checkpoints of any of the three layouts.
        offline: download nothing; None follows BARK_OFFLINE and HF_HUB_OFFLINE.
        on_progress: called with a file's name, its bytes here, its bytes in all; None shows a
            bar on a terminal.
        stop: ends a download; what has come is kept.
        parts: those of "text", "coarse", "fine", "tokenizer" and "codec" that will be loaded.
        environment: in place of what the variables say.

    Raises:
        OptionError: no such name or folder.
        WeightsNotFoundError: files are missing and cannot be fetched.
        DownloadStoppedError: `stop` was set.
    """
    environment = environment or read_environment()
    offline = environment.offline if offline is None else offline
    label = str(name)
    if label == _NANO:
        return _nano_files(_nano_info(_NANO, packaged_nano_dir()), packaged_nano_dir())
    if label in OFFICIAL_MODELS:
        plan = best_plan(label, parts, environment)
        info = _official_info(label, environment)
    else:
        folder = model_folder(name)
        info, found = _open_folder(folder, parts, environment)
        if found is None:
            return _nano_files(info, folder)
        plan = found
    paths = _fetch(info.name, plan, offline, on_progress, stop)
    return ModelFiles(info, plan.layout, paths)


def model_folder(name: str | Path) -> Path:
    """The folder that is named as a model, in place of "nano", "small" or "large".

    Raises:
        OptionError: no such name or folder.
    """
    folder = user_path(name)
    if is_folder(folder):
        return folder
    if is_file(folder):
        raise OptionError(f"The model {str(name)!r} is a file; give the folder that it is in.")
    near = difflib.get_close_matches(str(name).lower(), MODELS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(MODELS)} or a folder."
    raise OptionError(f"Unknown model {str(name)!r}; {hint}")


def _fetch(
    name: str,
    plan: Plan,
    offline: bool,
    on_progress: Progress | None,
    stop: threading.Event | None,
) -> dict[str, Path]:
    missing = plan.missing
    lacking = plan.lacking or ", ".join(missing)
    gap = f"The model {name!r} lacks {lacking} on this machine (looked for: {plan.places})"
    advice = "or set BARK_MODEL=nano for the model that comes with this package"
    if missing and offline:
        raise WeightsNotFoundError(
            f"{gap} and downloads are switched off; put the files there, {advice}."
        )
    paths = {}
    with ProgressBar(silent=on_progress is not None) as bar:
        report = on_progress or _in_megabytes(bar)
        for role, file in plan.files.items():
            if file.path is None:
                log.info("fetching %s (%.2f GB)", file.name, file.n_bytes / 1e9)
            try:
                paths[role] = file.path or file.fetch(report, stop)
            except DownloadStoppedError:
                raise
            except DownloadError as error:
                raise WeightsNotFoundError(
                    f"{gap} and cannot be fetched: {str(error).rstrip('.')}; {advice}."
                ) from error
    return paths


def _in_megabytes(bar: ProgressBar) -> Progress:
    def report(name: str, done: int, total: int) -> None:
        bar.update(f"{name} (MB)", done // 10**6, total // 10**6)

    return report


def _official_info(name: str, environment: Environment) -> ModelInfo:
    model = OFFICIAL_MODELS[name]
    plan = best_plan(name, PARTS, environment)
    found = [file.path.parent for file in plan.files.values() if file.path is not None]
    return ModelInfo(
        name=name,
        spec=BARK,
        on_disk=not plan.missing,
        download_bytes=plan.download_bytes,
        memory_bytes=model.memory_bytes,
        location=None if plan.missing else found[0],
        description=model.description,
    )


def _nano_info(name: str, folder: Path) -> ModelInfo:
    complete = all((folder / file).is_file() for file in nano.FILES)
    n_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return ModelInfo(
        name=name,
        spec=NANO,
        on_disk=complete,
        download_bytes=0,
        memory_bytes=2 * n_bytes,  # stored in half precision
        location=folder,
        description="small English model that comes with this package; no match for Bark",
    )


def _nano_files(info: ModelInfo, folder: Path) -> ModelFiles:
    missing = [name for name in nano.FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsNotFoundError(
            f"The folder {folder} lacks {', '.join(missing)} of the model nano; "
            "install this package again, or train the model with python -m training."
        )
    return ModelFiles(info, _NANO, {_NANO: folder})


def _open_folder(
    folder: Path, parts: Iterable[str], environment: Environment
) -> tuple[ModelInfo, Plan | None]:
    """What a folder of the user's holds; no plan for nano's layout, which is whole or useless."""
    if _is_nano(folder):
        return _nano_info(str(folder), folder), None
    plan = folder_plan(folder, parts, environment)
    n_bytes = sum(
        file.path.stat().st_size
        for role, file in plan.files.items()
        if file.path is not None and role in (*STAGES, "model")
    )
    info = ModelInfo(
        name=str(folder),
        spec=BARK,
        on_disk=not plan.missing,
        download_bytes=plan.download_bytes,
        memory_bytes=n_bytes // (_OPTIMIZER_SHARE if plan.layout == OFFICIAL else 1),
        location=folder,
        description="Bark from a folder",
        own_folder=folder,
    )
    return info, plan


def _is_nano(folder: Path) -> bool:
    try:
        config = read_json(folder / "config.json", max_bytes=huggingface.MAX_CONFIG_BYTES)
        return isinstance(config, dict) and set(STAGES) <= set(config)
    except (OSError, ValueError):
        return False
