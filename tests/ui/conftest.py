"""A studio that strangers visit, and a browser that complains about errors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

# As root and without a screen; sound may start without a press, nothing phones home.
FLAGS = (
    "--no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()


PATIENCE_MS = 120_000  # for a page, on a machine that does other things too
_RELOADED = r"AbortError: signal is aborted|errored out"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Studio, str]]:
    """A studio that hums, and its address."""
    studio = make_studio(None, pace_s=0.02, grace_s=0.5)  # strangers visit
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(running: tuple[Studio, str], chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages, each a visitor of its own; complains about errors and foreign requests."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def watch(page: Any) -> None:
        def said(message: Any) -> None:
            # Gradio says so of its own requests when a page is reloaded amid them.
            if message.type == "error" and not re.search(_RELOADED, message.text):
                complaints.append(message.text)

        def asked(request: Any) -> None:
            if not re.match(r"(data|blob):|https?://(127\.0\.0\.1|localhost)[:/]", request.url):
                complaints.append(f"request to {request.url}")

        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", asked)

    def open_page(
        width: int = 1440, height: int = 900, query: str = "", context: Any = None
    ) -> Any:
        if context is None:
            context = chromium.new_context(viewport={"width": width, "height": height})
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        watch(page)
        page.goto(running[1] + query)
        page.wait_for_selector("#model-line b")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
