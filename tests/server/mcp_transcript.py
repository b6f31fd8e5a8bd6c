"""What an assistant's client and the studio with nano say: `python -m tests.server.mcp_transcript`.

It prints what docs/mcp.md shows; a test holds the two together.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from bark.pipeline import Bark
from bark.ui.build import build_demo, serve
from bark.ui.state.engine import Engine
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio

_LONG = "The kettle is on, and the table is laid for four. " * 12
_CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("list_models", {}),
    ("check_text", {"text": "Good morning! The kettle is on."}),
    ("speak_text", {"text": "Good morning! The kettle is on.", "voice": "alder", "seed": 7}),
    ("speak_text", {"text": "Good morning!", "voice": "walnut"}),
    ("check_text", {"text": _LONG}),
    ("speak_text", {"text": _LONG, "seed": 7}),
    ("narrate_text", {"text": _LONG, "voice": "alder", "seed": 7}),
)
_SHOWN = 100  # characters of a call or of a part of an answer


@contextlib.contextmanager
def nano_served(*, mcp: bool = True) -> Iterator[str]:
    """A studio with nano, answering assistants or not; yields its address, with "/" at its end."""
    engine = Engine(
        "nano",
        open_model=lambda name: Bark.from_pretrained(name, device="cpu", precision="fp32"),
        fetch_model=lambda name, on_progress, stop: None,
    )
    studio = Studio(engine, Visits(None), offline=True)
    engine.start()
    server = serve(studio, build_demo(studio, mcp=mcp), quiet=True, mcp_server=mcp)
    try:
        yield server.url
    finally:
        server.demo.close()
        studio.close()


def transcript(connect: Any) -> str:
    """Asks a studio of its own; what is longer than a line is cut.

    Args:
        connect: `streamablehttp_client` of the package `mcp`.
    """
    with nano_served() as url:
        return asyncio.run(_talk(connect, f"{url}gradio_api/mcp/"))


async def _talk(connect: Any, address: str) -> str:
    from mcp import ClientSession

    async with (
        connect(address) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        lines = ["> tools/list", *(f"  {tool.name}" for tool in tools)]
        for name, arguments in _CALLS:
            answer = await session.call_tool(name, arguments)
            lines.append(_line("> " + name, json.dumps(arguments)))
            mark = "  refused:" if answer.isError else " "
            lines += [_line(mark, part.text) for part in answer.content]
        return "\n".join(lines) + "\n"


def _line(start: str, said: str) -> str:
    """An address becomes the one that is usual; a file's folder has a random name."""
    said = re.sub(r"http://[^/]+/\S*/", "http://127.0.0.1:7860/gradio_api/file=.../", said)
    return f"{start} {said if len(said) <= _SHOWN else said[: _SHOWN - 3] + '...'}"


if __name__ == "__main__":
    from mcp.client.streamable_http import streamablehttp_client

    with contextlib.redirect_stdout(sys.stderr):  # the server tells of itself
        said = transcript(streamablehttp_client)
    sys.stdout.write(said)
