"""What an assistant may call over MCP: tools whose descriptions lead to a right call at once."""

# No postponed annotations here: gradio reads the types as they stand.

import asyncio
import contextlib
import dataclasses
import functools
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from ..audio.files import FORMATS
from ..audio.marks import marks_of
from ..decoding.sampling import SamplingOptions
from ..errors import InvalidInputError, NothingGeneratedError, shown
from ..narration import NarrationOptions
from ..narration.documents import document_of_text
from ..narration.script import write_script
from ..narration.sizes import chunk_limit, measure_for
from ..options import GenerationOptions
from ..pipeline import Bark
from ..request import Request
from ..text.speaking_time import speaking_time_s
from .arguments import name_argument, number_argument, seed_argument, text_argument
from .described import described, offer
from .encoding import MEDIA_TYPES, encoded, new_encoder
from .host import Host
from .naming import with_voice
from .sentences import sentences
from .speaking import POLL_S, is_one_take, speak, take_turn

NARRATED_FORMATS = ("mp3", "opus", "flac")
_SUFFIXES = {"opus": "ogg"}
_ROOM = 0.85  # of the longest take
_SHORT = "Good morning! The kettle is on."
_LONGER = f"{_SHORT} The table is laid for four, and the bread is still warm. Who wants some tea?"


