"""The addresses under /v1, in front of the page: OpenAI's speech endpoint and its kin."""

from __future__ import annotations

import dataclasses
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ..errors import BarkError, CallerLeftError
from .answer import Answer, fault_event
from .encoding import MEDIA_TYPES
from .faults import ApiError, ServerEndsError, as_api_error
from .host import Host
from .naming import MODEL_ALIASES, VOICE_ALIASES, check_model
from .speech_request import read_request

PREFIXES = ("/v1/", "/metrics", "/readyz")
MAX_BODY_BYTES = 1 << 20

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the addresses are guarded.

    Attributes:
        api_key: what callers must send as `Authorization: Bearer ...`; None lets everybody in.
        cors_origins: pages of these origins may call; none by default.
    """

    api_key: str | None = None
    cors_origins: tuple[str, ...] = ()


class Routes:
    """Handlers of the addresses.

    Args:
        host: the app that speaks.
    """

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._settings = settings
        host.metrics.watch(host)

    def app(self) -> Starlette:
        """The addresses as an app of their own, whose every answer has OpenAI's shape."""
        guarded = {
            "/v1/audio/speech": (self._speech, "POST"),
            "/v1/audio/voices": (self._voices, "GET"),
            "/v1/audio/models": (self._models, "GET"),
            "/v1/models": (self._models, "GET"),
            "/v1/models/{model}": (self._model, "GET"),
        }
        routes = [
            Route(path, self._guarded(handler), methods=[method])
            for path, (handler, method) in guarded.items()
        ]
        routes += [Route("/metrics", self._metrics_page), Route("/readyz", self._readyz)]
        middleware = []
        if self._settings.cors_origins:
            middleware.append(
                Middleware(
                    CORSMiddleware,
                    allow_origins=list(self._settings.cors_origins),
                    allow_methods=["GET", "POST"],
                    allow_headers=["*"],
                )
            )
        handlers: dict[Any, Any] = {HTTPException: _unknown_address}
        return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                self._check_key(request)
                return await handler(request)
            except (CallerLeftError, ClientDisconnect):
                return Response(status_code=499)  # nobody reads it
            except Exception as error:
                if not isinstance(error, BarkError):
                    log.exception("a request failed")
                until_room_s = self._host.engine.queue.until_room_s()
                return as_api_error(error, retry_after_s=until_room_s).response()

        return guarded

    def _check_key(self, request: Request) -> None:
        key = self._settings.api_key
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        matches = hmac.compare_digest(given.strip().encode(), key.encode())
        if scheme.lower() != "bearer" or not matches:
            raise ApiError(
                "The API key is missing or wrong; send it as Authorization: Bearer KEY.",
                status=401,
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def _speech(self, request: Request) -> Response:
        asked = read_request(await _body(request), max_chars=self._host.max_chars)
        model = await _in_thread(lambda: check_model(self._host, asked.model))
        answer = Answer(self._host, asked, model)
        answer.start()
        first = await answer.first(request)
        is_sse = asked.stream_format == "sse"
        stream = answer.all(first, request)
        return StreamingResponse(
            _with_fault(stream) if is_sse else stream,
            media_type="text/event-stream" if is_sse else MEDIA_TYPES[asked.format],
            headers={
                "X-Bark-Model": model.encode("ascii", "replace").decode(),
                "X-Bark-Seed": str(asked.request.seed),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def _voices(self, request: Request) -> Response:
        bark = await _in_thread(self._host.engine.ready)
        infos = await _in_thread(lambda: self._host.access().voices(bark.spec))
        voices = [
            {
                "id": info.name,
                "name": info.name,
                "language": info.language,
                "description": info.description,
                "on_disk": info.on_disk,
            }
            for info in infos
        ]
        return JSONResponse({"object": "list", "voices": voices, "aliases": list(VOICE_ALIASES)})

    async def _models(self, request: Request) -> Response:
        loaded = await _in_thread(lambda: check_model(self._host, None))
        models = [_model_object(name) for name in (loaded, *MODEL_ALIASES)]
        return JSONResponse({"object": "list", "data": models, "models": models})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["model"]
        await _in_thread(lambda: check_model(self._host, name))
        return JSONResponse(_model_object(name))

    async def _metrics_page(self, request: Request) -> Response:
        text = self._host.metrics.text()
        if text is None:
            sentence = "There are no metrics without the package prometheus_client.\n"
            return PlainTextResponse(sentence, status_code=501)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _readyz(self, request: Request) -> Response:
        state = self._host.engine.state
        is_ready = self._host.engine.bark is not None and not self._host.closing.is_set()
        model = self._host.access().model_name(state.model)
        body = {"ready": is_ready, "model": model, "phase": state.phase}
        return JSONResponse(body, status_code=200 if is_ready else 503)


class InFront:
    """ASGI: sends the addresses above to their app, and all others on to the page's.

    They stand in front because Gradio's own middleware answers every origin and may hold bytes
    back to compress them.
    """

    def __init__(self, behind: Any, front: Any) -> None:
        self._behind, self._front = behind, front

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes a request on."""
        path = scope.get("path", "")
        is_ours = scope["type"] == "http" and (path + "/").startswith(PREFIXES)
        try:
            await (self._front if is_ours else self._behind)(scope, receive, send)
        except ServerEndsError:  # amid an answer: it stays unfinished, which its caller can see
            return


def put_in_front(app: Any, host: Host, settings: Settings) -> None:
    """Adds the addresses to a FastAPI app whose middleware has been built, or can be."""
    behind = app.middleware_stack or app.build_middleware_stack()
    app.middleware_stack = InFront(behind, Routes(host, settings).app())


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(
                f"The body has more than {MAX_BODY_BYTES:,} bytes, which is the most that is read.",
                status=413,
                code="request_too_large",
            )
    return body


async def _in_thread(function: Callable[[], Any]) -> Any:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(function)


async def _with_fault(stream: Any) -> Any:
    try:
        async for data in stream:
            yield data
    except Exception as error:
        yield fault_event(error)


async def _unknown_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        sentence = f"{request.method} is not answered at {request.url.path}."
    else:
        sentence = f"There is nothing at {request.url.path}."
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code)
    headers = dict(error.headers or {})
    return ApiError(sentence, status=error.status_code, code=code, headers=headers).response()


def _model_object(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "object": "model", "created": 0, "owned_by": "bark-studio"}
