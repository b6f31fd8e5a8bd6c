"""Where everything stands on the page; what it does is wired elsewhere."""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path
from typing import Any

import gradio as gr

from . import words
from .form import Form
from .form_layout import (
    lay_advanced,
    lay_prompt,
    lay_seed,
    lay_speak_row,
    lay_temperatures,
    lay_voice,
)

STATIC = Path(__file__).resolve().parent / "static"


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that have a part in some event."""

    visitor: gr.BrowserState
    draft: gr.BrowserState
    selected: gr.Textbox
    model_line: gr.HTML
    change_model: gr.Button
    model_panel: gr.Column
    model_choice: gr.Radio
    use_model: gr.Button
    stop_download: gr.Button
    close_models: gr.Button
    model_status: gr.HTML
    nano_note: gr.HTML
    text: gr.Textbox
    meter: gr.HTML
    split: gr.Button
    tags: gr.HTML
    examples: gr.Dataset
    voice: gr.Textbox
    voice_file: gr.UploadButton
    style: gr.HTML
    form: tuple[gr.components.Component, ...]
    speak: gr.Button
    stop: gr.Button
    status: gr.HTML
    player: gr.HTML
    another: gr.Button
    reuse: gr.Button
    as_voice: gr.Button
    delete: gr.Button
    redo_sound: gr.Button
    redo_finish: gr.Button
    voice_name: gr.Textbox
    keep_voice: gr.Button
    open_file: gr.UploadButton
    takes: gr.HTML
    grid: gr.HTML
    compare: gr.HTML
    long: gr.HTML

    def field(self, name: str) -> gr.components.Component:
        """The component of a field of the form."""
        return self.form[Form.names().index(name)]


def build_page(example: str, note: str = "") -> Page:
    """Lays the page out, within an open `gr.Blocks`.

    Args:
        example: what stands in the box at first, one press from a sound.
        note: what is to be known of the model; it stands there at once, so that nothing moves.
    """
    parts: dict[str, gr.components.Component] = {
        # Kept in the visitor's own browser, so that a reload loses nothing.
        "visitor": gr.BrowserState("", storage_key="bark-visit", secret="bark-visit"),
        "draft": gr.BrowserState("", storage_key="bark-form", secret="bark-form"),
        "selected": gr.Textbox(visible=False),  # filled by the page as it asks
    }
    _header(parts)
    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="left", min_width=340):
            lay_prompt(parts, example, note)
            lay_voice(parts)
            lay_temperatures(parts)
            lay_seed(parts)
            lay_advanced(parts)
            lay_speak_row(parts)
        with gr.Column(elem_id="right", min_width=340):
            gr.HTML(
                '<div class="rooms"></div>',
                js_on_load="barkStudio.mountRooms(element);",
                elem_id="rooms",
                apply_default_css=False,
            )
            with gr.Column(elem_id="room-take", elem_classes="room"):
                _stage(parts)
            with gr.Column(elem_id="room-grid", elem_classes="room"):
                parts["grid"] = _own_part("grid-room", "mountGrid", "'make'")
            with gr.Column(elem_id="room-compare", elem_classes="room"):
                parts["compare"] = _own_part("compare-room", "mountCompare", "")
            with gr.Column(elem_id="room-long", elem_classes="room"):
                parts["long"] = _own_part("long-room", "mountLong", "'lay_out', 'speak', 'alter'")
        with gr.Column(elem_id="library", min_width=340):
            _takes(parts)
    # The text and the voice have a name of their own, the rest of the form has a place only.
    form = tuple(parts[n] if n in parts else parts.pop(f"form.{n}") for n in Form.names())
    return Page(form=form, **parts)  # type: ignore[arg-type]


def _header(parts: dict[str, Any]) -> None:
    with gr.Row(elem_id="head"):
        gr.HTML(f"<h1>{words.TITLE}</h1>", elem_id="title")
        parts["model_line"] = gr.HTML("", elem_id="model-line", apply_default_css=False)
        parts["change_model"] = gr.Button("Change model", size="sm", elem_id="change-model")
    with gr.Column(visible=False, elem_id="model-panel") as panel:
        parts["model_choice"] = gr.Radio([], label="Model", elem_id="model-choice")
        with gr.Row():
            parts["use_model"] = gr.Button(
                "Use this model", variant="primary", size="sm", elem_id="use-model"
            )
            parts["stop_download"] = gr.Button("Stop", size="sm", elem_id="stop-download")
            parts["close_models"] = gr.Button("Close", size="sm", elem_id="close-models")
        parts["model_status"] = gr.HTML("", elem_id="model-status", apply_default_css=False)
    parts["model_panel"] = panel


def _stage(parts: dict[str, Any]) -> None:
    parts["player"] = gr.HTML(
        None,
        html_template=f'<div class="stage" data-empty="{html.escape(words.EMPTY_PLAYER)}"></div>',
        js_on_load="barkStudio.mountStage(element, props, watch, trigger); // triggers 'redo_from'",
        elem_id="player",
        apply_default_css=False,
    )
    with gr.Row(elem_id="actions"):
        parts["another"] = gr.Button("Again, new seed", size="sm", min_width=90, elem_id="another")
        parts["reuse"] = gr.Button("Reuse settings", size="sm", min_width=90, elem_id="reuse")
        parts["as_voice"] = gr.Button("Use as voice", size="sm", min_width=90, elem_id="as-voice")
        parts["delete"] = gr.Button("Delete", size="sm", min_width=70, elem_id="delete")
    with gr.Accordion("Redo, or save as voice", open=False, elem_id="more"):
        gr.HTML(f'<p class="hint">{words.REDO_HINT}</p>')
        with gr.Row():
            parts["redo_sound"] = gr.Button("Redo the sound", size="sm", elem_id="redo-sound")
            parts["redo_finish"] = gr.Button("Redo the finish", size="sm", elem_id="redo-finish")
        with gr.Row(elem_id="keep-row"):
            parts["voice_name"] = gr.Textbox(
                label="Name of the voice",
                placeholder="for example: Aunt Ada",
                scale=3,
                max_lines=1,
                elem_id="voice-name",
            )
            parts["keep_voice"] = gr.Button(
                "Save as voice", size="sm", scale=1, min_width=110, elem_id="keep-voice"
            )


def _own_part(name: str, mount: str, events: str) -> gr.HTML:
    """A place that a script of the page's own fills."""
    return gr.HTML(
        None,
        html_template=f'<div class="{name}"></div>',
        js_on_load=f"barkStudio.{mount}(element, props, watch, trigger); // triggers {events}",
        elem_id=name,
        apply_default_css=False,
    )


def _takes(parts: dict[str, Any]) -> None:
    parts["takes"] = gr.HTML(
        None,
        html_template=f'<div class="takes" data-empty="{html.escape(words.EMPTY_TAKES)}"></div>',
        js_on_load="barkStudio.mountList(element, props, watch, trigger); // triggers 'reopen'",
        elem_id="takes",
        apply_default_css=False,
    )
    with gr.Row(elem_id="takes-foot"):
        parts["open_file"] = gr.UploadButton(
            "Open files",
            size="sm",
            file_count="multiple",
            file_types=[".npz", ".wav", ".flac", ".ogg", ".mp3"],
            elem_id="open-file",
        )