class Tools:
    """The tools; a method's docstring is what an assistant reads of it.

    Args:
        host: the app that speaks.
        stop: set when nobody waits any more; looked at at every token.
    """

    def __init__(self, host: Host, stop: threading.Event | None = None) -> None:
        self._host = host
        self._stop = stop or threading.Event()

    def offer(self) -> None:
        """Adds the tools, within an open `gr.Blocks`."""
        for tool in (
            self._until_left(self.speak_text),
            self._until_left(self.narrate_text),
            self.check_text,
            self.list_voices,
            self.list_models,
        ):
            offer(tool, queue=False)

    def _until_left(self, tool: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """The tool as it is called from afar: the server cancels a call whose caller has left."""

        @functools.wraps(tool)
        async def called(*values: Any) -> Any:
            stop = threading.Event()
            own = getattr(Tools(self._host, stop), tool.__name__)
            work = asyncio.ensure_future(anyio.to_thread.run_sync(own, *values))
            work.add_done_callback(lambda done: done.cancelled() or done.exception())  # is seen
            try:
                while not work.done():
                    await asyncio.wait({work}, timeout=POLL_S)
                    if self._host.closing.is_set():
                        stop.set()
                return work.result()
            finally:
                stop.set()

        return called

    @described(text=_SHORT, seed=7)
    def speak_text(
        self,
        text: str,
        voice: str = "",
        seed: int | None = None,
        temperature: float = 0.7,
        speed: float = 1.0,
        format: str = "mp3",
    ) -> tuple[gr.FileData, str]:
        """Speaks one or two sentences (up to about 12 seconds) and returns an audio file.

        Use it for short texts; use narrate_text for anything longer. Only text is needed.

        Args:
            text: What to say, for example "Good morning! The kettle is on."; a text that is too
                long for one take is refused.
            voice: A name from list_voices, for example "alder"; empty, the default, for a new
                voice.
            seed: A whole number of 0 or more; the same one gives the same audio. Leave it out to
                draw one, which the record then names.
            temperature: A number without unit, usually 0 to 1.5; higher is livelier. The default
                is 0.7.
            speed: How many times as fast, at the same pitch: 0.5 to 2. The default is 1.
            format: One of mp3 (the default), wav, flac and ogg.

        Returns:
            file: The address of the audio file.
            record: Its record as JSON, with seconds, seed, voice, model, text, and cannot_say, what
                was left out because the model cannot say it (other scripts, emoji).
        """
        with sentences(), contextlib.ExitStack() as stack:
            kind = _format(format, FORMATS)
            counted = stack.enter_context(self._host.metrics.answer("mcp", kind))
            request = self._request(text, voice, seed, temperature, speed)
            bark = self._host.engine.ready()
            if not _fits(bark, request.text):
                raise InvalidInputError("The text is too long for one take; call narrate_text.")
            voiced = with_voice(self._host.access(), request, bark.spec)
            ticket = self._host.engine.queue.ticket()
            try:
                take_turn(self._host, bark, ticket, self._stop)
                take = bark.make(voiced, stop=self._stop)
            finally:
                ticket.close()
            counted.audio_s = take.duration_s
            data = dataclasses.replace(take, timings={}).encode(kind)
            file = _kept(
                data, f"bark-{take.options.seed}.{kind}", MEDIA_TYPES.get(kind, "audio/ogg")
            )
            record = {
                **self._record(request, take.duration_s),
                "cannot_say": list(take.unspoken),
            }
            return file, json.dumps(record)

    @described(text=_LONGER, seed=7)
    def narrate_text(
        self,
        text: str,
        voice: str = "",
        seed: int | None = None,
        temperature: float = 0.7,
        speed: float = 1.0,
        format: str = "mp3",
    ) -> tuple[gr.FileData, str]:
        """Speaks a text of many sentences in one voice and returns one audio file.

        It takes about a tenth of the audio's length with the model nano, and longer with others.

        Args:
            text: What to say; blank lines between paragraphs become pauses.
            voice: A name from list_voices; empty, the default, for a new voice.
            seed: A whole number of 0 or more; the same one gives the same audio. Leave it out to
                draw one, which the record then names.
            temperature: A number without unit, usually 0 to 1.5; higher is livelier. The default
                is 0.7.
            speed: How many times as fast, at the same pitch: 0.5 to 2. The default is 1.
            format: One of mp3 (the default), opus and flac.

        Returns:
            file: The address of the audio file.
            record: Its record as JSON, with seconds, seed, voice, model and text.
        """
        with sentences(), contextlib.ExitStack() as stack:
            kind = _format(format, NARRATED_FORMATS)
            counted = stack.enter_context(self._host.metrics.answer("mcp", kind))
            request = self._request(text, voice, seed, temperature, speed)
            rate = self._host.engine.ready().spec.sample_rate
            sounds = list(speak(self._host, request, self._stop))
            if not sounds:
                raise NothingGeneratedError("Nothing was made; try another seed.")
            encoder = new_encoder(kind, rate, marks_of(self._model()))
            data = b"".join(encoded((sound.audio for sound in sounds), encoder))
            name = f"bark-{request.seed}.{_SUFFIXES.get(kind, kind)}"
            seconds = counted.audio_s = sum(len(sound.audio) for sound in sounds) / rate
            return _kept(data, name, MEDIA_TYPES[kind]), json.dumps(self._record(request, seconds))

    @described(text=_SHORT)
    def check_text(self, text: str) -> str:
        """Tells before speaking how long a text would be and whether all of it can be said.

        Args:
            text: What would be spoken.

        Returns:
            answer: JSON, with fits_one_take (where it is false, speak_text refuses the text and
                narrate_text takes it), expected_seconds, n_parts (in which narrate_text would
                speak it), and cannot_say, what the model cannot say (other scripts, emoji).
        """
        with sentences():
            words = self._text(text)
            bark = self._host.engine.ready()
            found = {
                "fits_one_take": _fits(bark, words),
                "expected_seconds": round(speaking_time_s(words), 1),
                "n_parts": 1 if is_one_take(bark, words) else _n_chunks(bark, words),
                "cannot_say": list(bark.count(words).unspoken),
            }
            return json.dumps(found)

    @described()
    def list_voices(self) -> str:
        """Lists the voices that speak_text and narrate_text take.

        Returns:
            voices: JSON, for each voice its name (what the tools take), language and description.
        """
        with sentences():
            spec = self._host.engine.ready().spec
            fields = ("name", "language", "description")
            voices = self._host.access().voices(spec)
            return json.dumps([{field: getattr(v, field) for field in fields} for v in voices])

    @described()
    def list_models(self) -> str:
        """Tells which model speaks here, and which others this program knows.

        Returns:
            models: JSON, with loaded, the model that speaks, and known, each with a description.
                Only the app's owner can change it.
        """
        with sentences():
            known = [
                {"name": info.name, "description": info.description, "on_disk": info.on_disk}
                for info in self._host.access().models()
            ]
            return json.dumps({"loaded": self._model(), "known": known})

    def _request(self, text: Any, voice: Any, seed: Any, temperature: Any, speed: Any) -> Request:
        sampling = SamplingOptions(number_argument("temperature", temperature, 0.7))
        options = GenerationOptions(
            semantic=sampling,
            coarse=sampling,
            speed=number_argument("speed", speed, 1.0),
            seed=seed_argument(seed),
        )
        return Request(self._text(text), name_argument("voice", voice), options)

    def _text(self, text: Any) -> str:
        words = text_argument("text", text)
        if not words.strip():
            raise InvalidInputError("The text is empty; write what shall be spoken.")
        if len(words) > self._host.max_chars:
            raise InvalidInputError(
                f"The text has {len(words):,} characters; at most {self._host.max_chars:,} are "
                "taken in one call."
            )
        return words

    def _model(self) -> str:
        return self._host.access().model_name(self._host.engine.ready().name)

    def _record(self, request: Request, seconds: float) -> dict[str, Any]:
        return {
            "seconds": round(seconds, 2),
            "seed": request.seed,
            "voice": request.voice or "a new one",
            "model": self._model(),
            "text": request.text,
        }


def _fits(bark: Bark, text: str) -> bool:
    """Whether all of a text is heard in one take, and can be said in its time."""
    seconds = speaking_time_s(text)
    return not bark.count(text).cut_text and seconds <= _ROOM * bark.spec.max_duration_s


def _n_chunks(bark: Bark, text: str) -> int:
    """How many takes a narration makes of a text."""
    options = NarrationOptions()
    limit = chunk_limit(bark, options)
    return len(write_script(document_of_text(text), measure_for(bark), limit, options).chunks)


def _format(given: Any, known: tuple[str, ...]) -> str:
    kind = (name_argument("format", given) or "mp3").lower()
    if kind not in known:
        raise InvalidInputError(f"The format {shown(kind)} is not one of {', '.join(known)}.")
    return kind


def _kept(data: bytes, name: str, mime_type: str) -> gr.FileData:
    path = save_bytes_to_cache(data, name, gr.utils.get_upload_folder())
    return gr.FileData(path=path, orig_name=name, mime_type=mime_type)
