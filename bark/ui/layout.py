"""Where everything stands on the page; what it does is wired elsewhere."""

from __future__ import annotations

import dataclasses
import html
from pathlib import Path

import gradio as gr

from . import words
from .form import MAX_TAKES, Form

STATIC = Path(__file__).resolve().parent / "static"
_FORM = Form()


@dataclasses.dataclass(frozen=True)
class Page:
    """The components that have a part in some event."""

    visitor: gr.BrowserState
    draft: gr.BrowserState
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
    language: gr.Dropdown
    voice: gr.Dropdown
    preview: gr.Button
    voice_file: gr.UploadButton
    voice_line: gr.HTML
    form: tuple[gr.components.Component, ...]
    speak: gr.Button
    stop: gr.Button
    status: gr.HTML
    player: gr.HTML
    another: gr.Button
    reuse: gr.Button
    as_voice: gr.Button
    delete: gr.Button
    undelete: gr.Button
    redo_sound: gr.Button
    redo_finish: gr.Button
    voice_name: gr.Textbox
    keep_voice: gr.Button
    open_file: gr.UploadButton
    takes: gr.HTML

    def field(self, name: str) -> gr.components.Component:
        """The component of a field of the form."""
        return self.form[Form.names().index(name)]


def build_page(example: str) -> Page:
    """Lays the page out, within an open `gr.Blocks`.

    Args:
        example: what stands in the box at first, one press from a sound.
    """
    parts: dict[str, gr.components.Component] = {
        # Kept in the visitor's own browser, so that a reload loses nothing.
        "visitor": gr.BrowserState("", storage_key="bark-visit", secret="bark-visit"),
        "draft": gr.BrowserState("", storage_key="bark-draft", secret="bark-draft"),
    }
    _header(parts)
    with gr.Row(elem_id="desk"):
        with gr.Column(elem_id="left", min_width=340):
            _prompt(parts, example)
            _voice(parts)
            _temperatures(parts)
            _advanced(parts)
            _speak_row(parts)
        with gr.Column(elem_id="right", min_width=340):
            _stage(parts)
            _takes(parts)
    # The text and the voice have a name of their own, the rest of the form has a place only.
    form = tuple(parts[n] if n in parts else parts.pop(f"form.{n}") for n in Form.names())
    return Page(form=form, **parts)  # type: ignore[arg-type]


def _header(parts: dict) -> None:
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


def _prompt(parts: dict, example: str) -> None:
    parts["text"] = gr.Textbox(
        example,
        label=words.PROMPT_LABEL,
        placeholder=words.PROMPT_PLACEHOLDER,
        lines=4,
        max_lines=6,
        elem_id="prompt",
    )
    with gr.Row(elem_id="meter-row"):
        parts["meter"] = gr.HTML("", elem_id="meter", apply_default_css=False)
        parts["split"] = gr.Button("Speak in parts", size="sm", visible=False, elem_id="split")
    parts["tags"] = gr.HTML(
        _tag_buttons(),
        elem_id="tags",
        apply_default_css=False,
        js_on_load="barkStudio.mountTags(element, props)",
        visible=False,
    )
    parts["examples"] = gr.Dataset(
        components=[parts["text"]],
        samples=[[text] for _, text in words.NANO_EXAMPLES],
        sample_labels=[label for label, _ in words.NANO_EXAMPLES],
        label="Examples",
        show_label=False,
        samples_per_page=20,
        elem_id="examples",
    )
    parts["nano_note"] = gr.HTML("", elem_id="nano-note", apply_default_css=False)


def _tag_buttons() -> str:
    buttons = "".join(
        f'<button type="button" data-tag="{html.escape(inserted)}" '
        f'title="{html.escape(meaning)}">{html.escape(shown)}</button>'
        for shown, inserted, meaning in words.TAGS
    )
    return f'<div class="tags" role="group" aria-label="Insert at the cursor">{buttons}</div>'


def _voice(parts: dict) -> None:
    with gr.Row(elem_id="voice-row"):
        parts["language"] = gr.Dropdown(
            [("all languages", "")],
            value="",
            label=words.LANGUAGE_LABEL,
            min_width=120,
            scale=2,
            visible=False,
            elem_id="language",
        )
        parts["voice"] = gr.Dropdown(
            [(words.NO_VOICE, "")],
            value="",
            label=words.VOICE_LABEL,
            filterable=True,
            scale=5,
            elem_id="voice",
        )
        with gr.Column(scale=0, min_width=92, elem_id="voice-buttons"):
            parts["preview"] = gr.Button("Listen", size="sm", min_width=92, elem_id="preview")
            parts["voice_file"] = gr.UploadButton(
                "From file",
                size="sm",
                min_width=92,
                file_types=[".npz", ".wav", ".flac", ".ogg", ".mp3"],
                elem_id="voice-file",
            )
    parts["voice_line"] = gr.HTML("", elem_id="voice-line", apply_default_css=False)


