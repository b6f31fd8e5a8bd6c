"""A request for speech in OpenAI's words, and in ours beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..decoding.sampling import SamplingOptions
from ..errors import InvalidInputError, shown
from ..options import GenerationOptions
from ..request import Request
from .arguments import (
    flag_argument,
    name_argument,
    number_argument,
    seed_argument,
    text_argument,
)
from .encoding import MEDIA_TYPES
from .faults import ApiError

T = TypeVar("T")

DEFAULT_TEMPERATURE = 0.7
STREAM_FORMATS = ("audio", "sse")


@dataclasses.dataclass(frozen=True)
class SpeechRequest:
    """What shall be said, how, and in which bytes.

    Attributes:
        request: what is spoken; its voice as it was named, None where none was.
        model: as it was named; None where nothing was.
        format: a key of `MEDIA_TYPES`.
        stream_format: "audio", or "sse" for events with the bytes as base64.
        preview: sound is sent while it is made, from the coarse codes alone.
    """

    request: Request
    model: str | None
    format: str = "mp3"
    stream_format: str = "audio"
    preview: bool = False


def read_request(body: bytes, *, max_chars: int) -> SpeechRequest:
    """Reads the JSON of POST /v1/audio/speech; names that it does not know are let be.

    Args:
        max_chars: of the text.

    Raises:
        ApiError: it is no JSON, something is missing, or is not what it must be.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError("The body is no JSON; send an object with an input.") from error
    if not isinstance(values, dict):
        raise ApiError(f"The body is {shown(values)}; it must be an object with an input.")
    text = _read(values, "input", lambda value: text_argument("input", value))
    if not text.strip():
        raise ApiError("The input is empty; write what shall be spoken.", param="input")
    if len(text) > max_chars:
        raise ApiError(
            f"The input has {len(text):,} characters; at most {max_chars:,} are taken.",
            status=413,
            param="input",
            code="string_above_max_length",
        )
    voice = _read(values, "voice", lambda value: name_argument("voice", value))
    options = _options(values)
    with _about("input"):
        request = Request(text, voice, options)
    return SpeechRequest(
        request=request,
        model=_read(values, "model", lambda value: name_argument("model", value)),
        format=_choice(values, "response_format", tuple(MEDIA_TYPES), "mp3"),
        stream_format=_choice(values, "stream_format", STREAM_FORMATS, "audio"),
        preview=_read(values, "preview", lambda value: flag_argument("preview", value)),
    )


def _options(values: Mapping[str, Any]) -> GenerationOptions:
    def number(name: str, default: float) -> float:
        return _read(values, name, lambda value: number_argument(name, value, default))

    both = number("temperature", DEFAULT_TEMPERATURE)
    seed = _read(values, "seed", seed_argument)
    with _about("text_temperature"):
        semantic = SamplingOptions(number("text_temperature", both))
    with _about("waveform_temperature"):
        coarse = SamplingOptions(number("waveform_temperature", both))
    with _about("speed"):
        return GenerationOptions(
            semantic=semantic, coarse=coarse, speed=number("speed", 1.0), seed=seed
        )


def _read(values: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T:
    with _about(name):
        return read(values.get(name))


def _choice(values: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    given = _read(values, name, lambda value: name_argument(name, value)) or default
    if given.lower() not in known:
        raise ApiError(
            f"The {name} {shown(given)} is not one of {', '.join(known)}.",
            param=name,
            code="invalid_value",
        )
    return given.lower()


@contextlib.contextmanager
def _about(name: str) -> Iterator[None]:
    try:
        yield
    except ApiError:
        raise
    except InvalidInputError as error:
        raise ApiError(str(error), param=name, code="invalid_value") from error
