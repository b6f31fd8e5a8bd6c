"""Finding, loading and saving voices: official presets, packaged ones and the user's own."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..environment import user_data_dir
from ..errors import VoiceError, VoiceNotFoundError
from ..families import FAMILIES, Family, family_of
from ..files.whole_file import user_path
from ..spec import ModelSpec
from ..text.splitting import valid_text
from .file import read_voice_arrays, read_voice_file, voice_file_ratio, write_voice_file
from .model_folder import model_folder_voices
from .presets import fetch_preset, is_cached, programs_prompts_dir
from .prompt import Voice, VoicePrompt, check_voice

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclasses.dataclass(frozen=True)
class VoiceInfo:
    """What is known about a voice without loading it.

    Attributes:
        name: what `load_voice` takes.
        family: name of the model family that understands it, "bark" or "nano".
        language: its code, for example "en"; "" where it is not known.
        version: "v1" or "v2" of the official presets; "" of others.
        origin: "official", "packaged" (with this package), "model" (in the model's own folder)
            or "own" (the user's folder).
        path: its .npz file; None for an official preset, which lies in the Hub's cache, and for
            a model's own voice.
        on_disk: whether loading it needs no download.
        description: a few words for a list.
        arrays: of a model's own voice the .npy file of each array.
    """

    name: str
    family: str
    language: str
    version: str
    origin: str
    path: Path | None
    on_disk: bool
    description: str
    arrays: Mapping[str, Path] | None = None


def packaged_prompts_dir() -> Path:
    """`assets/prompts` in the installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    beside = package.parent / "assets" / "prompts"
    return beside if (beside / "nano").is_dir() else package / "assets" / "prompts"


def own_voices_dir() -> Path:
    """The user's folder of voices; it need not exist yet."""
    return user_data_dir() / "voices"


def list_voices(
    spec: ModelSpec,
    *,
    voices_dir: Path | None = None,
    with_own: bool = True,
    model_folder: Path | None = None,
) -> list[VoiceInfo]:
    """All voices of a model family, downloading nothing.

    Args:
        voices_dir: the folder of the user's voices; None means `own_voices_dir()`.
        with_own: False leaves the user's voices out, for a stranger.
        model_folder: of the model that is to speak, whose own voices are listed too; None where
            it has no folder of its own.

    Returns:
        Own voices first, then the model's, packaged, and official ones. A name appears once: it
        means the first of them.

    Raises:
        VoiceError: the model's list of voices cannot be read.
    """
    found: dict[str, VoiceInfo] = {}
    if with_own:
        for info in _own_voices(spec, voices_dir or own_voices_dir()):
            found.setdefault(info.name, info)
    family = family_of(spec)
    for info in [*_model_voices(model_folder, family), *_packaged_voices(family)]:
        found.setdefault(info.name, info)
    for name in family.preset_voices:
        if name not in found:
            found[name] = _preset_info(name, family)
    return list(found.values())


def find_voice(
    name: str,
    spec: ModelSpec,
    *,
    voices_dir: Path | None = None,
    with_own: bool = True,
    model_folder: Path | None = None,
) -> VoiceInfo:
    """The voice that a name means; never a path, so a stranger's input is safe here.

    Any of `/`, `\\`, `-`, `.`, `_` and blanks separate, and letters of either case count, as long
    as only one voice answers to it. Of what `list_voices` does not list nothing is said either.

    Args:
        name: as somebody wrote it.
        spec: of the family that shall speak.
        voices_dir, with_own, model_folder: as `list_voices`.

    Raises:
        VoiceNotFoundError: no voice answers; the nearest names are suggested.
        VoiceError: several do.
    """
    voices = list_voices(spec, voices_dir=voices_dir, with_own=with_own, model_folder=model_folder)
    for info in voices:
        if info.name == name:
            return info
    key = _key(name)
    matches = [info for info in voices if key in _keys(info)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(repr(info.name) for info in matches)
        raise VoiceError(f"The voice {name!r} may be one of {names}; give one of these names.")
    raise VoiceNotFoundError(_suggestion(name, key, voices, spec))


def load_voice(
    voice: Voice,
    spec: ModelSpec,
    *,
    offline: bool = False,
    voices_dir: Path | None = None,
    model_folder: Path | None = None,
) -> VoicePrompt | None:
    """Turns whatever names or holds a voice into checked tokens.

    Args:
        voice: a name, the path of an .npz file (a string must end in .npz), a mapping with
            semantic_prompt, coarse_prompt and fine_prompt, a `VoicePrompt`, a take (whose own
            tokens are used), or None.
        offline: do not download an official preset.
        voices_dir, model_folder: as `list_voices`.

    Returns:
        The voice, or None for None.

    Raises:
        VoiceNotFoundError: no such voice or file.
        VoiceError: what was found is no voice of this family.
        DownloadError: an official preset could not be fetched.
    """
    if voice is None:
        return None
    tokens = getattr(voice, "tokens", None)
    if isinstance(tokens, VoicePrompt):
        voice = tokens
    if isinstance(voice, VoicePrompt):
        return check_voice(voice, spec)
    if isinstance(voice, Mapping):
        return check_voice(VoicePrompt.from_dict(voice), spec)
    if isinstance(voice, Path) or (isinstance(voice, str) and voice.lower().endswith(".npz")):
        path = user_path(voice)
        return check_voice(read_voice_file(path, name=str(voice)), spec)
    if not isinstance(voice, str):
        raise VoiceError(
            f"A voice cannot be a {type(voice).__name__}; "
            "give a name, the path of an .npz file, a mapping of arrays or a VoicePrompt."
        )
    return load_named_voice(
        voice, spec, offline=offline, voices_dir=voices_dir, model_folder=model_folder
    )


def draw_packaged_voice(spec: ModelSpec, generator: torch.Generator) -> VoicePrompt | None:
    """Draws one of the voices that come with a model family, each as likely as the others.

    Args:
        spec: of the model that is to speak.
        generator: one number is drawn from it.

    Returns:
        The voice, or None where none are packaged for the family.
    """
    voices = list(_voices_of(packaged_prompts_dir(), family_of(spec)))
    if not voices:
        return None
    drawn = torch.randint(len(voices), (1,), generator=generator, device=generator.device)
    path = voices[int(drawn)].path
    return None if path is None else load_voice(path, spec)


def load_named_voice(
    name: str,
    spec: ModelSpec,
    *,
    offline: bool = False,
    voices_dir: Path | None = None,
    with_own: bool = True,
    model_folder: Path | None = None,
) -> VoicePrompt:
    """Loads a voice of the list; a string from outside goes in here, and is never a path.

    Args:
        name: as `find_voice` takes it, whatever it looks like: one that ends in .npz is a name
            that no voice has.
        offline: do not download an official preset.
        voices_dir, with_own, model_folder: as `list_voices`.

    Raises:
        VoiceNotFoundError: no such voice.
        VoiceError: several voices answer to the name, or its file is no voice of this family.
        DownloadError: an official preset could not be fetched.
    """
    info = find_voice(
        name, spec, voices_dir=voices_dir, with_own=with_own, model_folder=model_folder
    )
    return check_voice(read_found_voice(info, offline=offline), spec)


def read_found_voice(info: VoiceInfo, *, offline: bool = False) -> VoicePrompt:
    """Reads a voice of the list, fetching an official preset unless `offline`.

    Its tokens are not yet checked against a spec.

    Raises:
        VoiceNotFoundError, VoiceError, DownloadError: as `load_named_voice`.
    """
    if info.arrays is not None:
        return read_voice_arrays(info.arrays, name=info.name)
    if info.path is not None:
        return read_voice_file(info.path, name=info.name)
    return fetch_preset(info.name, offline=offline)


def save_voice(
    path_or_name: str | Path,
    voice: VoicePrompt,
    *,
    spec: ModelSpec,
    voices_dir: Path | None = None,
) -> Path:
    """Writes a voice as an .npz file that suno-ai/bark reads too, in one step.

    Args:
        path_or_name: a `Path`, a string that ends in .npz (both are paths), or the name of a
            voice in the user's folder: letters, digits, blanks, `-`, `_` and `.`.

    Returns:
        Where it was written.

    Raises:
        VoiceError: the tokens are no voice, the name is no name, or the folder is not writable.
    """
    voice = check_voice(voice, spec)
    if isinstance(path_or_name, Path) or path_or_name.lower().endswith(".npz"):
        path = user_path(path_or_name)
        path = path if path.suffix.lower() == ".npz" else path.with_name(path.name + ".npz")
    else:
        name = path_or_name.strip()
        if not re.fullmatch(r"\w[\w .-]{0,63}", name):
            raise VoiceError(
                f"A voice cannot be named {path_or_name!r}; "
                "use up to 64 letters, digits, blanks, dots, - and _, beginning with a letter."
            )
        path = (voices_dir or own_voices_dir()) / f"{name}.npz"
    write_voice_file(path, voice)
    return path


def _own_voices(spec: ModelSpec, folder: Path) -> Iterator[VoiceInfo]:
    for path in sorted(folder.glob("*.[nN][pP][zZ]")):
        ratio = voice_file_ratio(path)
        # An unreadable file is listed in both families: loading it then says what is wrong.
        if ratio is None or _nearest_family(ratio).name == spec.name:
            name = valid_text(path.stem)  # a file's name may be no UTF-8
            yield VoiceInfo(name, spec.name, "", "", "own", path, True, "your own")


def _nearest_family(frames_per_token: float) -> Family:
    return min(FAMILIES, key=lambda family: abs(family.frames_per_token - frames_per_token))


def _model_voices(folder: Path | None, family: Family) -> Iterator[VoiceInfo]:
    for name, arrays in ({} if folder is None else model_folder_voices(folder)).items():
        info = VoiceInfo(name, family.name, "", "", "model", None, True, "the model's own")
        if name in family.preset_voices:
            info = dataclasses.replace(_preset_info(name, family), origin="model", on_disk=True)
        yield dataclasses.replace(info, arrays=arrays)


def _packaged_voices(family: Family) -> Iterator[VoiceInfo]:
    for folder in dict.fromkeys([packaged_prompts_dir(), programs_prompts_dir()]):
        yield from _voices_of(folder, family)


def _voices_of(folder: Path, family: Family) -> Iterator[VoiceInfo]:
    root = folder / family.prompts_folder
    others = {root / other.prompts_folder for other in FAMILIES if other is not family} - {root}
    language, code = family.languages[0] if len(family.languages) == 1 else ("", "")
    for path in sorted(root.rglob("*.npz")):
        if not family.prompts_folder and not others.isdisjoint(path.parents):
            continue
        name = path.relative_to(root).with_suffix("").as_posix()
        if name in family.preset_voices:
            yield dataclasses.replace(_preset_info(name, family), path=path, on_disk=True)
        else:
            yield VoiceInfo(name, family.name, code, "", "packaged", path, True, language)


def _preset_info(name: str, family: Family) -> VoiceInfo:
    cached = is_cached(name)
    if name == "announcer":
        return VoiceInfo(
            name, family.name, "en", "v1", "official", None, cached, "English, announcer"
        )
    version = "v2" if name.startswith("v2/") else "v1"
    code, number = name.removeprefix("v2/").split("_speaker_")
    language = {code: language for language, code in family.languages}[code]
    description = f"{language}, speaker {number} ({version})"
    return VoiceInfo(name, family.name, code, version, "official", None, cached, description)


def _key(name: str) -> str:
    return re.sub(r"[\s/\\._-]+", "_", name.casefold()).strip("_")


def _keys(info: VoiceInfo) -> set[str]:
    keys = {_key(info.name)}
    if info.version == "v1":
        keys.add(_key(f"v1/{info.name}"))
    folder = family_of(info.family).prompts_folder
    if folder:
        keys.add(_key(f"{folder}/{info.name}"))
    return keys


def _suggestion(name: str, key: str, voices: list[VoiceInfo], spec: ModelSpec) -> str:
    by_key = {_key(info.name): info.name for info in voices}
    near = difflib.get_close_matches(key, by_key, n=1, cutoff=0.6)
    if near:
        return f"Unknown voice {name!r}; did you mean {by_key[near[0]]!r}?"
    for other in FAMILIES:
        if other.name != spec.name and key in {_key(preset) for preset in other.preset_voices}:
            return (
                f"The voice {name!r} belongs to {other.title}, not to {spec.name}; load that model."
            )
    some = ", ".join(repr(info.name) for info in voices[:4]) or "none at all"
    return f"Unknown voice {name!r}; the {len(voices)} voices of {spec.name} include {some}."
