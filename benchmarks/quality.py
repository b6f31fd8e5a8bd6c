"""What the faster precisions cost: `python -m benchmarks.quality`.

On nano, whose weights are trained: the change of the negative log-likelihood per token, and how
often the same random numbers draw the same token behind the same past. On the official sizes with
random weights: the error of the logits.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bark import Bark
from bark.coarse import flatten_codes
from bark.model import GPT
from bark.model_fine import FineGPT
from bark.model_nano import ConditionedGPT
from bark.positions import infer_position, semantic_positions, text_positions
from bark.quantize import apply_precision
from bark.spec import BARK
from bark.take import Take

from .machine import describe_machine
from .weights import load_model, make_weights

_SENTENCES = (
    "The ferry leaves the harbour at half past six.",
    "Nobody expected the old bridge to hold.",
    "Please bring two loaves of bread and some butter.",
    "Why did they paint the door yellow?",
    "A cold wind came down from the hills that night.",
    "She wrote the letter twice and burned it once.",
    "There are thirty seven windows on this side.",
    "He laughed, and then he told the whole story.",
)
_PRECISIONS = ("int8", "bf16")
_TEMPERATURE = 0.7
_STAGES = ("semantic", "coarse", "fine")


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Logits (N, V) float32 of the tokens (N,) that came next."""

    logits: Tensor
    tokens: Tensor

    def nll(self) -> float:
        """Negative log-likelihood per token, nats."""
        return float(nn.functional.cross_entropy(self.logits, self.tokens))

    def drawn(self) -> Tensor:
        """(N,) the tokens that one fixed noise draws."""
        noise = torch.empty_like(self.logits)
        noise.exponential_(generator=torch.Generator().manual_seed(3))
        return (torch.softmax(self.logits / _TEMPERATURE, dim=-1) / noise).argmax(dim=-1)


def _score_semantic(bark: Bark, model: GPT, take: Take) -> Scored:
    spec, tokens = bark.spec, take.tokens.semantic
    text = bark.tokenizer.encode(take.text).ids
    infer = [spec.semantic_infer_token]
    ids = np.concatenate([text + spec.text_offset, infer, tokens])
    places = [text_positions(text), infer_position(), semantic_positions(tokens)]
    logits = model(torch.from_numpy(ids)[None], torch.from_numpy(np.concatenate(places))[None])
    n_candidates = spec.semantic_pad_token + 1
    return Scored(logits[0, len(text) : -1, :n_candidates], torch.from_numpy(tokens))


def _score_coarse(bark: Bark, model: ConditionedGPT, take: Take) -> Scored:
    flat = torch.from_numpy(flatten_codes(bark.spec, take.tokens.coarse))
    n = min(len(flat), model.config.block_size)
    start = torch.tensor([bark.spec.coarse_infer_token])
    index = torch.arange(n)
    phase = index % round(bark.spec.coarse_per_semantic)
    known = model.condition(torch.from_numpy(take.tokens.semantic)[None])[0, :n]
    x = model.embed_tokens(torch.cat([start, flat[: n - 1]]))
    x = x + known + model.embed_positions(torch.stack([index, phase], dim=-1))
    logits = model.head(model.trunk(x[None]))[0].view(n, -1, bark.spec.codebook_size)
    codebook = index % bark.spec.n_coarse_codebooks
    return Scored(logits[index, codebook], flat[:n] % bark.spec.codebook_size)


def _score_fine(bark: Bark, model: FineGPT, take: Take) -> Scored:
    codes = torch.from_numpy(take.tokens.fine.astype(np.int64)).T[: model.config.block_size]
    logits, tokens = [], []
    for codebook in range(bark.spec.n_coarse_codebooks, bark.spec.n_codebooks):
        given = codes.clone()
        given[:, codebook:] = bark.spec.fine_pad_token
        logits.append(model(codebook, given[None])[0, :, : bark.spec.codebook_size])
        tokens.append(codes[:, codebook])
    return Scored(torch.cat(logits), torch.cat(tokens))


_SCORES: dict[str, Callable[..., Scored]] = {
    "semantic": _score_semantic,
    "coarse": _score_coarse,
    "fine": _score_fine,
}


def nano_table() -> str:
    """Nano on its own float32 takes of a few sentences."""
    bark = Bark.from_pretrained("nano", device="cpu", precision="fp32")
    takes = [bark.generate(sentence, seed=seed) for seed, sentence in enumerate(_SENTENCES)]
    rows = [
        "| stage | tokens | precision | NLL | change | equal draws |",
        "|---|---|---|---|---|---|",
    ]
    for stage in _STAGES:
        exact = _score_all(bark, stage, bark.model(stage), takes)
        for precision in ("fp32", *_PRECISIONS):
            model = apply_precision(copy.deepcopy(bark.model(stage)), precision, "cpu")
            scored = _score_all(bark, stage, model, takes)
            equal = float((scored.drawn() == exact.drawn()).float().mean())
            nll, change = scored.nll(), scored.nll() - exact.nll()
            cells = f"{precision} | {nll:.4f} | {change:+.4f} | {equal:.2%}"
            rows.append(f"| {stage} | {len(scored.tokens):,} | {cells} |")
    return "\n".join(rows)


@torch.inference_mode()
def _score_all(bark: Bark, stage: str, model: nn.Module, takes: list[Take]) -> Scored:
    scores = [_SCORES[stage](bark, model, take) for take in takes]
    return Scored(torch.cat([s.logits for s in scores]), torch.cat([s.tokens for s in scores]))


@torch.inference_mode()
def random_table(size: str, folder: Path) -> str:
    """The error of the logits on random weights of an official size, 200 positions."""
    rows = ["| model | precision | error of the logits | equal draws |", "|---|---|---|---|"]
    generator = torch.Generator().manual_seed(2)
    for part in ("text", "coarse", "fine"):
        make_weights(size, part, folder)
        shape = (1, 200, BARK.n_codebooks) if part == "fine" else (1, 200)
        ids = torch.randint(0, BARK.codebook_size, shape, generator=generator)
        exact = _logits(load_model(size, part, folder), ids)
        for precision in _PRECISIONS:
            model = apply_precision(load_model(size, part, folder), precision, "cpu")
            logits = _logits(model, ids)
            error = float((logits - exact).norm() / exact.norm())
            draws = [Scored(x, torch.zeros(len(x))).drawn() for x in (logits, exact)]
            equal = float((draws[0] == draws[1]).float().mean())
            rows.append(f"| {size} {part} | {precision} | {error:.2%} | {equal:.2%} |")
    return "\n".join(rows)


def _logits(model: nn.Module, ids: Tensor) -> Tensor:
    return (model(4, ids) if isinstance(model, FineGPT) else model(ids))[0]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--sizes", default="small", help="official sizes, separated by commas")
    parser.add_argument("--folder", type=Path, help="keeps the random weights there")
    args = parser.parse_args()
    print(f"{describe_machine()}\n\nnano, its own takes:\n\n{nano_table()}\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in args.sizes.split(","):
            print(f"{size}, random weights:\n\n{random_table(size, folder)}\n")


if __name__ == "__main__":
    main()
