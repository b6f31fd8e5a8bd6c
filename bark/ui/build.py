"""Puts the studio together: model, visitors, page, theme, routes."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import fastapi
import gradio as gr
from starlette.middleware import Middleware

from ..checkpoints.registry import best_local_model, model_spec, resolve_model
from ..environment import Environment
from ..pipeline import Bark
from ..server.mcp_tools import Tools
from ..server.routes import Settings, put_in_front
from ..server.zero_gpu import ZeroGpuBark, import_spaces
from ..spec import NANO
from .page import status, words
from .page.layout import STATIC, build_page
from .state.callers import StreamWatch
from .state.engine import Engine, Progress
from .state.run_queue import MAX_WAITING
from .state.sessions import Visits
from .state.studio import MAX_CHARS, Studio, takes_folder
from .wiring.content_policy import ContentPolicy
from .wiring.endpoints import Api, add_routes
from .wiring.form import wire_arrival, wire_models, wire_text, wire_voice
from .wiring.grids import add_grid_routes, add_vote_routes, wire_grid
from .wiring.long_texts import add_long_text_routes, wire_long_text
from .wiring.strange_calls import GuardedBlocks, StrangeCalls
from .wiring.styles import add_style_routes, wire_styles
from .wiring.take_routes import add_take_routes
from .wiring.takes import wire_files, wire_reuse, wire_speaking
from .wiring.view import View
from .wiring.voice_routes import add_voice_routes

_SCRIPTS = (
    "icons.js words.js sound.js draw.js wordline.js stage.js store.js groups.js rows.js library.js"
    " deck.js grid.js gridform.js compare.js longsound.js longtime.js longrow.js longsettings.js"
    " longlist.js long.js share.js mirror.js marks.js tags.js tagmenu.js voicemenu.js stylemenu.js"
    " keys.js rooms.js page.js"
).split()
_STYLES = "style.css prompt.css voices.css compare.css library.css long.css sizes.css".split()
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_UPLOAD = "64mb"
_UPLOADS_KEPT_S = (1_800, 7_200)  # looked at every half hour, removed after two


def build_studio(
    environment: Environment,
    *,
    model: str | None = None,
    share: bool = False,
    server_name: str | None = None,
) -> Studio:
    """The studio as the environment and the command line want it.

    Args:
        model: in place of BARK_MODEL; else the best model on disk, else nano.
        share: whether a public link leads here.
        server_name: where the server listens; None means this machine only.
    """
    outside = server_name is not None and server_name not in _LOOPBACK
    # A folder that was named is meant, also where a container listens to the outside.
    is_public = environment.is_space or share or (outside and environment.takes_dir is None)

    def open_model(name: str) -> Bark:
        if environment.is_zero_gpu and name != NANO.name:  # nano is as quick without a GPU
            bark = ZeroGpuBark.from_pretrained(
                name, device="cuda", precision=environment.precision or "auto"
            )
            return bark.lend(import_spaces())
        return Bark.from_pretrained(
            name,
            device=environment.device,
            precision=environment.precision or "auto",
            offline=environment.offline or None,
        )

    def fetch_model(name: str, on_progress: Progress, stop: threading.Event) -> None:
        resolve_model(name, offline=environment.offline or None, on_progress=on_progress, stop=stop)

    name = model or environment.model or best_local_model()
    return Studio(
        engine=Engine(
            name,
            open_model=open_model,
            fetch_model=fetch_model,
            fault=words.MODEL_FAILED if is_public else None,
            max_waiting=environment.max_waiting or MAX_WAITING,
        ),
        visits=Visits(takes_folder(environment.takes_dir, is_public=is_public)),
        max_chars=environment.max_chars or MAX_CHARS,
        can_change_model=not is_public,
        offline=environment.offline,
        guards=Settings(environment.api_key, environment.cors_origins),
    )


def build_demo(studio: Studio, *, mcp: bool = False) -> gr.Blocks:
    """The page with its events and the endpoints for programs.

    Args:
        mcp: whether there are tools for assistants too.
    """
    with GuardedBlocks(
        title=words.TITLE,
        analytics_enabled=False,
        fill_width=True,
        delete_cache=_UPLOADS_KEPT_S,
    ) as demo:
        family = model_spec(studio.engine.state.model).name
        note = status.hint(words.note(family, can_change=studio.can_change_model))
        view = View(studio, build_page(words.EXAMPLES[family][0][1], note))
        wire_arrival(view, demo)
        wire_text(view)
        wire_voice(view)
        wire_styles(view)
        wire_models(view)
        wire_speaking(view)
        wire_reuse(view)
        wire_files(view)
        wire_grid(view)
        wire_long_text(view)
        Api(studio).offer()
        if mcp:
            Tools(studio).offer()
    queued: gr.Blocks = demo.queue(max_size=64, default_concurrency_limit=None)
    return queued


@dataclasses.dataclass(frozen=True)
class Server:
    """A running studio."""

    url: str
    demo: gr.Blocks


def page_script() -> str:
    """The page's scripts as the browser gets them: one after another, in one scope."""
    return _static(_SCRIPTS)


