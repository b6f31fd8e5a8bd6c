"""The whole recipe, step by step: each step reads what the ones before it left in a folder."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bark import Bark
from bark.codecs.vocoder import Codebooks
from bark.models.conditioned import ConditionedGPTConfig
from bark.models.fine import FineGPTConfig
from bark.models.gpt import GPTConfig
from bark.text.english.lexicon import LEXICON_PATH
from bark.text.nano import NanoTokenizer

from .coarse import load_streams, train_coarse
from .codec import build_codebooks
from .corpus import held_out_numbers, held_out_prose
from .export import NANO_DIR, VOICES_DIR, export_coarse, export_fine, write_voices
from .features import SPEAKERS, load_features, make_features, training_sentences
from .fine import FINE_CONFIG, train_fine
from .loop import Budget
from .measure import measure_fine, measure_speech, measure_voices, real_time_factor
from .plots import plot_losses
from .text import CONFIG as TEXT_CONFIG
from .text import export_text, train_text
from .text_batches import TextBatches
from .text_data import make_held_out, make_shards, read_items

N_MEASURED = 100
N_MEASURED_NUMBERS = 30

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Sizes and budgets.

    Attributes:
        sentences: for each speaker.
        text_items: sentences for the text model.
        held_out: sentences of prose and with numbers that the text model is measured on.
        iterations: of each k-means.
        text, coarse, fine: budgets of the trainings.
        text_config, coarse_config, fine_config: sizes of the models.
        coarse_batch, fine_batch: crops to a step.
        text_temperature, coarse_temperature: at which a listener understood the models best.
        seed: of everything that is drawn.
    """

    sentences: int = 4_000
    text_items: int = 44_000
    held_out: tuple[int, int] = (150, 30)
    iterations: int = 14
    text: Budget = field(default_factory=lambda: Budget(minutes=98))
    coarse: Budget = field(default_factory=lambda: Budget(minutes=85))
    fine: Budget = field(default_factory=lambda: Budget(minutes=30))
    text_config: GPTConfig = TEXT_CONFIG
    coarse_config: ConditionedGPTConfig = field(default_factory=ConditionedGPTConfig)
    fine_config: FineGPTConfig = FINE_CONFIG
    coarse_batch: int = 16
    fine_batch: int = 16
    text_temperature: float = 0.7
    coarse_temperature: float = 0.4
    seed: int = 0


def quick_recipe() -> Recipe:
    """A handful of sentences and steps, tiny models: two minutes on one core, for CI."""
    budget = Budget(steps=48, validate_every_s=1e9)
    return Recipe(
        sentences=40,
        text_items=64,
        held_out=(6, 2),
        iterations=2,
        text=budget,
        coarse=budget,
        fine=dataclasses.replace(budget, steps=240),  # a regression of what is nearly noise
        text_config=dataclasses.replace(TEXT_CONFIG, n_layer=2, n_head=2, n_embd=64),
        coarse_config=ConditionedGPTConfig(
            block_size=96,
            position_sizes=(96, 4),
            n_layer=2,
            n_head=2,
            n_embd=64,
            condition_width=32,
        ),
        fine_config=dataclasses.replace(FINE_CONFIG, block_size=96, n_layer=1, n_head=2, n_embd=64),
        coarse_batch=8,
        fine_batch=16,
    )


def make_data(recipe: Recipe, out: Path, device: str) -> None:
    """The teacher says everything: features of the speakers, items of the text model."""
    sentences = training_sentences(recipe.sentences * len(SPEAKERS), recipe.seed)
    for i, speaker in enumerate(SPEAKERS):
        make_features(sentences[i :: len(SPEAKERS)], speaker, out / "features")
    make_shards(out / "text_data", recipe.text_items, recipe.seed)
    make_held_out(out / "text_data", *recipe.held_out)


def make_codec(recipe: Recipe, out: Path, device: str) -> None:
    """Clusters the features into codebooks."""
    features = [load_features(out / "features", speaker.name) for speaker in SPEAKERS]
    books = build_codebooks(features, seed=recipe.seed, iterations=recipe.iterations)
    books.save(out / "codec.safetensors")


