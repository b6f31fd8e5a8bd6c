"""Calls that no page makes: each is refused in a sentence, whatever it brings.

The page's own events have numbers in Gradio's queue, which anybody may call by hand.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import gradio as gr
from gradio.data_classes import APIInfo
from starlette.responses import JSONResponse

from ...server.described import with_words
from ...server.sentences import FAULT, refusal, sentences
from ...text.splitting import valid_text

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_PROGRAMS_CALL = "programs call /tts, /voices and /models"
_GRADIO = "/gradio_api/"
_BY_NAME = re.compile(r"/gradio_api/(?:run|api|call(?:/v2)?)/([^/]+)/?$")
_PAGE_S_OWN = "predict"  # by this name the page calls its events, which it tells apart by number
_UNKNOWN = f"There is no such endpoint; {_PROGRAMS_CALL}."
_DEEPEST = 50  # of JSON that the page sends

log = logging.getLogger(__name__)


class GuardedBlocks(gr.Blocks):
    """Blocks whose events say a sentence where they are called with what does not fit them.

    Endpoints may be called with fewer values than they have parameters, and tell of each.
    """

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> APIInfo:
        """What the page "Use via API" shows, in the endpoints' own words."""
        functions = {f"/{fn.api_name}": fn.fn for fn in self.fns.values()}
        return with_words(super().get_api_info(all_endpoints, page), functions)

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Fills in the parameters' defaults where a program left the last ones out."""
        missing = block_fn.inputs[len(inputs) :]
        if block_fn.api_visibility == "public":
            parameters = list(inspect.signature(block_fn.fn).parameters.values())
            for parameter in parameters[len(inputs) : len(inputs) + len(missing)]:
                default = parameter.default
                inputs.append(None if default is parameter.empty else default)
        super().validate_inputs(block_fn, inputs)

    async def process_api(self, block_fn: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Answers a call; the page's events are answered to a page only, which has a session."""
        is_public = getattr(block_fn, "api_visibility", None) == "public"
        if not is_public and (options.get("session_hash") is None or block_fn.fn is None):
            raise refusal(f"This is an event of the page, not for programs; {_PROGRAMS_CALL}.")
        event = options.get("event_data")
        if event is not None:
            event._data = self._read(block_fn, event._data)
        return await super().process_api(block_fn, *arguments, **options)

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any
    ) -> list[Any]:
        """Reads the values of a call; texts are made valid first."""
        valid = self._read(block_fn, inputs)
        try:
            found: list[Any] = await super().preprocess_data(block_fn, valid, *arguments, **options)
            return found
        except Exception as error:  # whatever a component makes of what it does not expect
            log.debug("values that do not fit: %s", error)
            raise refusal(_unfit(block_fn)) from None

    async def call_function(self, block_fn: Any, *arguments: Any, **options: Any) -> Any:
        """Runs the function; what it raises becomes a sentence."""
        with sentences():
            return await super().call_function(block_fn, *arguments, **options)

    def _read(self, block_fn: Any, values: Any) -> Any:
        try:
            return _valid(values, _DEEPEST)
        except ValueError:
            raise refusal(_unfit(block_fn)) from None


class StrangeCalls:
    """ASGI middleware for calls by a name that is nobody's, or by a number that is none.

    Args:
        public: names of the endpoints that are meant for programs.
    """

    def __init__(self, app: Any, public: frozenset[str]) -> None:
        self._app = app
        self._public = public

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Passes a request on; answers it where nobody else would."""
        found = _BY_NAME.search(scope.get("path", "")) if scope["type"] == "http" else None
        if found is not None and found[1] not in {*self._public, _PAGE_S_OWN}:
            await _answer(404, _UNKNOWN)(scope, receive, send)
            return
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        is_call = scope["type"] == "http" and scope["method"] == "POST" and _GRADIO in scope["path"]
        try:
            await self._app(scope, receive, _Refusals(sent) if is_call else sent)
        except Exception as error:
            if began:
                raise
            if isinstance(error, (LookupError, ValueError)) and _GRADIO in scope.get("path", ""):
                await _answer(404, _UNKNOWN)(scope, receive, send)  # no event has this number
                return
            log.exception("a request failed")
            sentence = f"Something went wrong ({type(error).__name__}); the log says more."
            await _answer(500, sentence)(scope, receive, send)


class _Refusals:
    """Sends an answer on; a mistake of the caller's gets the status of one, and a sentence.

    Gradio answers every error of a call by POST with 500, and FastAPI a body of another shape with
    a list that repeats it.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in (422, 500):
            self._head = message
            return
        if self._head is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body"):
            await self._end(self._head)

    async def _end(self, head: Message) -> None:
        told = _told(self._body)
        if head["status"] == 500:
            is_fault = told.get("title") in (None, FAULT)
            await self._send({**head, "status": 500 if is_fault else 400})
            await self._send({"type": "http.response.body", "body": self._body})
            return
        response = _answer(422, _misshapen(told.get("detail")))
        await self._send({**head, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": response.body})


def _misshapen(detail: Any) -> str:
    try:
        place = ".".join(map(str, detail[0]["loc"]))
        return f"The call does not have the right shape: {place}: {detail[0]['msg']}."
    except (LookupError, TypeError):
        return "The call does not have the right shape."


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _answer(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence, "detail": sentence}, status_code=status)


def _unfit(block_fn: Any) -> str:
    if block_fn.api_visibility == "public":
        return f"The values do not fit /{block_fn.api_name}; “Use via API” shows what it takes."
    return f"The values do not fit this event of the page, which may be old; {_PROGRAMS_CALL}."


def _valid(value: Any, depth: int) -> Any:
    """A value of JSON in which every text can be written."""
    if isinstance(value, str):
        return valid_text(value)
    if depth == 0 and isinstance(value, (list, dict)):
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_valid(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {valid_text(str(key)): _valid(item, depth - 1) for key, item in value.items()}
    return value