def _temperatures(parts: dict) -> None:
    with gr.Row(elem_id="temperatures"):
        parts["form.text_temperature"] = gr.Slider(
            0.0,
            1.5,
            value=_FORM.text_temperature,
            step=0.05,
            label=words.TEXT_TEMPERATURE,
            info=words.TEXT_TEMPERATURE_INFO,
            buttons=[],
            elem_id="text-temperature",
        )
        parts["form.waveform_temperature"] = gr.Slider(
            0.0,
            1.5,
            value=_FORM.waveform_temperature,
            step=0.05,
            label=words.WAVEFORM_TEMPERATURE,
            info=words.WAVEFORM_TEMPERATURE_INFO,
            buttons=[],
            elem_id="waveform-temperature",
        )
    with gr.Row(elem_id="seed-row"):
        # A text box: JavaScript's numbers, and so a number box, end at 2**53.
        parts["form.seed"] = gr.Textbox(
            label=words.SEED_LABEL,
            placeholder="drawn when you speak",
            scale=3,
            min_width=130,
            max_lines=1,
            elem_id="seed",
        )
        parts["form.hold_seed"] = gr.Radio(
            [(words.SEED_NEW, False), (words.SEED_HOLD, True)],
            value=False,
            label="Next time",
            scale=4,
            min_width=190,
            elem_id="hold",
        )
        parts["form.n_takes"] = gr.Dropdown(
            list(range(1, MAX_TAKES + 1)),
            value=1,
            label="Takes",
            filterable=False,
            scale=1,
            min_width=80,
            elem_id="n-takes",
        )


def _advanced(parts: dict) -> None:
    sliders = (
        ("fine_temperature", 0.0, 1.5, 0.05, "Fine temperature", words.FINE_TEMPERATURE_INFO),
        ("min_eos_p", 0.0, 1.0, 0.01, "min_eos_p", words.MIN_EOS_P_INFO),
        ("text_top_k", 0, 500, 1, "Text top-k", words.TOP_K_INFO),
        ("text_top_p", 0.05, 1.0, 0.05, "Text top-p", words.TOP_P_INFO),
        ("sound_top_k", 0, 500, 1, "Waveform top-k", words.TOP_K_INFO),
        ("sound_top_p", 0.05, 1.0, 0.05, "Waveform top-p", words.TOP_P_INFO),
        ("coarse_history", 60, 630, 10, "Coarse context (tokens)", words.HISTORY_INFO),
        ("coarse_window", 10, 300, 10, "Coarse window (tokens)", words.WINDOW_INFO),
        ("max_duration_s", 0.0, 30.0, 0.5, "Maximum length (s)", words.MAX_DURATION_INFO),
    )
    with gr.Accordion("Advanced", open=False, elem_id="advanced"), gr.Row():
        for name, low, high, step, label, info in sliders:
            parts[f"form.{name}"] = gr.Slider(
                low,
                high,
                value=getattr(_FORM, name),
                step=step,
                label=label,
                info=info,
                buttons=["reset"],
                min_width=230,
                elem_id=name.replace("_", "-"),
            )
        parts["form.allow_early_stop"] = gr.Checkbox(
            value=True, label="Stop when the text is said", info=words.EARLY_STOP_INFO
        )


def _speak_row(parts: dict) -> None:
    with gr.Column(elem_id="speak-bar"):
        with gr.Row(elem_id="speak-row"):
            parts["speak"] = gr.Button("Speak", variant="primary", scale=3, elem_id="speak")
            parts["stop"] = gr.Button("Stop", scale=1, min_width=80, elem_id="stop")
        parts["status"] = gr.HTML("", elem_id="status", apply_default_css=False)


def _stage(parts: dict) -> None:
    parts["player"] = gr.HTML(
        None,
        html_template=f'<div class="stage" data-empty="{html.escape(words.EMPTY_PLAYER)}"></div>',
        js_on_load="barkStudio.mountStage(element, props, watch, trigger);"
        " // triggers 'star' 'note' 'choose'",
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


def _takes(parts: dict) -> None:
    parts["takes"] = gr.HTML(
        None,
        html_template=f'<div class="takes" data-empty="{html.escape(words.EMPTY_TAKES)}"></div>',
        js_on_load="barkStudio.mountList(element, props, watch, trigger);"
        " // triggers 'star' 'choose'",
        elem_id="takes",
        apply_default_css=False,
    )
    with gr.Row(elem_id="takes-foot"):
        parts["undelete"] = gr.Button("Undo delete", size="sm", visible=False, elem_id="undelete")
        parts["open_file"] = gr.UploadButton(
            "Open a take's file",
            size="sm",
            file_types=[".npz", ".wav", ".flac", ".ogg", ".mp3"],
            elem_id="open-file",
        )
