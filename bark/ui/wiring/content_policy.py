"""What the page's browser may load and run: this server's own things, and nothing of strangers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-eval' {scripts}; "  # Gradio makes functions of the page's own texts
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "worker-src 'self' blob:; "
    "object-src 'none'; "
    "base-uri 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
)


class ContentPolicy:
    """ASGI middleware that gives every page a policy that names its own inline scripts.

    They are known by their digests, so a script that somebody smuggles into the page later is
    none of them and does not run.

    Args:
        scripts: inline ones that Gradio puts into the page when it is open.
    """

    def __init__(self, app: Any, scripts: Sequence[str] = ()) -> None:
        self._app = app
        self._scripts = [script.encode("utf-8") for script in scripts]

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Holds back the head of a page until its body is known."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def look(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
                if _is_page(message):
                    held.append(message)
                    return
            elif held:
                held.append(message)
                if message.get("more_body"):
                    return
                body = b"".join(part.get("body", b"") for part in held[1:])
                held[0]["headers"] += [
                    (b"content-security-policy", policy(body, self._scripts).encode())
                ]
                for part in held:
                    await send(part)
                held.clear()
                return
            await send(message)

        await self._app(scope, receive, look)


def policy(page: bytes, more_scripts: Sequence[bytes] = ()) -> str:
    """The policy of one page of this server's, and of the scripts that join it later."""
    digests = {
        base64.b64encode(hashlib.sha256(script).digest()).decode("ascii")
        for script in [*_INLINE.findall(page), *more_scripts]
    }
    return _POLICY.format(scripts=" ".join(f"'sha256-{digest}'" for digest in sorted(digests)))


def _is_page(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in message["headers"]
    )
