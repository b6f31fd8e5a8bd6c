"""The voices that lie in a model's own folder, as transformers saves them there.

`speaker_embeddings_path.json` names the three arrays of each voice; where it is missing, the names
of the files in `speaker_embeddings/` say the same. The folder may come from a stranger: its paths
never lead out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import VoiceError
from ..files.json_file import read_json
from ..files.whole_file import is_file
from .prompt import PROMPT_KEYS

_INDEX, _FOLDER = "speaker_embeddings_path.json", "speaker_embeddings"
_MAX_INDEX_BYTES = 1 << 20  # that of suno/bark has a tenth of it


def model_folder_voices(folder: Path) -> dict[str, dict[str, Path]]:
    """The voices of a model's folder: by name the .npy file of each of `PROMPT_KEYS`.

    Voices that lack an array, and files outside the folder, are left out.

    Args:
        folder: of a model in any layout.

    Raises:
        VoiceError: its list of voices cannot be read.
    """
    index = folder / _INDEX
    listed = _read_index(index) if is_file(index) else dict(_by_file_names(folder / _FOLDER))
    found = {}
    for name, files in listed.items():
        paths = {key: _inside(folder, files.get(key)) for key in PROMPT_KEYS}
        present = {key: path for key, path in paths.items() if path is not None}
        if len(present) == len(PROMPT_KEYS):
            found[name] = present
    return found


def _read_index(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        listed = read_json(path, max_bytes=_MAX_INDEX_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise VoiceError(f"{path} cannot be read as a list of voices: {why}.") from error
    if not isinstance(listed, dict):
        raise VoiceError(f"{path} is no list of voices; it must be an object with their names.")
    # besides the voices it holds "repo_or_path", where transformers looked for the files
    return {name: files for name, files in listed.items() if isinstance(files, dict)}


def _by_file_names(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    ending = f"_{PROMPT_KEYS[0]}.npy"
    for path in sorted(folder.rglob(f"*{ending}")):
        name = path.relative_to(folder).as_posix().removesuffix(ending)
        yield name, {key: f"{_FOLDER}/{name}_{key}.npy" for key in PROMPT_KEYS}


def _inside(folder: Path, name: Any) -> Path | None:
    """The file of a relative path, if it is there and neither `..` nor a link leads out of it."""
    if not isinstance(name, str):
        return None
    parts = PurePosixPath(name.replace("\\", "/")).parts
    path = folder.joinpath(*parts)
    try:
        if ".." in parts or Path(*parts).is_absolute() or not path.is_file():
            return None
        home, target = folder.resolve(), path.resolve()
    except (OSError, RuntimeError, ValueError):  # no name of a file, or a ring of links
        return None
    homes = [home]
    if home.parent.name == "snapshots":  # the Hub's cache links to its own store of files
        homes.append(home.parent.parent / "blobs")
    return path if any(target.is_relative_to(place) for place in homes) else None
