"""`Request`: what one take shall be, made once by whoever is asked and carried to the batch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from .audio.record import MAX_RECORD_CHARS
from .errors import InvalidInputError
from .options import GenerationOptions
from .take import STAGES, Take
from .text.splitting import normalize_whitespace
from .voices.prompt import Voice, VoicePrompt

MAX_TEXT_LEN = MAX_RECORD_CHARS * 3 // 8
"""Of a take, as its record writes it: ASCII, and once more what was not heard."""


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What one take shall be: checked when it is made, and not looked into again.

    Attributes:
        text: what to say, as it was typed: line ends may be pauses.
        voice: who says it; a name is looked up by the `Bark` that speaks.
        options: how, always with a seed: where none is given one is drawn.
        first_stage: where the computation begins.
        last_stage: where it ends; before "decode" the take has tokens and no sound.
        given: tokens of the stages before `first_stage`.
        n_kept: for a take made anew from a word on, how many semantic tokens of `given` stay,
            with all codes of the same time; 0 keeps none.

    Raises:
        InvalidInputError: there is nothing in the text, or more than an audio file's record can
            keep; an unknown stage; a beginning is to be kept where nothing is made anew.
    """

    text: str
    voice: Voice = None
    options: GenerationOptions = dataclasses.field(default_factory=GenerationOptions)
    first_stage: str = "semantic"
    last_stage: str = "decode"
    given: VoicePrompt | None = None
    n_kept: int = 0

    def __post_init__(self) -> None:
        check_text(self.text)
        for stage in (self.first_stage, self.last_stage):
            if stage not in STAGES:
                raise InvalidInputError(
                    f"Unknown stage {stage!r}; it may be one of {', '.join(STAGES)}."
                )
        if self.n_kept and self.first_stage == "decode":
            raise InvalidInputError("The codec decodes a take as a whole; keep nothing of it.")
        if self.options.seed is None:
            object.__setattr__(self, "options", self.options.seeded())

    @property
    def seed(self) -> int:
        """Where its random stream begins."""
        assert self.options.seed is not None
        return self.options.seed

    def with_seed_after(self, n: int) -> Request:
        """The same request with the n-th seed after its own."""
        return dataclasses.replace(self, options=self.options.with_seed_after(n))

    @property
    def shared(self) -> tuple[GenerationOptions, str, str]:
        """What must be equal in requests that are computed together: all but text, voice, seed."""
        return dataclasses.replace(self.options, seed=0), self.first_stage, self.last_stage


def requests_for(
    texts: Sequence[str],
    voice: Voice,
    options: GenerationOptions,
    seeds: Sequence[int] | None = None,
    *,
    last_stage: str = "decode",
) -> list[Request]:
    """A request for each text.

    Args:
        seeds: one each; None counts up from the options' seed, or from a drawn one.

    Raises:
        InvalidInputError: a text is none, or there is another number of seeds.
    """
    return [
        Request(text, voice, dataclasses.replace(options, seed=seed), last_stage=last_stage)
        for text, seed in zip(texts, options.seeds(len(texts), seeds), strict=True)
    ]


def redo_request(
    take: Take, from_stage: str, voice: Voice, options: GenerationOptions, *, n_kept: int = 0
) -> Request:
    """A request for a take made anew from a stage on, with the tokens it had before that stage.

    Args:
        n_kept: semantic tokens that stay, with all codes of the same time.
    """
    return Request(
        take.text, voice, options, first_stage=from_stage, given=take.tokens, n_kept=n_kept
    )


def check_text(text: str) -> str:
    """The text with its white space normalised, as the models read it.

    Raises:
        InvalidInputError: there is nothing in it, or more than an audio file's record can keep.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"The text is a {type(text).__name__}; it must be a str.")
    if len(json.dumps(text)) > MAX_TEXT_LEN:  # so the take, once made, can be saved
        raise InvalidInputError(
            f"The text has {len(text):,} characters, and a take keeps at most {MAX_TEXT_LEN:,} "
            "with what it did not hear; split it and speak the parts."
        )
    words = normalize_whitespace(text)
    if not words:
        raise InvalidInputError("The text is empty; write what shall be spoken.")
    return words
