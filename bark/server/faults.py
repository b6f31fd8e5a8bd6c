"""Mistakes and refusals in the shape in which OpenAI's clients read them."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse

from ..errors import (
    BarkError,
    InvalidInputError,
    OptionError,
    QueueFullError,
    VoiceError,
    VoiceNotFoundError,
)


class ApiError(BarkError):
    """What a caller is told.

    Args:
        message: one sentence.
        status: of the HTTP answer.
        param: the argument that is wrong; None where none is.
        code: a word for programs.
        headers: of the answer, for example when to try again.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code
        self.headers = headers or {}

    def to_dict(self) -> dict[str, Any]:
        """The body of the answer."""
        kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "invalid_request_error")
        if self.status >= 500:
            kind = "server_error"
        return {
            "error": {
                "message": str(self),
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.to_dict(), status_code=self.status, headers=self.headers)


class ServerEndsError(ApiError):
    """The app ends while somebody waits for an answer, or hears it."""

    def __init__(self) -> None:
        sentence = "The server is being stopped; ask again once it is back."
        super().__init__(sentence, status=503, code="unavailable")


def as_api_error(error: Exception, *, retry_after_s: float = 1.0) -> ApiError:
    """Any error as what a caller is told; of a fault of ours only its kind.

    Args:
        retry_after_s: told where too many callers wait.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, QueueFullError):
        seconds = str(max(1, math.ceil(retry_after_s)))
        return ApiError(
            str(error), status=429, code="rate_limit_exceeded", headers={"Retry-After": seconds}
        )
    if isinstance(error, (VoiceError, VoiceNotFoundError)):
        return ApiError(str(error), param="voice", code="invalid_value")
    if isinstance(error, (InvalidInputError, OptionError)):
        return ApiError(str(error), code="invalid_value")
    if isinstance(error, BarkError):
        return ApiError(str(error), status=503, code="unavailable")
    sentence = f"Something went wrong ({type(error).__name__}); the program's log says more."
    return ApiError(sentence, status=500, code="internal_error")
