"""Where each file of a model may lie on this machine, and where it can be fetched."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..downloads.hub import CODEC_FILE, cached_hub_file, fetch_codec, fetch_hub_file
from ..downloads.transfer import Progress
from ..environment import Environment
from ..errors import WeightsNotFoundError
from .stage_building import STAGES

OFFICIAL, HUB = "official", "hub"
"""The two layouts of Bark's weights: suno-ai/bark's and transformers'."""

PARTS = (*STAGES, "tokenizer", "codec")
"""What a model is made of."""

_CODEC_BYTES = 93_000_000
_TOKENIZER_BYTES = 1_000_000
_CONFIG_BYTES = 10_000
_MODEL_FILES = ("pytorch_model.bin", "model.safetensors")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")
_SHARED_FILES = {"tokenizer": _TOKENIZER_FILES, "codec": (CODEC_FILE,)}
# Whose cached tokenizer will do; suno-ai/bark itself used the last two.
_TOKENIZER_REPOS = (
    "suno/bark-small",
    "suno/bark",
    "bert-base-multilingual-cased",
    "google-bert/bert-base-multilingual-cased",
)


@dataclasses.dataclass(frozen=True)
class OfficialModel:
    """One of the two sizes that Suno published.

    Attributes:
        suffix: of its .pt files' names.
        stage_bytes: sizes of the .pt files of `STAGES`.
        repo: the Hub repository in transformers' layout.
        repo_bytes: size of that one's `pytorch_model.bin`.
        memory_bytes: of all weights in float32.
    """

    suffix: str
    stage_bytes: tuple[int, int, int]
    repo: str
    repo_bytes: int
    memory_bytes: int
    description: str


OFFICIAL_MODELS = {
    "small": OfficialModel(
        suffix="",
        stage_bytes=(2_320_000_000, 1_250_000_000, 1_110_000_000),
        repo="suno/bark-small",
        repo_bytes=1_680_000_000,
        memory_bytes=1_650_000_000,
        description="official Bark, small: 13 languages, music, laughter",
    ),
    "large": OfficialModel(
        suffix="_2",
        stage_bytes=(5_350_000_000, 3_930_000_000, 3_740_000_000),
        repo="suno/bark",
        repo_bytes=4_490_000_000,
        memory_bytes=4_400_000_000,
        description="official Bark, large: the best voices, and the slowest",
    ),
}