def make_text(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the text model."""
    tokenizer = NanoTokenizer.from_file()
    batches = TextBatches(out / "text_data", tokenizer, seed=recipe.seed)
    held_out = list(read_items(out / "text_data" / "held_out_prose.jsonl"))
    budget, config = recipe.text, recipe.text_config
    train_text(
        batches,
        held_out,
        tokenizer,
        out / "text",
        budget,
        config=config,
        seed=recipe.seed,
        device=device,
    )


def make_coarse(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the coarse model."""
    books = Codebooks.load(out / "codec.safetensors")
    train_coarse(
        load_streams(out / "features", books),
        books,
        out / "coarse",
        recipe.coarse,
        config=recipe.coarse_config,
        batch_size=recipe.coarse_batch,
        seed=recipe.seed,
        device=device,
    )


def make_fine(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the fine model."""
    books = Codebooks.load(out / "codec.safetensors")
    streams = load_streams(out / "features", books, n_codebooks=8)
    train_fine(
        streams,
        books,
        out / "fine",
        recipe.fine,
        config=recipe.fine_config,
        batch_size=recipe.fine_batch,
        seed=recipe.seed,
        device=device,
    )


def export(recipe: Recipe, out: Path, device: str) -> None:
    """Writes a model folder, `nano`, that `Bark.from_pretrained` reads, and the voices."""
    folder = out / "nano"
    folder.mkdir(parents=True, exist_ok=True)
    books = Codebooks.load(out / "codec.safetensors")
    books.save(folder / "codec.safetensors")
    shutil.copyfile(LEXICON_PATH, folder / LEXICON_PATH.name)
    export_text(
        out / "text",
        folder,
        best_temperature=recipe.text_temperature,
        config=recipe.text_config,
    )
    export_coarse(
        out / "coarse",
        folder,
        best_temperature=recipe.coarse_temperature,
        config=recipe.coarse_config,
    )
    export_fine(out / "fine", folder, books, recipe.fine_config)
    write_voices(out / "voices", books)
    for name in ("text", "coarse", "fine"):
        plot_losses(out / name)


def measure(recipe: Recipe, out: Path, device: str) -> None:
    """Measures the exported model folder; the results go to `measures.json`."""
    bark = Bark.from_pretrained(str(out / "nano"), device=device)
    kept = out / "teacher_heard.json"
    prose = held_out_prose(N_MEASURED)
    results = {
        "prose": measure_speech(bark, prose, kept),
        "numbers": measure_speech(bark, held_out_numbers(N_MEASURED_NUMBERS), kept),
        "voices": measure_voices(bark, prose[:15]),
        "fine": measure_fine(bark, prose[:30]),
    }
    values = {name: dataclasses.asdict(result) for name, result in results.items()}
    values["speed"] = {"real_time_factor": real_time_factor(bark)}
    (out / "measures.json").write_text(json.dumps(values, indent=2) + "\n")
    log.info("%s", json.dumps(values, indent=2))


def ship(recipe: Recipe, out: Path, device: str) -> None:
    """Copies the exported files to where the package carries them."""
    for source, target in ((out / "nano", NANO_DIR), (out / "voices", VOICES_DIR)):
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            shutil.copyfile(path, target / path.name)


Step = Callable[[Recipe, Path, str], None]

STEPS: dict[str, Step] = {
    "data": make_data,
    "codec": make_codec,
    "text": make_text,
    "coarse": make_coarse,
    "fine": make_fine,
    "export": export,
    "measure": measure,
    "ship": ship,
}
ALL_STEPS = ("data", "codec", "text", "coarse", "fine", "export", "measure")
QUICK_STEPS = ("data", "codec", "text", "coarse", "fine", "export")


def losses_that_did_not_fall(out: Path) -> list[str]:
    """Names of the trainings whose held-out loss, the mean of its parts, is no lower at the end."""
    stuck = []
    for name in ("text", "coarse", "fine"):
        lines = (out / name / "log.jsonl").read_text().splitlines()
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        parts = [k for k in first if k not in ("step", "minutes") and "accuracy" not in k]
        if not sum(last[part] for part in parts) < sum(first[part] for part in parts):
            stuck.append(name)
    return stuck
