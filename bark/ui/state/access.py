"""What somebody may see and hear: every way into the studio asks here, and nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ...audio.files import FORMATS
from ...checkpoints.registry import ModelInfo, list_models
from ...environment import MODELS
from ...errors import BarkError, InvalidInputError
from ...request import Request
from ...spec import ModelSpec
from ...styles import own_styles_dir
from ...voices.library import VoiceInfo, list_voices, load_named_voice, own_voices_dir
from ...voices.prompt import VoicePrompt, check_voice
from .sessions import Visit


@dataclasses.dataclass(frozen=True)
class LongTextLimits:
    """Bounds of long texts.

    Attributes:
        n_chars, n_chunks: of one text.
        n_kept: texts that are kept at a time; the oldest goes when another one comes.
    """

    n_chars: int
    n_chunks: int
    n_kept: int


OWNER_LIMITS = LongTextLimits(n_chars=1_000_000, n_chunks=10_000, n_kept=1_000)


@dataclasses.dataclass(frozen=True)
class Access:
    """What one caller may see and hear; what it does not list is not there for them.

    Attributes:
        visit: whose takes and voices are the caller's; None for a program, which keeps nothing.
        is_owner: the caller sits at this machine, or was given it; strangers are not and see
            neither the owner's voices nor the names of its folders.
        can_change_model: whether the caller may load another model.
        offline: nothing is downloaded for them.
        max_chars: the longest text that a stranger may have spoken.
        model_folder: of the loaded model, whose voices everybody hears; None where it has none.
    """

    visit: Visit | None
    is_owner: bool
    can_change_model: bool
    offline: bool
    max_chars: int = 5_000
    model_folder: Path | None = None

    def voices(self, spec: ModelSpec) -> list[VoiceInfo]:
        """The voices that the caller may hear, as `list_voices` orders them."""
        return list_voices(
            spec,
            voices_dir=self._voices_dir,
            with_own=self._has_own_voices,
            model_folder=self.model_folder,
        )

    def load_voice(self, choice: str | None, spec: ModelSpec) -> VoicePrompt | None:
        """Loads a voice by its name, or by a choice of the menu that means something of a visit's.

        Args:
            choice: None and "" are no voice. A stranger may have made it up; it is no path.

        Raises:
            BarkError: the take, file or voice that the choice names is not there for the caller.
        """
        if not choice:
            return None
        kind, _, rest = choice.partition(":")
        if self.visit is not None and kind in ("take", "given", "file"):
            voice = self.visit.held_voice(kind, rest)
            return None if voice is None else check_voice(voice, spec)
        return load_named_voice(
            choice,
            spec,
            offline=self.offline,
            voices_dir=self._voices_dir,
            with_own=self._has_own_voices,
            model_folder=self.model_folder,
        )

    def with_voices(self, requests: Sequence[Request], spec: ModelSpec) -> list[Request]:
        """The requests with the tokens of the voices that they name, each loaded once.

        Raises:
            BarkError: a voice is not there for the caller.
        """
        named = {r.voice: None for r in requests if isinstance(r.voice, str)}
        loaded = {name: self.load_voice(name, spec) for name in named}
        return [
            dataclasses.replace(r, voice=loaded[r.voice]) if isinstance(r.voice, str) else r
            for r in requests
        ]

    def folder_for_voices(self) -> Path:
        """Where the caller's new voices go.

        Raises:
            BarkError: the caller has no place for them.
        """
        if self.visit is None or not self._has_own_voices:
            raise BarkError("There is no place for a voice here; open the page to keep one.")
        return self.visit.voices_dir or own_voices_dir()

    def folder_for_styles(self) -> Path:
        """Where the caller's styles are.

        Raises:
            BarkError: the caller has no place for them.
        """
        if self.visit is None or not self._has_own_voices:
            raise BarkError("There is no place for a style here; open the page to keep one.")
        if self.visit.voices_dir is None:
            return own_styles_dir()
        return self.visit.voices_dir.parent / "styles"

    def models(self) -> list[ModelInfo]:
        """The models that the caller may know of; a folder is the owner's own affair."""
        return [info for info in list_models() if self.is_owner or info.name in MODELS]

    def model_name(self, name: str) -> str:
        """How the caller is told of a model, which may be a folder of the owner's."""
        return name if self.is_owner else Path(name).name

    def take_file(self, take_id: str, format: str) -> bytes | None:
        """A take of the caller's own as a file; None where there is no such take or format.

        Raises:
            BarkError: its file can no longer be read.
            OSError: likewise.
        """
        known = self.visit is not None and self.visit.takes.get(take_id) is not None
        if self.visit is None or not known or format not in FORMATS:
            return None
        return self.visit.takes.encode(take_id, format)

    def narration_folder(self, narration_id: str) -> Path:
        """The folder of a long text of the caller's own.

        Args:
            narration_id: a stranger may have made it up.

        Raises:
            InvalidInputError: the caller has no such long text.
        """
        if self.visit is None or not self.visit.narrations.is_there(narration_id):
            raise InvalidInputError("This long text is no longer here; lay it out anew.")
        return self.visit.narrations.path(narration_id)

    @property
    def long_text_limits(self) -> LongTextLimits:
        """How much the caller may have spoken as a long text."""
        return OWNER_LIMITS if self.is_owner else LongTextLimits(self.max_chars, 200, 5)

    @property
    def _voices_dir(self) -> Path | None:
        return self.visit.voices_dir if self.visit is not None else None

    @property
    def _has_own_voices(self) -> bool:
        return self.is_owner or (self.visit is not None and self.visit.voices_dir is not None)
