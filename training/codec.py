"""The codec's codebooks: clusters of the teacher's parameters.

Codebook 0 has 1,024 envelopes; codebook 1 has 32 pitches times 32 corrections of the envelope, the
split that a listener understood best. What is left is cut into principal directions, a few to
each of codebooks 2 to 7. They do not quantise each other's rest, as a residual quantiser would:
every one of them is a smooth function of time that a model with context can predict.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bark.codecs.vocoder import N_CEPSTRUM, N_CORRECTIONS, N_PITCHES, Codebooks

from .features import Features, is_pause

CODEBOOK_SIZE = 1_024
LOWEST_HZ, HIGHEST_HZ = 62.0, 310.0
GROUPS = (4, 4, 4, 4, 5, 5)
"""Principal directions in codebooks 2 to 7; the last also holds the rest of the log pitch."""

# By Parseval, distances between cepstra weighted so are distances between log envelopes.
WEIGHTS = np.array([1.0] + [0.5**0.5] * (N_CEPSTRUM - 1), np.float32)
_PITCH_WEIGHT = 10.0  # brings the rest of the log pitch, a few hundredths, to the others' size
_MAX_FRAMES = 150_000
_MAX_FINE_FRAMES = 60_000

log = logging.getLogger(__name__)


def build_codebooks(
    features: Sequence[Features], *, seed: int = 0, iterations: int = 25
) -> Codebooks:
    """Clusters all speakers' frames; pauses count for a fifth of their share.

    Args:
        features: one entry a speaker.
        seed: of the draws.
        iterations: of each k-means.
    """
    generator = torch.Generator().manual_seed(seed)
    cepstrum = np.concatenate([f.cepstrum for f in features])
    f0 = np.concatenate([f.f0 for f in features])
    strengths = np.concatenate([f.strengths for f in features])
    pause = np.concatenate([is_pause(f.semantic).repeat(2) for f in features])
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero(~pause | (rng.random(len(pause)) < 0.2))
    kept = rng.permutation(kept)[:_MAX_FRAMES]
    cepstrum, f0, strengths = cepstrum[kept], f0[kept], strengths[kept]

    mean = cepstrum.mean(0)
    weighted = torch.from_numpy((cepstrum - mean) * WEIGHTS)
    envelopes = kmeans(weighted, CODEBOOK_SIZE, generator, iterations)
    chosen = nearest(weighted, envelopes)
    residual = weighted - envelopes[chosen]
    corrections = kmeans(residual, N_CORRECTIONS, generator, iterations)
    residual = residual - corrections[nearest(residual, corrections)]
    pitches = np.concatenate([[0], np.geomspace(LOWEST_HZ, HIGHEST_HZ, N_PITCHES - 1)])
    rest = np.concatenate(
        [residual.numpy(), _PITCH_WEIGHT * pitch_rest(f0, pitches)[:, None]], axis=1
    )
    fine, directions = _fine_books(torch.from_numpy(rest).float(), generator, iterations)
    return Codebooks(
        mean=mean,
        envelopes=envelopes.numpy() / WEIGHTS,
        strengths=_mean_by_code(strengths[f0 > 0], chosen.numpy()[f0 > 0]),
        pitches=pitches.astype(np.float32),
        corrections=corrections.numpy() / WEIGHTS,
        fine=fine,
        directions=directions,
    )


def encode(features: Features, books: Codebooks, n_codebooks: int = 8) -> np.ndarray:
    """Codes of features: (n_codebooks, T) int64 in [0, 1024), 75 Hz, 2 or more codebooks."""
    weighted = torch.from_numpy((features.cepstrum - books.mean) * WEIGHTS)
    envelopes = torch.from_numpy(books.envelopes * WEIGHTS)
    corrections = torch.from_numpy(books.corrections * WEIGHTS)
    first = nearest(weighted, envelopes)
    residual = weighted - envelopes[first]
    correction = nearest(residual, corrections)
    residual = residual - corrections[correction]
    second = pitch_level(features.f0, books.pitches) * N_CORRECTIONS + correction.numpy()
    rest = np.concatenate(
        [residual.numpy(), _PITCH_WEIGHT * pitch_rest(features.f0, books.pitches)[:, None]], axis=1
    )
    codes = [first.numpy(), second]
    n_fine = n_codebooks - len(codes)
    for book, directions in zip(books.fine[:n_fine], books.directions[:n_fine], strict=True):
        # The rows of `directions` are orthonormal in the weighted space.
        rows = directions * np.append(WEIGHTS, _PITCH_WEIGHT)
        numbers = torch.from_numpy((rest @ rows.T).astype(np.float32))
        codes.append(nearest(numbers, torch.from_numpy(book)).numpy())
    return np.stack(codes)


def pitch_level(f0: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Index of the nearest pitch on a log scale, 0 where unvoiced: (T,) int64."""
    steps = np.log(np.maximum(f0, 1.0))[:, None] - np.log(pitches[None, 1:])
    return np.where(f0 > 0, 1 + np.abs(steps).argmin(1), 0)