_PT_REPO = "suno/bark"  # holds the .pt files of both sizes


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file of a plan.

    Attributes:
        name: what people know it as.
        path: where it lies, or None if it must be fetched.
        n_bytes: about what would be fetched; 0 if it is there.
        fetch: fetches it (or returns it if somebody else just did).
    """

    name: str
    path: Path | None
    n_bytes: int
    fetch: Callable[[Progress | None, threading.Event | None], Path]


@dataclasses.dataclass(frozen=True)
class Plan:
    """One way to have a model: a layout, and its files by role.

    Roles are those of `PARTS`, or "model" and "config" for the one file of transformers' layout;
    `places` tells people what was looked for where, and `lacking`, where they have begun with
    another layout than the one that is fetched, what that one still needs.
    """

    layout: str
    files: dict[str, SourceFile]
    places: str
    lacking: str = ""

    @property
    def download_bytes(self) -> int:
        """What would be fetched."""
        return sum(file.n_bytes for file in self.files.values())

    @property
    def missing(self) -> list[str]:
        """Names of the files that would be fetched."""
        return [file.name for file in self.files.values() if file.path is None]


def best_plan(name: str, parts: Iterable[str], environment: Environment) -> Plan:
    """The way to have an official model that fetches the least.

    Files on disk cost nothing: those in suno-ai/bark's folder come before those in the Hub's
    cache. Where both ways fetch the same, suno-ai/bark's layout is taken.

    Args:
        name: a key of `OFFICIAL_MODELS`.
        parts: of `PARTS`, those that are needed.
    """
    parts = tuple(parts)
    plans = _with_what_is_lacking(_plans(name, parts, environment))
    cheapest = min(plans, key=lambda plan: plan.download_bytes)
    if not cheapest.missing or not set(parts) & set(STAGES):
        return cheapest
    # Who fetches one stage will want the others: what counts is the whole model's download.
    whole = min(_plans(name, PARTS, environment), key=lambda plan: plan.download_bytes)
    return next(plan for plan in plans if plan.layout == whole.layout)


def _plans(name: str, parts: tuple[str, ...], environment: Environment) -> tuple[Plan, Plan]:
    model = OFFICIAL_MODELS[name]
    stages = [f"{part}{model.suffix}.pt" for part in parts if part in STAGES]
    places = (
        f"{', '.join([*stages, 'vocab.txt', CODEC_FILE])} in {environment.cache_dir}, or "
        f"{_MODEL_FILES[0]} of {model.repo} in the Hub's cache"
    )
    return (
        Plan(OFFICIAL, _official_files(model, parts, environment), places),
        Plan(HUB, _hub_files(model, parts, environment), places),
    )


def _with_what_is_lacking(plans: Sequence[Plan]) -> list[Plan]:
    """Tells each plan what the layout lacks of which some weights are already there."""
    lacking = ""
    for plan in plans:
        here = [file.path for role, file in plan.files.items() if role in STAGES and file.path]
        if here and plan.missing:
            names = ", ".join(path.name for path in here)
            lacking = f"{', '.join(plan.missing)} beside {names} in {here[0].parent}"
            break
    return [dataclasses.replace(plan, lacking=lacking) for plan in plans]


def folder_plan(folder: Path, parts: Iterable[str], environment: Environment) -> Plan:
    """The way to have a model from a folder of the user's, in either layout.

    Only what does not depend on the model, its tokenizer and codec, may lie elsewhere.

    Raises:
        WeightsNotFoundError: the folder holds no complete model.
    """
    layout, files = _stage_files(folder)
    for part in parts:
        if part == "tokenizer" or (part == "codec" and layout == OFFICIAL):
            own = (folder / name for name in _SHARED_FILES[part])
            path = _first_file(own)
            files[part] = _present(path) if path else _shared_file(part, environment)
    places = f"files in {folder}, {environment.cache_dir} or the Hub's cache"
    return Plan(layout, files, places)


def _official_files(
    model: OfficialModel, parts: tuple[str, ...], env: Environment
) -> dict[str, SourceFile]:
    files = {}
    for part in parts:
        if part in STAGES:
            name = f"{part}{model.suffix}.pt"
            path = _first_file([env.cache_dir / name]) or cached_hub_file(_PT_REPO, name)
            n_bytes = model.stage_bytes[STAGES.index(part)]
            files[part] = _hub_source(_PT_REPO, name, path, n_bytes)
        else:
            files[part] = _shared_file(part, env)
    return files


def _hub_files(
    model: OfficialModel, parts: tuple[str, ...], env: Environment
) -> dict[str, SourceFile]:
    files = {}
    if set(parts) - {"tokenizer"}:
        found = (cached_hub_file(model.repo, name) for name in _MODEL_FILES)
        path = next((path for path in found if path is not None), None)
        files["model"] = _hub_source(model.repo, _MODEL_FILES[0], path, model.repo_bytes)
    if set(parts) & set(STAGES):
        config = cached_hub_file(model.repo, "config.json")
        files["config"] = _hub_source(model.repo, "config.json", config, _CONFIG_BYTES)
    if "tokenizer" in parts:
        files["tokenizer"] = _tokenizer(env)
    return files


def _stage_files(folder: Path) -> tuple[str, dict[str, SourceFile]]:
    model = _model_file(folder)
    if model is not None and (folder / "config.json").is_file():
        return HUB, {"model": _present(model), "config": _present(folder / "config.json")}
    for suffix in ("_2", ""):  # the larger first
        paths = {stage: folder / f"{stage}{suffix}.pt" for stage in STAGES}
        if all(path.is_file() for path in paths.values()):
            return OFFICIAL, {stage: _present(path) for stage, path in paths.items()}
    found, lacking = _begun_layout(folder)
    if found:
        raise WeightsNotFoundError(
            f"The folder {folder} holds {', '.join(found)} but lacks {', '.join(lacking)}; "
            "put the rest of the model there."
        )
    raise WeightsNotFoundError(
        f"The folder {folder} holds no model: neither text.pt, coarse.pt and fine.pt (or text_2.pt "
        "and so on), nor config.json with model.safetensors or pytorch_model.bin."
    )


def _model_file(folder: Path) -> Path | None:
    """The weights of transformers' layout, or the index of several files of them.

    Exact files come before an index, both before variants such as `model.fp16.safetensors`.
    """
    stems = [name.rsplit(".", 1) for name in reversed(_MODEL_FILES)]
    names = [f"{stem}.{suffix}" for stem, suffix in stems]
    names += [f"{stem}.{suffix}.index.json" for stem, suffix in stems]
    exact = _first_file(folder / name for name in names)
    patterns = [
        pattern
        for stem, suffix in stems
        for pattern in (f"{stem}.{suffix}.index.*.json", f"{stem}.*.{suffix}")
    ]
    variants = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return exact or _first_file(path for path in variants if "-of-" not in path.name)


def _begun_layout(folder: Path) -> tuple[list[str], list[str]]:
    """Files of a model that a folder holds, and those that it lacks; none where it holds none."""
    layouts = [[f"{stage}{suffix}.pt" for stage in STAGES] for suffix in ("_2", "")]
    layouts += [["config.json", name] for name in reversed(_MODEL_FILES)]
    here = [[name for name in names if (folder / name).is_file()] for names in layouts]
    found = max(here, key=len)
    names = layouts[here.index(found)]
    return found, [name for name in names if name not in found]


def _shared_file(part: str, environment: Environment) -> SourceFile:
    return {"tokenizer": _tokenizer, "codec": _codec}[part](environment)


def _tokenizer(env: Environment) -> SourceFile:
    path = _first_file(env.cache_dir / name for name in _TOKENIZER_FILES)
    for repo in _TOKENIZER_REPOS:
        for name in _TOKENIZER_FILES:
            path = path or cached_hub_file(repo, name)
    return _hub_source(_TOKENIZER_REPOS[0], "vocab.txt", path, _TOKENIZER_BYTES)


def _codec(env: Environment) -> SourceFile:
    target = env.torch_home / "hub" / "checkpoints" / CODEC_FILE
    path = _first_file([env.cache_dir / CODEC_FILE, target])
    path = path or cached_hub_file("facebook/encodec_24khz", "model.safetensors")
    for model in OFFICIAL_MODELS.values():  # their files in transformers' layout hold it too
        for name in _MODEL_FILES:
            path = path or cached_hub_file(model.repo, name)

    def fetch(on_progress: Progress | None, stop: threading.Event | None) -> Path:
        return fetch_codec(target, on_progress=on_progress, stop=stop)

    return SourceFile(CODEC_FILE, path, 0 if path else _CODEC_BYTES, fetch)


def _hub_source(repo: str, name: str, path: Path | None, n_bytes: int) -> SourceFile:
    def fetch(on_progress: Progress | None, stop: threading.Event | None) -> Path:
        return fetch_hub_file(repo, name, on_progress=on_progress, stop=stop)

    return SourceFile(name, path, 0 if path else n_bytes, fetch)


def _first_file(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _present(path: Path) -> SourceFile:
    return SourceFile(path.name, path, 0, lambda on_progress, stop: path)
