"""The whole recipe, step by step: each step reads what the ones before it left in a folder."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from bark import Bark
from bark.codecs.banded import BandCodec, BandDecoder
from bark.text.english.letters import LETTERS_PATH
from bark.text.english.lexicon import LEXICON_PATH, Lexicon
from bark.text.nano import NanoTokenizer

from .coarse import train_coarse
from .codec import CodecTrainee
from .codec_training import train_codec, utterances_of_all_voices
from .compare import write_comparison
from .corpus import held_out_numbers, held_out_prose
from .decoder import Coded, settle_decoder, utterances_in_turn
from .export import (
    NANO_DIR,
    RECORDED_VOICE_TEXT,
    VOICES_DIR,
    export_coarse,
    export_fine,
    packaged_voices,
    write_voices,
)
from .features import make_features, training_sentences
from .fine import train_fine
from .judges import Judges
from .kokoro.speaking import Kokoro
from .letters import train_letters
from .measure import measure_speech, measure_voices, real_time_factor
from .melody import Temperatures, fit_melody
from .plots import plot_losses
from .recordings import make_recordings, read_recordings, record_prompts
from .sizes import Recipe
from .streams import encode_features, encode_recordings, load_streams
from .text import export_text, train_text
from .text_batches import TextBatches
from .text_data import make_held_out, make_shards, read_items
from .widening import widen_codec

N_MEASURED = 100
N_MEASURED_NUMBERS = 30

log = logging.getLogger(__name__)


def make_data(recipe: Recipe, out: Path, device: str) -> None:
    """The teacher says everything: what the codec learns from, items of the text model."""
    make_features(training_sentences(recipe.sentences, recipe.seed), out / "features")
    make_shards(out / "text_data", recipe.text_items, recipe.seed)
    make_held_out(out / "text_data", *recipe.held_out)


def make_codec(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the codec."""
    train_codec(
        utterances_of_all_voices(out / "features"),
        out / "codec",
        recipe.codec,
        config=recipe.codec_config,
        batch_size=recipe.codec_batch,
        seed=recipe.seed,
    )