def serve(studio: Studio, demo: gr.Blocks, **launch: Any) -> Server:
    """Starts the server; returns at once.

    Args:
        launch: passed on to `gr.Blocks.launch`, for example `server_port`.
    """
    script = "\n" + page_script()  # the policy allows this very text
    style, frame = _static(_STYLES), _static(["frame.css"])
    _, url, _ = demo.launch(
        prevent_thread_lock=True,
        theme=theme(),
        css=style,
        # The style stands in the head as well, where it holds from the page's first moment.
        head=f"<style>{style}\n{frame}</style><script>{script}</script>",
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        max_file_size=MAX_UPLOAD,
        # It has answered by then. Gradio's second look, for Colab, gives up after three seconds,
        # which the first page takes on a busy machine; the program would end with a traceback.
        _frontend=False,
        app_kwargs={
            "lifespan": lambda app: _with_addresses(app, studio),
            "middleware": [
                Middleware(ContentPolicy, scripts=[script]),
                Middleware(StreamWatch, callers=studio.callers),
                Middleware(StrangeCalls, public=_public_names(demo)),
            ],
        },
        **launch,
    )
    return Server(url, demo)


@asynccontextmanager
async def _with_addresses(app: fastapi.FastAPI, studio: Studio) -> AsyncIterator[None]:
    """Adds the addresses that are not Gradio's before the server listens.

    A program that waits for the port would be told that they do not exist, were they added later.
    """
    add_voice_routes(app, studio)
    add_style_routes(app, studio)
    add_take_routes(app, studio)
    add_grid_routes(app, studio)
    add_vote_routes(app, studio)
    add_long_text_routes(app, studio)
    add_routes(app, studio)
    put_in_front(app, studio, studio.guards)
    yield


def _public_names(demo: gr.Blocks) -> frozenset[str]:
    return frozenset(str(fn.api_name) for fn in demo.fns.values() if fn.api_visibility == "public")


def _static(names: Sequence[str]) -> str:
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def theme() -> gr.themes.Base:
    """One accent colour, quiet greys, the system's own letters."""
    letters = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        neutral_hue=gr.themes.colors.zinc,
        font=letters,
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_sm,
        text_size=gr.themes.sizes.text_md,
    )
    # The colours themselves stand in style.css, once for light and once for dark.
    colours = {
        "body_background_fill": "var(--page)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--quiet)",
        "block_background_fill": "var(--panel)",
        "block_border_color": "var(--edge)",
        "block_label_text_color": "var(--ink)",
        "block_title_text_color": "var(--ink)",
        "block_info_text_color": "var(--quiet)",
        "border_color_primary": "var(--edge)",
        "border_color_accent": "var(--accent)",
        "input_background_fill": "var(--field)",
        "input_background_fill_focus": "var(--field)",
        "input_placeholder_color": "var(--quiet)",
        "slider_color": "var(--accent)",
        "checkbox_background_color": "var(--panel)",
        "checkbox_border_color": "var(--quiet)",
        "checkbox_background_color_selected": "var(--accent)",
        "checkbox_border_color_selected": "var(--accent)",
        "button_primary_background_fill": "var(--accent)",
        "button_primary_background_fill_hover": "var(--accent)",
        "button_primary_text_color": "var(--on-accent)",
        "button_secondary_background_fill": "var(--field)",
        "button_secondary_background_fill_hover": "var(--edge)",
        "button_secondary_text_color": "var(--ink)",
        "link_text_color": "var(--accent)",
    }
    dark = {f"{name}_dark": value for name, value in colours.items()}
    return base.set(color_accent="var(--accent)", **colours, **dark)
