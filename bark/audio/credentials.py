"""Content credentials (C2PA): a file's origin, signed by whoever made it.

What c2pa-python, the extra [c2pa], signs with is the user's own certificate and key.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AudioFileError, OptionError
from ..files.whole_file import user_path, whole_file
from .files import encode_audio, format_of
from .marks import SOFTWARE, TRAINED_MEDIA

SIGNED_FORMATS = ("wav", "mp3")
"""In a FLAC file c2pa puts it before the file's own head, where no reader of FLAC expects it."""

_ALGORITHM = "es256"


def sign_file(path: Path, certificate: Path, key: Path, *, title: str = "") -> None:
    """Puts a signed content credential into a file, which says that a trained model made it.

    Args:
        path: a WAV or MP3 file; replaced in one step.
        certificate: a chain in PEM, the signer's first, of a P-256 key.
        key: its private key, PKCS 8 in PEM.

    Raises:
        OptionError: c2pa-python is not installed, or the certificate or key cannot be used.
        AudioFileError: the file's format has no place for it.
    """
    c2pa = _library()
    if format_of(path) not in SIGNED_FORMATS:
        raise AudioFileError(
            f"{path.name} cannot hold a content credential; {', '.join(SIGNED_FORMATS)} can."
        )
    try:
        chain, secret = (user_path(one).read_bytes() for one in (certificate, key))
    except OSError as error:
        raise OptionError(f"{error.filename} cannot be read: {error.strerror}.") from error
    part = path.with_name(f".{path.stem}.signed{path.suffix}")
    try:
        info = c2pa.C2paSignerInfo(_ALGORITHM.encode(), chain, secret, None)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(_manifest(title)) as builder:
            builder.sign_file(path, part, signer)
        with part.open("rb") as signed, whole_file(path) as file:
            shutil.copyfileobj(signed, file)
    except c2pa.C2paError as error:
        raise OptionError(f"{path.name} could not be signed: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def check_signing(format: str, certificate: Path, key: Path) -> None:
    """Signs a moment of silence, so that a mistake is found before anything is made.

    Args:
        format: of the files that are to be signed.
        certificate, key: as for `sign_file`.

    Raises:
        OptionError, AudioFileError: as `sign_file`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"silence.{format}"
        path.write_bytes(encode_audio(np.zeros(2_400, np.float32), 24_000, format))
        sign_file(path, certificate, key)


def read_credential(path: Path) -> dict[str, Any] | None:
    """What a file's content credential says, with "validation_state"; None where it has none.

    Raises:
        OptionError: c2pa-python is not installed.
    """
    c2pa = _library()
    try:
        with c2pa.Reader(path) as reader:
            found: dict[str, Any] = json.loads(reader.json())
            found["validation_state"] = reader.get_validation_state()
            return found
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error) or "NotSupported" in str(error):
            return None
        return {"validation_state": "Invalid", "error": str(error)}


def _library() -> Any:
    try:
        import c2pa
    except ImportError:
        raise OptionError(
            "Content credentials need the package c2pa-python; run: pip install c2pa-python"
        ) from None
    return c2pa


def _manifest(title: str) -> dict[str, Any]:
    created = {
        "action": "c2pa.created",
        "digitalSourceType": TRAINED_MEDIA,
        "softwareAgent": {"name": SOFTWARE},
    }
    return {
        "claim_generator_info": [{"name": SOFTWARE}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
