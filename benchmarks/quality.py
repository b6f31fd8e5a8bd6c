"""What the faster precisions cost: `python -m benchmarks.quality`.

On nano, whose weights are trained: the change of the negative log-likelihood per token, and how
often the same random numbers draw the same token behind the same past; and what a listener
(pocketsphinx) understands. On the official sizes with random weights: the error of the logits.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bark import Bark, Take
from bark.models.conditioned import ConditionedGPT
from bark.models.fine import FineGPT
from bark.models.gpt import GPT
from bark.models.native.library import load_library
from bark.spec import BARK
from bark.stages.coarse import flatten_codes
from bark.stages.positions import infer_position, semantic_positions, text_positions
from training.corpus import held_out_prose
from training.listener import Listener, closed_choice_rate, plain_words, word_error_rate
from training.measure import speak_sentences

from .machine import describe_machine
from .options import add_folder, names, parser_of, weights_folder
from .report import Row, keep, markdown
from .weights import make_model

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
EXACT = "fp32"
_TEMPERATURE = 0.7
_CHOICES = 20  # sentences that what was heard may stand for


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

    def equal_draws(self, other: Scored) -> float:
        """How often that noise draws the same token from others' logits."""
        return float((self.drawn() == other.drawn()).float().mean())


def _read(model: GPT, x: Tensor) -> Tensor:
    """(B, T, C) -> (B, T, C), through a cache of the kind that decoding reads."""
    return model.trunk(x, model.new_cache(len(x), x.shape[1]))


def faster_precisions() -> tuple[str, ...]:
    """Those beside float32 that there are on this machine's processor."""
    return ("int8", "bf16") if load_library() is None else ("int8", "int4", "bf16")


def _score_semantic(bark: Bark, model: GPT, take: Take) -> Scored:
    spec, tokens = bark.spec, take.tokens.semantic
    text = bark.tokenizer.encode(take.text).ids
    infer = [spec.semantic_infer_token]
    ids = np.concatenate([text + spec.text_offset, infer, tokens])
    places = [text_positions(text), infer_position(), semantic_positions(tokens)]
    x = model.embed(torch.from_numpy(ids)[None], torch.from_numpy(np.concatenate(places))[None])
    logits = model.head(_read(model, x))
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
    logits = model.head(_read(model, x[None]))[0].view(n, -1, bark.spec.codebook_size)
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


@torch.inference_mode()
def nano_rows(barks: Mapping[str, Bark]) -> list[Row]:
    """Nano in some precisions on its own float32 takes of a few sentences."""
    exact_bark = barks[EXACT]
    seeds = list(range(len(_SENTENCES)))
    takes = exact_bark.generate_batch(_SENTENCES, seeds=seeds)
    rows = []
    for stage, score in _SCORES.items():
        exact = _score_all(exact_bark, score, exact_bark.model(stage), takes)
        for precision, bark in barks.items():
            scored = _score_all(bark, score, bark.model(stage), takes)
            rows.append(
                {
                    "stage": stage,
                    "tokens": f"{len(scored.tokens):,}",
                    "precision": precision,
                    "NLL": f"{scored.nll():.4f}",
                    "change": f"{scored.nll() - exact.nll():+.4f}",
                    "equal draws": f"{scored.equal_draws(exact):.2%}",
                }
            )
    return rows


@torch.inference_mode()
def draft_rows(barks: Mapping[str, Bark]) -> list[Row]:
    """How often drafts would be right behind the same past: nano's float32 by lesser models.

    Nano is the only trained model here, so its smaller sibling is itself with a block left out.
    """
    exact_bark = barks[EXACT]
    takes = exact_bark.generate_batch(_SENTENCES, seeds=list(range(len(_SENTENCES))))
    rows = []
    for stage in ("semantic", "coarse"):
        model, score = exact_bark.model(stage), _SCORES[stage]
        assert isinstance(model, GPT)
        exact = _score_all(exact_bark, score, model, takes)
        lesser: dict[str, nn.Module] = {
            name: bark.model(stage) for name, bark in barks.items() if name != EXACT
        }
        for i in range(model.config.n_layer):
            lesser[f"without block {i + 1} of {model.config.n_layer}"] = without_block(model, i)
        for name, draft in lesser.items():
            share = _score_all(exact_bark, score, draft, takes).equal_draws(exact)
            rows.append({"stage": stage, "draft": name, "true proposals": f"{share:.1%}"})
    return rows