def make_decoder(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the codec's decoder further, on nano's voices alone."""
    codec = CodecTrainee.load(out / "codec")
    settle_decoder(
        [Coded(utterances_in_turn(out / "features"), codec)],
        codec,
        out / "decoder",
        recipe.decoder,
        batch_size=recipe.codec_batch,
        seed=recipe.seed,
    )
    codec.save(out / "codec")


def make_codes(recipe: Recipe, out: Path, device: str) -> None:
    """Encodes all that the teacher said, in every voice."""
    encode_features(out / "features", CodecTrainee.load(out / "codec"), out / "codes")


def make_letters(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the model that reads words outside the lexicon, on the CPU."""
    train_letters(
        Lexicon.load(),
        out / "letters",
        recipe.letters,
        every=recipe.letters_every,
        seed=recipe.seed,
    )


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
    """Trains the coarse model, on recorded voices too where there are any."""
    train_coarse(
        load_streams(out / "codes", out / "recorded_codes"),
        _decoder(out),
        out / "coarse",
        recipe.encoder,
        recipe.coarse,
        config=recipe.coarse_config,
        batch_sizes=recipe.coarse_batches,
        seed=recipe.seed,
        device=device,
    )


def make_melody(recipe: Recipe, out: Path, device: str) -> None:
    """Gives the coarse model's pitch a temperature of its own, on the CPU."""
    fit_melody(
        load_streams(out / "codes", out / "recorded_codes"),
        out / "coarse",
        Temperatures(recipe.pitch_temperature, recipe.coarse_temperature),
        recipe.coarse_config,
        steps=recipe.melody_steps,
        seed=recipe.seed,
    )


def make_fine(recipe: Recipe, out: Path, device: str) -> None:
    """Trains the fine model."""
    train_fine(
        load_streams(out / "codes", out / "recorded_codes"),
        _decoder(out),
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
    shutil.copyfile(_codec(out) / "codec.safetensors", folder / "codec.safetensors")
    shutil.copyfile(LEXICON_PATH, folder / LEXICON_PATH.name)
    shutil.copyfile(out / "letters" / LETTERS_PATH.name, folder / LETTERS_PATH.name)
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
    export_fine(out / "fine", folder, _decoder(out), recipe.fine_config)
    write_voices(out / "voices", CodecTrainee.load(_codec(out)), out / "recorded_prompts")
    for name in (*TRAININGS, *WIDENING):
        if (out / name / "log.jsonl").exists():
            plot_losses(out / name)


def measure(recipe: Recipe, out: Path, device: str) -> None:
    """Measures the exported model folder; the results go to `measures.json`."""
    bark = Bark.from_pretrained(str(out / "nano"), device=device)
    judges, prose = Judges(), held_out_prose(N_MEASURED)
    results = {
        "prose": measure_speech(bark, prose, judges),
        "numbers": measure_speech(bark, held_out_numbers(N_MEASURED_NUMBERS), judges),
        **{name: measure_speech(bark, prose[:30], judges, name) for name in packaged_voices()},
        "voices": measure_voices(bark, prose[:10], out / "features", out / "recordings"),
    }
    values = {name: dataclasses.asdict(result) for name, result in results.items()}
    values["speed"] = {"real_time_factor": real_time_factor(bark)}
    (out / "measures.json").write_text(json.dumps(values, indent=2) + "\n")
    log.info("%s", json.dumps(values, indent=2))


def compare(recipe: Recipe, out: Path, device: str) -> None:
    """Writes a page to hear and see nano, its teacher and the model folders in `earlier`."""
    earlier = sorted((out / "earlier").glob("*/"))
    bark = Bark.from_pretrained(str(out / "nano"), device=device)
    write_comparison(bark, out / "comparison", earlier=earlier)


def record(recipe: Recipe, out: Path, device: str) -> None:
    """Kokoro says sentences in two voices, from one of which a third is bent."""
    lexicon = Lexicon.load()
    kokoro = Kokoro(lexicon, out)
    sentences = training_sentences(recipe.recorded, recipe.seed + 1)
    make_recordings(sentences, kokoro.speak, lexicon, out / "recordings")
    record_prompts(RECORDED_VOICE_TEXT, kokoro.speak, lexicon, out / "recorded_prompts")


def widen(recipe: Recipe, out: Path, device: str) -> None:
    """The codec learns the recorded voices, into a folder of its own, and encodes them.

    Its encoder gives their codes, the one before keeps giving those of nano's other voices; the
    decoder settles on both.
    """
    before, codec = CodecTrainee.load(out / "codec"), CodecTrainee.load(out / "codec")
    known, recorded = utterances_in_turn(out / "features"), read_recordings(out / "recordings")
    sizes = {"batch_size": recipe.codec_batch, "seed": recipe.seed}
    widen_codec(known, recorded, codec, out / "widened", recipe.widening, **sizes)
    spoken = [Coded(known, before), Coded(recorded, codec)]
    settle_decoder(spoken, codec, out / "widened" / "decoder", recipe.decoder, **sizes)
    codec.save(out / "widened")
    encode_recordings(out / "recordings", codec, out / "recorded_codes")


def ship(recipe: Recipe, out: Path, device: str) -> None:
    """Copies the exported files to where the package carries them."""
    for source, target in ((out / "nano", NANO_DIR), (out / "voices", VOICES_DIR)):
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.iterdir()):
            shutil.copyfile(path, target / path.name)


def _codec(out: Path) -> Path:
    """The folder of the codec that speaks all voices: the widened one where there is one."""
    widened = out / "widened"
    return widened if (widened / "codec.safetensors").exists() else out / "codec"


def _decoder(out: Path) -> BandDecoder:
    return BandCodec.from_file(_codec(out) / "codec.safetensors").decoder


Step = Callable[[Recipe, Path, str], None]

STEPS: dict[str, Step] = {
    "data": make_data,
    "codec": make_codec,
    "decoder": make_decoder,
    "codes": make_codes,
    "record": record,
    "widen": widen,
    "letters": make_letters,
    "text": make_text,
    "coarse": make_coarse,
    "melody": make_melody,
    "fine": make_fine,
    "export": export,
    "measure": measure,
    "compare": compare,
    "ship": ship,
}
"""In their order."""

TRAININGS = ("codec", "decoder", "letters", "text", "coarse/encoder", "coarse/blocks", "fine")
WIDENING = ("widened", "widened/decoder")
"""Folders with a log each, these where voices were recorded."""

ALL_STEPS = tuple(step for step in STEPS if step != "ship")
_LONG_STEPS = ("record", "widen", "measure", "compare")  # or they need what CI has not
QUICK_STEPS = tuple(step for step in ALL_STEPS if step not in _LONG_STEPS)


def losses_that_did_not_fall(out: Path) -> list[str]:
    """Names of the trainings whose held-out loss, the mean of its parts, is no lower at the end."""
    stuck = []
    for name in TRAININGS:
        lines = (out / name / "log.jsonl").read_text().splitlines()
        first, last = json.loads(lines[0]), json.loads(lines[-1])
        parts = [k for k in first if k not in ("step", "minutes") and "accuracy" not in k]
        if not sum(last[part] for part in parts) < sum(first[part] for part in parts):
            stuck.append(name)
    return stuck
