"""What there is, on standard output: models, voices, the device, how a text is read."""

from __future__ import annotations

import argparse

from ..environment import MODELS, read_environment
from .job import read_text
from .telling import tell_left_out


def print_what_there_is(arguments: argparse.Namespace) -> bool:
    """Answers the flags that make no speech.

    Returns:
        Whether one was given.

    Raises:
        BarkError: the model is unknown, or the text cannot be read.
    """
    if arguments.list_models:
        _print_models()
    elif arguments.list_voices:
        _print_voices(arguments)
    elif arguments.reading is not None:
        _print_reading(arguments)
    elif arguments.device_info:
        _print_device_info()
    else:
        return False
    return True


def _print_reading(arguments: argparse.Namespace) -> None:
    from ..checkpoints.registry import best_local_model
    from ..pipeline import Bark

    text = read_text("-") if arguments.reading == "-" else arguments.reading
    environment = read_environment()
    bark = Bark.from_pretrained(
        arguments.model or environment.model or best_local_model(),
        offline=arguments.offline or environment.offline,
        lazy=True,
    )
    count = bark.count(text)
    print(bark.reading(text), flush=True)
    tell_left_out(count.cut_text, count.unspoken, bark.spec.name)


def _print_models() -> None:
    from ..checkpoints.registry import list_models

    for info in list_models():
        place = f"{_size(info.download_bytes)} to fetch"
        if info.on_disk:
            place = f"on disk in {info.location}"
        print(f"{info.name:8}{info.description}")
        print(f"{'':8}{_size(info.memory_bytes)} of memory in float32; {place}")


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def _print_voices(arguments: argparse.Namespace) -> None:
    from ..checkpoints.registry import best_local_model, model_folder, model_spec
    from ..voices.library import list_voices

    model = arguments.model or read_environment().model or best_local_model()
    folder = None if model in MODELS else model_folder(model)
    for info in list_voices(model_spec(model), model_folder=folder):
        place = "" if info.on_disk else "to fetch"
        print(f"{info.name:22}{info.origin:10}{place:10}{info.description}".rstrip())


def _print_device_info() -> None:
    from .device_info import device_info

    print(device_info(read_environment()))