def without_block(model: GPT, index: int) -> GPT:
    """The same weights, with one transformer block less, computed by torch."""
    shorter = copy.copy(model)
    shorter._modules = dict(model._modules)
    shorter.native = shorter.draft = None
    kept = [block for i, block in enumerate(model.transformer["h"]) if i != index]
    parts = {**model.transformer, "h": nn.ModuleList(kept)}
    shorter.transformer = nn.ModuleDict(parts)
    return shorter


def _score_all(
    bark: Bark, score: Callable[..., Scored], model: nn.Module, takes: Sequence[Take]
) -> Scored:
    scores = [score(bark, model, take) for take in takes]
    return Scored(torch.cat([s.logits for s in scores]), torch.cat([s.tokens for s in scores]))


def heard_rows(barks: Mapping[str, Bark], n_sentences: int) -> list[Row]:
    """What a listener understands of nano in some precisions, same sentences and seeds.

    Raises:
        ImportError, FileNotFoundError: the listener or the sentences are not installed.
    """
    sentences = held_out_prose(n_sentences)
    listener = Listener()
    reader = next(iter(barks.values()))
    spoken = [reader.reading(sentence) for sentence in sentences]
    rows = []
    for precision, bark in barks.items():
        takes = speak_sentences(bark, sentences, None)
        heard = [listener.hear(take.audio, take.sample_rate) for take in takes]
        rows.append(
            {
                "precision": precision,
                "sentences": str(len(sentences)),
                "words": str(sum(len(plain_words(text)) for text in spoken)),
                "word error rate": f"{word_error_rate(spoken, heard):.1%}",
                "closed choice of 20": _closed_choice(spoken, heard),
                "seconds of audio": f"{sum(take.duration_s for take in takes):.1f}",
            }
        )
    return rows


def _closed_choice(spoken: Sequence[str], heard: Sequence[str]) -> str:
    """The share as text; nothing where there are too few sentences to choose among."""
    return f"{closed_choice_rate(spoken, heard):.1%}" if len(spoken) >= _CHOICES else ""


@torch.inference_mode()
def random_rows(size: str, folder: Path) -> list[Row]:
    """The error of the logits on random weights of an official size, 200 positions."""
    generator = torch.Generator().manual_seed(2)
    model = make_model(size, folder)
    rows = []
    for stage in _SCORES:
        shape = (1, 200, BARK.n_codebooks) if stage == "fine" else (1, 200)
        ids = torch.randint(0, BARK.codebook_size, shape, generator=generator)
        exact = _logits(model, EXACT, stage, ids)
        for precision in faster_precisions():
            scored = _logits(model, precision, stage, ids)
            error = float((scored.logits - exact.logits).norm() / exact.logits.norm())
            rows.append(
                {
                    "stage": stage,
                    "precision": precision,
                    "error of the logits": f"{error:.2%}",
                    "equal draws": f"{scored.equal_draws(exact):.2%}",
                }
            )
    return rows


def _logits(folder: Path, precision: str, stage: str, ids: Tensor) -> Scored:
    bark = Bark.from_pretrained(folder, device="cpu", precision=precision, lazy=True)
    model = bark.model(stage)
    if isinstance(model, FineGPT):
        logits = model(4, ids)[0]
    else:
        logits = model.head(_read(model, model.embed(ids)))[0]
    return Scored(logits, torch.zeros(len(logits)))


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = parser_of("benchmarks.quality", __doc__)
    parser.add_argument("--sizes", type=names, default=["small"], help="with random weights")
    parser.add_argument("--sentences", type=int, default=30, help="for the listener; 0 is none")
    add_folder(parser)
    args = parser.parse_args(argv)
    print(describe_machine())
    tables = {}

    def show(title: str, rows: list[Row]) -> None:
        tables[title] = rows
        print(f"\n{title}:\n\n{markdown(rows)}", flush=True)
        keep(args, tables)

    barks = {
        precision: Bark.from_pretrained("nano", device="cpu", precision=precision)
        for precision in (EXACT, *faster_precisions())
    }
    show("nano, its own takes", nano_rows(barks))
    show("nano, proposals that would come true", draft_rows(barks))
    if args.sentences:
        try:
            show("nano, as a listener hears it", heard_rows(barks, args.sentences))
        except (ImportError, FileNotFoundError) as reason:
            print(f"\nnano, as a listener hears it: not measured, {reason}")
    with weights_folder(args.folder) as folder:
        for size in args.sizes:
            show(f"{size}, random weights", random_rows(size, folder))


if __name__ == "__main__":
    main()
