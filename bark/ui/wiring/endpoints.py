"""What other programs call: /tts, /voices and /models, the takes' files, and GET /healthz."""

# No postponed annotations here: gradio reads the return types as they stand.

import dataclasses
from pathlib import Path
from typing import Any, NoReturn

import fastapi
import gradio as gr
from fastapi.responses import JSONResponse, Response
from gradio.processing_utils import save_bytes_to_cache

from ...audio import FORMATS
from ...errors import BarkError, InvalidInputError
from ...options import GenerationOptions
from ...sampling import SamplingOptions
from ...take import Take
from ...text import valid_text
from ..state.studio import Studio

_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}


class Api:
    """The typed endpoints; each method's docstring is what a program's author reads."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def offer(self) -> None:
        """Adds the endpoints, within an open `gr.Blocks`."""
        gr.api(self.tts, api_name="tts", concurrency_limit=None)
        gr.api(self.voices, api_name="voices", concurrency_limit=None)
        gr.api(self.models, api_name="models", concurrency_limit=None)

    def tts(
        self,
        text: str,
        voice: str | None = None,
        text_temperature: float = 0.7,
        waveform_temperature: float = 0.7,
        seed: int | None = None,
        format: str = "wav",
    ) -> tuple[gr.FileData, dict[str, Any]]:
        """Speaks a text; the same seed gives the same file.

        Args:
            text: What to say.
            voice: One of the names that /voices lists; nothing for a new voice each seed.
            text_temperature: Higher is livelier, lower is steadier.
            waveform_temperature: Higher is rougher, lower is smoother.
            seed: A whole number; nothing draws one, which the record then names.
            format: wav, flac, ogg or mp3.

        Returns:
            The audio file and its record: text, model, settings, seed, timings.
        """
        try:
            take = self._speak(text, voice, text_temperature, waveform_temperature, seed, format)
        except BarkError as error:
            _refuse(error)
        record = {**take.to_record(), "seconds": round(take.duration_s, 3)}
        # Timings differ from run to run; without them the same seed gives the same bytes.
        data = dataclasses.replace(take, timings={}).encode(format)
        name = f"bark-{take.options.seed}.{format}"
        path = save_bytes_to_cache(data, name, gr.utils.get_upload_folder())
        return gr.FileData(path=path, orig_name=name, mime_type=_TYPES[format]), record

    def voices(self) -> list[dict[str, Any]]:
        """Lists the voices of the loaded model."""
        try:
            spec = self._studio.engine.ready().spec
        except BarkError as error:
            _refuse(error)
        fields = ("name", "language", "version", "origin", "description", "on_disk")
        return [
            {field: getattr(info, field) for field in fields}
            for info in self._studio.access().voices(spec)
        ]

    def models(self) -> list[dict[str, Any]]:
        """Lists the models, which one is loaded, and what the others would download."""
        fields = ("name", "description", "on_disk", "download_bytes", "memory_bytes")
        loaded = self._studio.engine.bark
        try:
            known = self._studio.access().models()
        except BarkError as error:
            _refuse(error)
        return [
            {
                **{field: getattr(info, field) for field in fields},
                "loaded": loaded is not None and loaded.name == Path(info.name).name,
            }
            for info in known
        ]

    def _speak(
        self,
        text: str,
        voice: str | None,
        text_temperature: float,
        waveform_temperature: float,
        seed: int | None,
        format: str,
    ) -> Take:
        if format not in FORMATS:
            raise InvalidInputError(f"The format {format!r} is not one of {', '.join(FORMATS)}.")
        if len(text) > self._studio.max_chars:
            raise InvalidInputError(
                f"The text has {len(text):,} characters; at most {self._studio.max_chars:,} "
                "are taken."
            )
        text = valid_text(text)
        options = GenerationOptions(
            semantic=SamplingOptions(text_temperature),
            coarse=SamplingOptions(waveform_temperature),
            seed=seed,
        )
        bark = self._studio.engine.ready()
        ticket = self._studio.engine.queue.ticket()
        try:
            prompt = self._studio.access().load_voice(voice, bark.spec)
            ticket.wait()
            ticket.begin()
            return bark.generate(text, voice=prompt, options=options, stop=self._studio.closing)
        finally:
            ticket.close()


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


def _refuse(error: BarkError) -> NoReturn:
    """One sentence for the caller; the log gets no traceback of a caller's mistake."""
    raise gr.Error(str(error), print_exception=False) from None
