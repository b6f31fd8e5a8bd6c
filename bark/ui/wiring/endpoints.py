"""What other programs call: /tts, /voices and /models, the takes' files, and GET /healthz."""

# No postponed annotations here: gradio reads the return types as they stand.

import dataclasses
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr
from fastapi.responses import JSONResponse, Response
from gradio.context import LocalContext
from gradio.processing_utils import save_bytes_to_cache

from ...audio.files import FORMATS
from ...decoding.sampling import SamplingOptions
from ...errors import BarkError, CallerLeftError, InvalidInputError, shown
from ...options import GenerationOptions
from ...request import Request
from ...server.arguments import (
    name_argument,
    number_argument,
    seed_argument,
    text_argument,
)
from ...server.described import described, offer
from ...server.sentences import sentences
from ...take import Take
from ..state.callers import POLL_S, run_while_wanted
from ..state.studio import Studio

_MAX_NAME_CHARS = 200  # of a voice; an error says it again
_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}


class Api:
    """The typed endpoints; each method's docstring is what a program's author reads."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def offer(self) -> None:
        """Adds the endpoints, within an open `gr.Blocks`."""
        offer(self.tts)
        offer(self.voices)
        offer(self.models)
        for endpoint in (Api.tts, Api.voices, Api.models):
            setattr(endpoint, "_mcp_type", "endpoint")  # assistants have tools of their own  # noqa: B010

    @described(text="Good morning! The kettle is on.", seed=7)
    async def tts(
        self,
        text: str,
        voice: str | None = None,
        text_temperature: float = 0.7,
        waveform_temperature: float = 0.7,
        seed: int | None = None,
        format: str = "wav",
        speed: float = 1.0,
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """Speaks a text; the same seed gives the same file.

        Args:
            text: What to say in one take: one or two sentences, up to about 12 seconds.
            voice: One of the names that /voices lists; nothing, the default, for a new voice each
                seed.
            text_temperature: A number without unit, usually 0 to 1.5; higher is livelier, lower is
                steadier. The default is 0.7.
            waveform_temperature: A number without unit, usually 0 to 1.5; higher is rougher, lower
                is smoother. The default is 0.7.
            seed: A whole number of 0 or more; nothing, the default, draws one, which the record
                then names.
            format: One of wav (the default), flac, ogg and mp3.
            speed: How many times as fast, at the same pitch: 0.5 to 2. The default is 1.

        Returns:
            file: The audio file.
            record: Its record, with text, model, options (the seed among them), seconds and
                timings.
        """
        with sentences():
            job = self._read(
                text, voice, text_temperature, waveform_temperature, seed, format, speed
            )
            return await run_while_wanted(
                lambda stop: self._answer(job, stop), self._has_left(LocalContext)
            )

    @described()
    def voices(self) -> list[dict[str, Any]]:
        """Lists the voices of the loaded model.

        Returns:
            voices: For each voice its name, language, version, origin, description, and whether it
                is on the disk.
        """
        fields = ("name", "language", "version", "origin", "description", "on_disk")
        with sentences():
            spec = self._studio.engine.ready().spec
            return [
                {field: getattr(info, field) for field in fields}
                for info in self._studio.access().voices(spec)
            ]

    @described()
    def models(self) -> list[dict[str, Any]]:
        """Lists the models, which one is loaded, and what the others would download.

        Returns:
            models: For each model its name, description, whether it is on the disk and whether it
                is loaded, and how many bytes it downloads and takes of memory.
        """
        fields = ("name", "description", "on_disk", "download_bytes", "memory_bytes")
        loaded = self._studio.engine.bark
        with sentences():
            return [
                {
                    **{field: getattr(info, field) for field in fields},
                    "loaded": loaded is not None and loaded.name == Path(info.name).name,
                }
                for info in self._studio.access().models()
            ]

    def _read(
        self,
        text: Any,
        voice: Any,
        text_temperature: Any,
        waveform_temperature: Any,
        seed: Any,
        format: Any,
        speed: Any,
    ) -> "_Job":
        """Reads what came as JSON, from programs of any language."""
        text = text_argument("text", text)
        kind = (name_argument("format", format) or "wav").lower()
        if kind not in FORMATS:
            raise InvalidInputError(f"The format {shown(kind)} is not one of {', '.join(FORMATS)}.")
        if len(text) > self._studio.max_chars:
            raise InvalidInputError(
                f"The text has {len(text):,} characters; at most {self._studio.max_chars:,} "
                "are taken."
            )
        options = GenerationOptions(
            semantic=SamplingOptions(number_argument("text_temperature", text_temperature, 0.7)),
            coarse=SamplingOptions(
                number_argument("waveform_temperature", waveform_temperature, 0.7)
            ),
            speed=number_argument("speed", speed, 1.0),
            seed=seed_argument(seed),
        )
        name = name_argument("voice", voice) or ""
        return _Job(Request(text, name[:_MAX_NAME_CHARS] or None, options), kind)

    def _answer(self, job: "_Job", stop: threading.Event) -> tuple[gr.FileData, dict[str, Any]]:
        with self._studio.metrics.answer("tts", job.format) as counted:
            take = self._speak(job, stop)
            counted.audio_s = take.duration_s
        # Timings differ from run to run; without them the same seed gives the same bytes.
        data = dataclasses.replace(take, timings={}).encode(job.format)
        name = f"bark-{take.options.seed}.{job.format}"
        path = save_bytes_to_cache(data, name, gr.utils.get_upload_folder())
        record = {**take.to_record(), "seconds": round(take.duration_s, 3)}
        return gr.FileData(path=path, orig_name=name, mime_type=_TYPES[job.format]), record

    def _speak(self, job: "_Job", stop: threading.Event) -> Take:
        bark = self._studio.engine.ready()
        ticket = self._studio.engine.queue.ticket()
        try:
            (request,) = self._studio.access().with_voices([job.request], bark.spec)
            while not ticket.wait(POLL_S):
                if stop.is_set():
                    raise CallerLeftError("Nobody waits for the answer any more.")
            ticket.begin()
            return bark.make(request, stop=stop)
        finally:
            ticket.close()

    def _has_left(self, context: type[LocalContext]) -> Callable[[], Awaitable[bool]]:
        """Tells whether the caller of the present event has gone, or the studio closes."""
        since = time.monotonic()
        event_id, request = context.event_id.get(None), context.request.get(None)
        keys = [key for key in (event_id, getattr(request, "session_hash", None)) if key]

        async def has_left() -> bool:
            if self._studio.closing.is_set():
                return True
            if event_id is not None:
                return self._studio.callers.have_left(keys, since)
            # Called past gradio's queue: the request itself is open until it is answered.
            return request is not None and await request.is_disconnected()

        return has_left


@dataclasses.dataclass(frozen=True)
class _Job:
    """What /tts was asked for, checked."""

    request: Request
    format: str


def add_routes(app: fastapi.FastAPI, studio: Studio) -> None:
    """Adds GET /healthz and the takes' files, whose address only their visitor knows."""

    def healthz() -> JSONResponse:
        state = studio.engine.state
        word = {"ready": "ok"}.get(state.phase, state.phase)
        code = 503 if state.phase == "failed" else 200
        model = studio.access().model_name(state.model)
        return JSONResponse({"status": word, "model": model}, status_code=code)

    def take_file(key: str, name: str) -> Response:
        take_id, _, format = name.partition(".")
        format = format or "wav"
        absent = JSONResponse({"detail": "There is no such take."}, status_code=404)
        visit = studio.visits.by_key(key)
        if visit is None:
            return absent
        try:
            data = studio.access(visit).take_file(take_id, format)
        except (BarkError, OSError):
            return JSONResponse({"detail": "The take can no longer be read."}, status_code=410)
        return absent if data is None else _file_response(data, take_id, format, "." in name)

    app.add_api_route("/healthz", healthz)
    app.add_api_route("/takes/{key}/{name}", take_file)


def _file_response(data: bytes, take_id: str, format: str, is_download: bool) -> Response:
    kind = "attachment" if is_download else "inline"
    return Response(
        data,
        media_type=_TYPES[format],
        headers={
            "Content-Disposition": f'{kind}; filename="{take_id}.{format}"',
            "Cache-Control": "private, max-age=3600",
            "X-Content-Type-Options": "nosniff",
        },
    )