def pitch_rest(f0: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Natural log of pitch over its level, 0 where unvoiced: (T,) float."""
    level = pitches[pitch_level(f0, pitches)]
    return np.where(f0 > 0, np.log(np.maximum(f0, 1.0) / np.maximum(level, 1.0)), 0)


def kmeans(points: Tensor, k: int, generator: torch.Generator, iterations: int) -> Tensor:
    """Lloyd's algorithm: (n, d) float32 -> (k, d); empty clusters move to random points."""
    centres = points[torch.randperm(len(points), generator=generator)[:k]].clone()
    if len(centres) < k:
        raise ValueError(f"{len(centres)} points came, expected at least {k}; make more data")
    for _ in range(iterations):
        owner = nearest(points, centres)
        count = torch.bincount(owner, minlength=k)[:, None]
        total = torch.zeros_like(centres).index_add_(0, owner, points)
        drawn = points[torch.randint(len(points), (k,), generator=generator)]
        centres = torch.where(count > 0, total / count.clamp(min=1), drawn)
    return centres


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Index of each point's nearest centre: (n, d), (k, d) -> (n,) int64."""
    norms = (centres * centres).sum(1)
    # Pieces that stay in the cache, and numpy's argmin: four times as fast as torch's on a CPU.
    pieces = [
        torch.addmm(norms, piece, centres.T, alpha=-2).numpy().argmin(1)
        for piece in points.split(1_024)
    ]
    return torch.from_numpy(np.concatenate(pieces))


def _fine_books(
    rest: Tensor, generator: torch.Generator, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions of the envelope's rest, clustered group by group."""
    envelope = rest[:, :N_CEPSTRUM]
    _, vectors = torch.linalg.eigh(envelope.T @ envelope / len(envelope))
    rows = torch.cat([vectors.T.flip(0), torch.zeros(N_CEPSTRUM, 1)], 1)  # largest first
    pitch_row = torch.zeros(1, N_CEPSTRUM + 1)
    pitch_row[0, -1] = 1
    rows = torch.cat([rows, pitch_row])
    width = max(GROUPS)
    books = np.zeros((len(GROUPS), CODEBOOK_SIZE, width), np.float32)
    directions = np.zeros((len(GROUPS), width, N_CEPSTRUM + 1), np.float32)
    for i, group in enumerate(torch.split(rows, list(GROUPS))):
        numbers = rest[:_MAX_FINE_FRAMES] @ group.T  # in random order
        books[i, :, : len(group)] = kmeans(numbers, CODEBOOK_SIZE, generator, iterations).numpy()
        scale = np.append(WEIGHTS, _PITCH_WEIGHT)
        directions[i, : len(group)] = group.numpy() / scale
    log.info("energy of the rest %.4f", float((envelope**2).sum(1).mean()))
    return books, directions


def _mean_by_code(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    """(1024, d) mean of the rows that have each code; the mean of all for codes without any."""
    count = np.bincount(code, minlength=CODEBOOK_SIZE)[:, None]
    total = np.zeros((CODEBOOK_SIZE, values.shape[1]))
    np.add.at(total, code, values)
    return np.where(count > 0, total / np.maximum(count, 1), values.mean(0)).astype(np.float32)
