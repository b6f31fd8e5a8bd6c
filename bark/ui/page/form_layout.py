"""The left side of the page: what is said, in which voice, and how."""

from __future__ import annotations

import html

import gradio as gr

from ...options import MAX_SPEED, MIN_SPEED
from . import words
from .form import MAX_TAKES, Form

_FORM = Form()
Parts = dict[str, gr.components.Component]


def lay_prompt(parts: Parts, example: str, note: str) -> None:
    """The box, its meter, the tags and the examples."""
    with gr.Row(elem_id="prompt-row"):  # as high as the box, before the box is there
        parts["text"] = gr.Textbox(
            example,
            label=words.PROMPT_LABEL,
            placeholder=words.PROMPT_PLACEHOLDER,
            lines=4,
            max_lines=6,
            elem_id="prompt",
        )
    with gr.Row(elem_id="meter-row"):
        parts["meter"] = gr.HTML(
            "",
            elem_id="meter",
            apply_default_css=False,
            js_on_load="barkStudio.mountMeter(props, watch);",
        )
        parts["split"] = gr.Button("Speak in parts", size="sm", visible=False, elem_id="split")
    parts["tags"] = gr.HTML(
        "",
        elem_id="tags",
        apply_default_css=False,
        js_on_load="barkStudio.mountTags(element, props)",
    )
    with gr.Row(elem_id="examples-row"):
        parts["examples"] = gr.Dataset(
            components=[parts["text"]],
            samples=[[text] for _, text in words.EXAMPLES["nano"]],
            sample_labels=[label for label, _ in words.EXAMPLES["nano"]],
            label="Examples",
            show_label=False,
            samples_per_page=20,
            elem_id="examples",
        )
    parts["nano_note"] = gr.HTML(note, elem_id="nano-note", apply_default_css=False)


def tag_buttons(family: str, *, hears_tags: bool) -> str:
    """What the model hears besides words: a row of buttons, and what `[` in the text offers.

    Args:
        family: its name.
        hears_tags: False hides the row; `[` still tells what there is.
    """
    buttons = "".join(
        f'<button type="button" data-tag="{html.escape(inserted)}" '
        f'title="{html.escape(meaning)}">{html.escape(shown)}</button>'
        for shown, inserted, meaning in words.TAGS[family]
    )
    hidden = "" if hears_tags else " hidden"
    return (
        f'<div class="tags" role="group" aria-label="Insert at the cursor" '
        f'data-note="{html.escape(words.TAGS_NOTE[family])}"{hidden}>{buttons}</div>'
    )


def lay_voice(parts: Parts) -> None:
    """One line: the voice, which opens the menu, its sound, one from a file, and styles."""
    with gr.Row(elem_id="voice-row"):
        # The page's own menu writes what is chosen into this box, which nobody sees.
        parts["voice"] = gr.Textbox("", label=words.VOICE_LABEL, elem_id="voice")
        gr.HTML(
            None,
            html_template=f'<div class="voice-line" data-none="{html.escape(words.NO_VOICE)}" '
            f'data-detail="{html.escape(words.NO_VOICE_DETAIL)}"></div>',
            js_on_load="barkStudio.mountVoices(element);",
            elem_id="voice-line",
            apply_default_css=False,
        )
        parts["voice_file"] = gr.UploadButton(
            "From file",
            size="sm",
            min_width=92,
            file_types=[".npz", ".wav", ".flac", ".ogg", ".mp3"],
            elem_id="voice-file",
        )
        parts["style"] = gr.HTML(
            None,
            html_template='<div class="style-line"></div>',
            js_on_load="barkStudio.mountStyles(element, props, watch, trigger);"
            " // triggers 'use', 'keep', 'drop'",
            elem_id="style-line",
            apply_default_css=False,
        )


def lay_temperatures(parts: Parts) -> None:
    """The two temperatures that people turn."""
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


def lay_seed(parts: Parts) -> None:
    """The seed, whether it is held, and how many takes are made."""
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


def lay_advanced(parts: Parts) -> None:
    """The fold with everything else, each said in terms of what one hears."""
    sliders = (
        ("speed", MIN_SPEED, MAX_SPEED, 0.05, "Speed", words.SPEED_INFO),
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


def lay_speak_row(parts: Parts) -> None:
    """Speak, Stop and the status; on a phone they stay in the thumb's reach."""
    with gr.Column(elem_id="speak-bar"):
        with gr.Row(elem_id="speak-row"):
            parts["speak"] = gr.Button("Speak", variant="primary", scale=3, elem_id="speak")
            parts["stop"] = gr.Button("Stop", scale=1, min_width=80, elem_id="stop")
        parts["status"] = gr.HTML("", elem_id="status", apply_default_css=False)
