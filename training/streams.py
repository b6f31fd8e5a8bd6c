"""The voices as tokens: what the coarse and fine models learn from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bark.spec import NANO

from .codec import CodecTrainee
from .features import Utterance, feature_files, load_utterances
from .recordings import recorded_voices
from .speakers import SPEAKERS, in_voice, otherwise, speakers_of

N_VERSIONS = 4
"""Of each recorded sentence, besides itself. Without them the coarse model learned recordings of
half an hour by heart: held-out losses of 1.6 and 3.2 nats, in voices of four hours 1.1 and 2.6."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Stream:
    """All utterances of one speaker as tokens, one after the other.

    Attributes:
        semantic: (n,) int64.
        codes: (8, 2 n) int64.
        latent: (2 n, d) float32, what the codec's encoder made of them.
        starts: (n_utterances,) int64, where each begins in `semantic`.
    """

    semantic: np.ndarray
    codes: np.ndarray
    latent: np.ndarray
    starts: np.ndarray

    @property
    def flat(self) -> np.ndarray:
        """(4 n,) int64 coarse tokens, codebook 0 in [0, 1024) and 1 in [1024, 2048) in turn."""
        offsets = NANO.codebook_size * np.arange(2)[:, None]
        return (self.codes[:2] + offsets).T.reshape(-1)


def encode_features(features: Path, codec: CodecTrainee, out: Path) -> None:
    """Encodes every sentence in the teacher's own voice and in bent ones, file by file.

    Args:
        features: folder of `training.features.make_features`.
        codec: trained.
        out: folder for `<speaker>-<number>.npz`; a restart keeps what is there.
    """
    out.mkdir(parents=True, exist_ok=True)
    number = 0
    for path in feature_files(features):
        utterances = load_utterances(path)
        for speaker in SPEAKERS:
            target = out / f"{speaker.name}-{path.name}"
            numbered = enumerate(utterances, start=number)
            said = [utterance for i, utterance in numbered if speaker in speakers_of(i)]
            if said and not target.exists():
                _write(target, [in_voice(utterance, speaker) for utterance in said], codec)
        number += len(utterances)
        log.info("%s encoded", path.name)


def encode_recordings(
    recordings: Path, codec: CodecTrainee, out: Path, n_versions: int = N_VERSIONS
) -> None:
    """Encodes what `training.recordings.make_recordings` wrote, file by file, and versions of it.

    Args:
        recordings: folder of `<voice>-<number>.npz`.
        codec: trained.
        out: folder for files of the same names, and `<voice>-<number>-<version>.npz`; a restart
            keeps what is there.
        n_versions: of each file, see `training.speakers.otherwise`.
    """
    out.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(feature_files(recordings)):
        targets = [out / path.name]
        targets += [out / f"{path.stem}-{k}.npz" for k in range(n_versions)]
        said = [] if all(map(Path.exists, targets)) else load_utterances(path)
        for k, target in enumerate(targets):
            if not target.exists():
                rng = np.random.default_rng((number, k))
                made = [otherwise(u, rng) for u in said] if k else said
                _write(target, made, codec)


def _write(path: Path, said: Sequence[Utterance], codec: CodecTrainee) -> None:
    encoded = [codec.encode(u.mel, u.bands.f0.numpy()) for u in said]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(
            file,
            codes=np.concatenate([codes for codes, _ in encoded], axis=1).astype(np.int16),
            latent=np.concatenate([latent for _, latent in encoded]).astype(np.float16),
            semantic=np.concatenate([u.semantic for u in said]).astype(np.int16),
            lengths=np.array([len(u.semantic) for u in said]),
        )
    partial.replace(path)


def load_streams(folder: Path, recorded: Path | None = None) -> list[Stream]:
    """One stream a speaker: `SPEAKERS` in their order, then the recorded voices in theirs.

    Args:
        folder: of `encode_features`.
        recorded: of `encode_recordings`; nobody is recorded where it is missing.

    Raises:
        FileNotFoundError: one of `SPEAKERS` has none.
    """
    streams = [_load(folder, speaker.name) for speaker in SPEAKERS]
    if recorded is not None:
        streams += [_load(recorded, name) for name in recorded_voices(recorded)]
    return streams


def _load(folder: Path, name: str) -> Stream:
    paths = sorted(folder.glob(f"{name}-*.npz"))
    if not paths:
        raise FileNotFoundError(
            f"no codes of {name!r} in {folder}; run `python -m training codes` first"
        )
    parts: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                parts.setdefault(name, []).append(file[name])
    lengths = np.concatenate(parts["lengths"])
    return Stream(
        semantic=np.concatenate(parts["semantic"]).astype(np.int64),
        codes=np.concatenate(parts["codes"], axis=1).astype(np.int64),
        latent=np.concatenate(parts["latent"]).astype(np.float32),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64),
    )
