"""How much of everything the recipe makes, and how long it trains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from bark.codecs.banded import BandCodecConfig
from bark.models.conditioned import ConditionedGPTConfig
from bark.models.fine import FineGPTConfig
from bark.models.gpt import GPTConfig

from .coarse import CONFIG as COARSE_CONFIG
from .fine import FINE_CONFIG
from .loop import Budget
from .text import CONFIG as TEXT_CONFIG


@dataclass(frozen=True)
class Recipe:
    """Sizes and budgets.

    Attributes:
        sentences: that the teacher says for the codec, the coarse and the fine model.
        recorded: sentences that people's voices say, in halves.
        text_items: sentences for the text model.
        held_out: sentences of prose and with numbers that the text model is measured on.
        codec, decoder, widening, letters, text, encoder, coarse, fine: budgets of the trainings;
            `decoder` is the codec's second, `widening` its third, on recorded voices, `encoder`
            the coarse model's without its blocks.
        codec_config, text_config, coarse_config, fine_config: sizes of the models.
        letters_every: the letter model learns each so-manieth word of the lexicon.
        codec_batch, coarse_batches, fine_batch: crops to a step.
        text_temperature, coarse_temperature: at which the judges liked the models best.
        pitch_temperature: at which the coarse model's pitch is as lively as the teacher's.
        melody_steps: of fitting it.
        seed: of everything that is drawn.
    """

    sentences: int = 20_000
    recorded: int = 1_600
    text_items: int = 44_000
    held_out: tuple[int, int] = (150, 30)
    codec: Budget = field(default_factory=lambda: Budget(minutes=70))
    decoder: Budget = field(default_factory=lambda: Budget(minutes=45))
    widening: Budget = field(default_factory=lambda: Budget(minutes=40))
    letters: Budget = field(default_factory=lambda: Budget(minutes=25))
    text: Budget = field(default_factory=lambda: Budget(minutes=90))
    encoder: Budget = field(default_factory=lambda: Budget(minutes=10))
    coarse: Budget = field(default_factory=lambda: Budget(minutes=180))
    fine: Budget = field(default_factory=lambda: Budget(minutes=8))
    codec_config: BandCodecConfig = field(default_factory=BandCodecConfig)
    text_config: GPTConfig = TEXT_CONFIG
    coarse_config: ConditionedGPTConfig = COARSE_CONFIG
    fine_config: FineGPTConfig = FINE_CONFIG
    letters_every: int = 1
    codec_batch: int = 20
    coarse_batches: tuple[int, int] = (5, 8)
    fine_batch: int = 8
    text_temperature: float = 0.7
    coarse_temperature: float = 0.25
    pitch_temperature: float = 0.7
    melody_steps: int = 600
    seed: int = 0

    def scaled(self, share: float) -> Recipe:
        """The same models from a share of the sentences, in a share of the minutes."""
        fewer = {name: round(share * getattr(self, name)) for name in _SENTENCES}
        budgets = {name: getattr(self, name) for name in BUDGETS}
        shorter = {
            name: dataclasses.replace(budget, minutes=share * budget.minutes)
            for name, budget in budgets.items()
        }
        return dataclasses.replace(self, **fewer, **shorter)


BUDGETS = ("codec", "decoder", "widening", "letters", "text", "encoder", "coarse", "fine")
_SENTENCES = ("sentences", "recorded", "text_items")


def quick_recipe() -> Recipe:
    """A handful of sentences and steps, tiny models: two minutes on one core, for CI."""
    budget = Budget(steps=48, validate_every_s=1e9)
    return Recipe(
        sentences=40,
        recorded=150,
        text_items=64,
        held_out=(6, 2),
        codec=dataclasses.replace(budget, steps=340),
        decoder=budget,
        widening=budget,
        letters=budget,
        text=budget,
        encoder=budget,
        coarse=budget,
        fine=dataclasses.replace(budget, steps=120),  # nearly noise: it learns little
        codec_config=BandCodecConfig(latent_width=16, width=32, taps=(7, 5)),
        text_config=dataclasses.replace(TEXT_CONFIG, n_layer=2, n_head=2, n_embd=64),
        coarse_config=ConditionedGPTConfig(
            block_size=96,
            position_sizes=(96, 4),
            n_layer=2,
            n_head=2,
            n_embd=64,
            condition_width=32,
        ),
        fine_config=dataclasses.replace(FINE_CONFIG, n_layer=1, n_head=2, n_embd=64),
        melody_steps=30,
        letters_every=30,
        codec_batch=4,
        coarse_batches=(2, 8),
        fine_batch=16,
    )
