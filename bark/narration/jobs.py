"""A job's folder: a manifest, and each chunk's file; all written whole or not at all.

    manifest.json      what is spoken, how, in which voices, and what was changed by hand
    voices/KEY.npz     the tokens of each speaker's voice
    chunks/KEY.flac    a finished chunk, a take with its record in its tags
    chunks/KEY.json    what is known of it; a chunk is finished once this file is there

A chunk's key is a digest of all that decides its tokens, so a file is never taken for another's,
and after a change only those chunks are missing whose keys changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..files.json_file import read_json
from ..files.whole_file import sweep_parts, whole_file
from ..take import Take
from ..voices.digest import voice_digest
from ..voices.file import read_voice_file, write_voice_file
from ..voices.prompt import VoicePrompt

MANIFEST_VERSION = 1
_KEY = re.compile(r"[0-9a-f]{24}")
_MAX_MANIFEST_BYTES = 64 << 20  # of a library of books
_MAX_INFO_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class ChunkInfo:
    """What is known of a finished chunk without opening its audio.

    Attributes:
        key: of its files.
        n_samples: of its audio.
        sample_rate: Hz.
        speech: (first, behind the last) sample of what is heard; the rest is silence.
        loudness_lufs: of what is heard, by BS.1770; None where it is silent.
        findings: sentences of the check that still hold; empty for a good take.
        seeds: that were tried, the kept one last.
        redone_for: why the takes before the kept one were not kept, a sentence each.
        word_error_rate: as a listener heard it; None where none listened.
        words: (first character, behind the last, start in s, end in s) in `Chunk.spoken` and in
            the audio, a word each; exact where the model's tokens know, else empty.
        seconds: that it took to make.
    """

    key: str
    n_samples: int
    sample_rate: int
    speech: tuple[int, int]
    loudness_lufs: float | None
    findings: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    redone_for: tuple[str, ...] = ()
    word_error_rate: float | None = None
    words: tuple[tuple[int, int, float, float], ...] = ()
    seconds: float = 0.0

    @property
    def heard_s(self) -> float:
        """How long the chunk is without the silence at its ends."""
        return (self.speech[1] - self.speech[0]) / self.sample_rate

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ChunkInfo:
        """Reads what `to_dict` gave."""
        known = {field.name for field in dataclasses.fields(cls)}
        chosen = {key: value for key, value in values.items() if key in known}
        for name in ("speech", "findings", "seeds", "redone_for"):
            chosen[name] = tuple(chosen.get(name, ()))
        chosen["words"] = tuple(tuple(word) for word in chosen.get("words", ()))
        return cls(**chosen)


class JobFolder:
    """The files of one job.

    Args:
        path: made where it is missing.

    Raises:
        InvalidInputError: the folder cannot be made, or holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        try:
            for folder in (self.path, self.chunks, self.voices):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"The folder {self.path} cannot be made: {error.strerror or error}."
            ) from error

    @property
    def chunks(self) -> Path:
        """Of the finished chunks."""
        return self.path / "chunks"

    @property
    def voices(self) -> Path:
        """Of the speakers' voices."""
        return self.path / "voices"

    @classmethod
    @contextlib.contextmanager
    def begun(cls, path: str | Path) -> Iterator[JobFolder]:
        """A folder that is removed again where the block raises and the folder was made for it."""
        is_new = not Path(path).expanduser().exists()
        job = cls(path)
        try:
            yield job
        except BaseException:
            if is_new:
                job.remove()
            raise

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest; None where the job is new.

        Raises:
            InvalidInputError: it is damaged, or of a later version.
        """
        path = self.path / "manifest.json"
        try:
            content = read_json(path, max_bytes=_MAX_MANIFEST_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InvalidInputError(
                f"{path} cannot be read ({why}); remove the folder to begin anew."
            ) from error
        version = content.get("version") if isinstance(content, dict) else None
        if version != MANIFEST_VERSION:
            raise InvalidInputError(
                f"{path} is of version {version}; this program reads version {MANIFEST_VERSION}."
            )
        result: dict[str, Any] | None = content
        return result

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Writes the manifest in one step."""
        text = json.dumps({"version": MANIFEST_VERSION, **content}, ensure_ascii=False, indent=1)
        self._write(self.path / "manifest.json", text.encode())

    def audio_path(self, key: str) -> Path:
        """Of a chunk's take."""
        return self.chunks / f"{key}.flac"

    def info(self, key: str) -> ChunkInfo | None:
        """What is known of a finished chunk; None where it is not finished."""
        try:
            values = read_json(self.chunks / f"{key}.json", max_bytes=_MAX_INFO_BYTES)
            info = ChunkInfo.from_dict(values)
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        return info if self.audio_path(key).is_file() else None

    def put(self, take: Take, info: ChunkInfo) -> None:
        """Keeps a finished chunk.

        Raises:
            AudioFileError, InvalidInputError: it cannot be written.
        """
        # without the seconds it took, so that the same chunk gives the same file
        dataclasses.replace(take, timings={}).save(self.audio_path(info.key))
        text = json.dumps(info.to_dict())
        self._write(self.chunks / f"{info.key}.json", text.encode())

    def take(self, key: str) -> Take:
        """A finished chunk's take."""
        return Take.load(self.audio_path(key))

    def put_voice(self, voice: VoicePrompt) -> str:
        """Keeps a voice; returns its key."""
        key = voice_digest(voice)
        path = self.voices / f"{key}.npz"
        if not path.exists():
            write_voice_file(path, voice)
        return key

    def voice(self, key: str, name: str | None = None) -> VoicePrompt:
        """A kept voice."""
        return read_voice_file(self.voices / f"{key}.npz", name=name or key)

    def remove_chunks_except(self, keys: set[str]) -> None:
        """Removes the files of chunks that no longer belong to the text."""
        for path in self.chunks.iterdir():
            stray = path.suffix == ".part" or (_KEY.fullmatch(path.stem) and path.stem not in keys)
            if stray:
                with contextlib.suppress(OSError):
                    path.unlink()

    def remove_voices_except(self, keys: set[str]) -> None:
        """Removes the kept voices that nobody speaks in any more."""
        for path in self.voices.glob("*.npz"):
            if _KEY.fullmatch(path.stem) and path.stem not in keys:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Removes the job's own files, and the folder where nothing else is in it."""
        self.remove_chunks_except(set())
        self.remove_voices_except(set())
        for name in ("manifest.json", ".lock"):
            (self.path / name).unlink(missing_ok=True)
        for folder in (self.chunks, self.voices, self.path):
            with contextlib.suppress(OSError):  # something of somebody else's is in it
                folder.rmdir()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from working on the same job; ends with this one's life.

        Raises:
            InvalidInputError: another one is at it.
        """
        with (self.path / ".lock").open("a") as file:
            if not _lock(file.fileno()):
                raise InvalidInputError(
                    f"Another process is working on {self.path}; wait for it or stop it."
                )
            for folder in (self.path, self.chunks, self.voices):
                sweep_parts(folder)
            yield

    def _write(self, path: Path, data: bytes) -> None:
        try:
            with whole_file(path) as file:
                file.write(data)
        except OSError as error:
            raise InvalidInputError(
                f"{path} cannot be written: {error.strerror or error}."
            ) from error


def _lock(descriptor: int) -> bool:
    """Takes an exclusive lock that the system gives back when the process ends."""
    if os.name != "posix":
        return True  # a job's files are written whole all the same
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
