"""What can go wrong through a caller's input or machine, each kind with one sentence to show."""

import reprlib

_MAX_SHOWN_CHARS = 40


class BarkError(Exception):
    """Base of every error that a user can mend; `str(error)` is one sentence fit for a screen."""


class InvalidInputError(BarkError, ValueError):
    """A text, a token array or an option is not what the function takes."""


class NothingGeneratedError(BarkError, RuntimeError):
    """The semantic model stopped before its first token, so there is nothing to speak."""


class VoiceError(BarkError, ValueError):
    """A voice prompt's arrays are not a voice of this model family."""


class VoiceNotFoundError(BarkError, FileNotFoundError, ValueError):
    """No voice prompt lies under this name or path (a ValueError, as in suno-ai/bark)."""


class CheckpointError(BarkError, ValueError):
    """A weight file is damaged, of the wrong stage or shape, or holds more than tensors."""


class WeightsNotFoundError(BarkError, FileNotFoundError):
    """No weights on disk, and none can be fetched."""


class DownloadError(BarkError, OSError):
    """A download broke off, or there is no room for it."""


class AudioFileError(BarkError, ValueError):
    """An audio file cannot be read or written as asked."""


class OptionError(BarkError, ValueError):
    """A setting (device, precision, model, environment variable) is not one of the known ones."""


class UnknownStageError(OptionError, NotImplementedError):
    """A stage's name is none (a NotImplementedError, as in suno-ai/bark)."""


class QueueFullError(BarkError, RuntimeError):
    """So many callers wait for the device that nobody else is let in."""


class MemoryShortError(BarkError, MemoryError):
    """A model, or a take on its own, does not fit into memory."""


class CallerLeftError(BarkError, ConnectionError):
    """Nobody waits for the answer any more."""


def shown(value: object) -> str:
    """A value as an error's sentence shows it, however long it is."""
    try:
        text = reprlib.repr(value)  # which looks at the first few items of the upper levels only
    except ValueError:  # a number of thousands of digits
        return f"a {type(value).__name__}"
    return text if len(text) <= _MAX_SHOWN_CHARS else text[:_MAX_SHOWN_CHARS] + "…"
