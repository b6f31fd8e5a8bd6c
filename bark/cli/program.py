"""`python -m bark`: a text in, audio files out, and exit codes that tell what happened.

Paths of written files go to standard output, everything else to standard error. Modules that
load torch are imported when they are needed, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..environment import read_environment
from ..errors import AudioFileError, BarkError, InvalidInputError, OptionError
from ..terminal.streams import open_missing_streams, write_path
from .arguments import parse_arguments
from .job import STANDARD_OUTPUT, Job, read_job
from .listings import print_what_there_is
from .telling import tell, tell_left_out

if TYPE_CHECKING:
    from ..events import Event
    from ..pipeline import Bark
    from ..take import Take
    from ..voices.prompt import VoicePrompt

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: without the program's name; None takes `sys.argv`.

    Returns:
        0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    open_missing_streams()
    try:
        code = _answer(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except OSError as error:  # Python would complain again when it closes the output at exit
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader of our output has gone
            return FAILED
        return _fail(f"The output cannot be written: {error.strerror or error}.", FAILED)


def _answer(argv: list[str]) -> int:
    try:
        return _run(argv)
    except SystemExit as end:  # of argparse, after it printed help or a sentence
        return end.code if isinstance(end.code, int) else WRONG_USAGE
    except (OptionError, InvalidInputError) as error:
        return _fail(error, WRONG_USAGE)
    except BarkError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return _fail("Interrupted.", INTERRUPTED)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or _is_short_of_memory(error):
            return _fail(
                "There is not enough memory; try a smaller --model, --batch_size 1 or "
                "--device cpu.",
                FAILED,
            )
        raise


def _is_short_of_memory(error: RuntimeError) -> bool:
    from ..devices import is_short_of_memory

    return is_short_of_memory(error)


def _run(argv: list[str]) -> int:
    if argv[0:1] == ["grid"] and len(argv) > 1:  # the word alone is a text
        from .grid import run_grid

        return run_grid(argv[1:])
    if argv[0:1] == ["narrate"] and len(argv) > 1:
        from .narrate import run_narrate

        return run_narrate(argv[1:])
    if argv[0:1] == ["inspect"] and len(argv) > 1:
        from .inspect import run_inspect

        return run_inspect(argv[1:])
    arguments = parse_arguments(argv)
    logging.basicConfig(
        format="%(message)s", level=logging.ERROR if arguments.silent else logging.WARNING
    )
    if print_what_there_is(arguments):
        return DONE
    from ..models.native.ahead import compile_ahead

    compile_ahead(read_environment())  # beside the import of torch
    job = read_job(arguments)
    with _interruptible(arguments.keep_partial) as stop:
        bark = _load(job, stop)
        voice = bark.voice(job.arguments.history_prompt or None)
        is_long = _is_long(job, bark)
        if arguments.semantic_only and not is_long:
            return _write_semantic(job, bark, voice, stop)
        if is_long:
            return _narrate(job, bark, voice)
        return _speak(job, bark, voice, stop)


def _fail(reason: object, code: int) -> int:
    with contextlib.suppress(OSError):  # nowhere to say it
        tell(reason)
    return code


def _say(job: Job, message: str) -> None:
    if not job.arguments.silent:
        print(message, file=sys.stderr, flush=True)


def _say_path(job: Job, path: Path) -> None:
    if not job.arguments.silent and path != STANDARD_OUTPUT:
        write_path(path)


@contextlib.contextmanager
def _interruptible(keep_partial: bool) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets when the partial audio is wanted; the second ends all."""
    stop = threading.Event()
    if not keep_partial or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_interrupt(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _load(job: Job, stop: threading.Event) -> Bark:
    from ..checkpoints.registry import best_local_model
    from ..pipeline import Bark
    from ..terminal.progress import ProgressBar

    with ProgressBar(silent=job.arguments.silent) as bar:
        bark = Bark.from_pretrained(
            job.model or best_local_model(),
            device=job.arguments.device,
            precision=job.arguments.precision,
            draft=job.arguments.draft,
            offline=job.offline,
            on_progress=lambda name, done, total: bar.update(
                f"{name} (MB)", done // 1_000_000, total // 1_000_000
            ),
            stop=stop,
        )
    why = "" if job.model else "; it is the best one on this machine"
    if not job.model and bark.name == "nano":
        why += ", and --model small or --model large would be official Bark"
    _say(job, f"Model {bark.name} on {bark.device} in {bark.precision}{why}.")
    return bark


def _is_long(job: Job, bark: Bark) -> bool:
    """Whether the text is one that a single take would not say to its end."""
    from ..narration.sizes import fits_one_take

    if _asks_for_one_take(job) or job.arguments.batch is not None:
        return False
    return not fits_one_take(bark, job.texts[0])


def _asks_for_one_take(job: Job) -> bool:
    """Whether the flags say where the take ends."""
    return job.options.max_duration_s is not None or not job.options.allow_early_stop


def _narrate(job: Job, bark: Bark, voice: VoicePrompt | None) -> int:
    """Speaks a long text in chunks: half of it would not do."""
    from .narrate import narrate_text

    wanted = {
        "--semantic_only": job.arguments.semantic_only,
        "--output_full": job.arguments.output_full,
        "--output_filename -": job.paths[0] == STANDARD_OUTPUT,
    }
    flag = next((flag for flag, is_given in wanted.items() if is_given), None)
    if flag is not None:
        raise InvalidInputError(
            f"The text is too long for one take, which {flag} needs; shorten it, limit it by "
            "--max_duration, or speak it by `python -m bark narrate FILE --out NAME`."
        )
    _say(job, "The text is too long for one take; it is spoken in chunks.")
    code = narrate_text(
        job.texts[0],
        job.paths[0],
        bark,
        voice=voice,
        options=job.options,
        silent=job.arguments.silent,
    )
    if code == DONE:
        _sign(job, job.paths[0])
    return code


def _speak(job: Job, bark: Bark, voice: VoicePrompt | None, stop: threading.Event) -> int:
    from ..events import StageProgress, TakeFailed, TakeReady
    from ..terminal.progress import ProgressBar

    code, n_written = DONE, 0
    with ProgressBar(silent=job.arguments.silent) as bar:
        for index, event in _events(job, bark, voice, stop):
            if isinstance(event, StageProgress):
                bar.update(event.stage, event.done, event.total)
            elif isinstance(event, TakeReady):
                _write(job, bark, index, event.take)
                n_written += 1
            elif isinstance(event, TakeFailed) and not stop.is_set():
                code = _fail_one(job, index, event.error)
    if stop.is_set():
        return _fail(
            "Interrupted." if n_written else "Interrupted before there was any sound.", INTERRUPTED
        )
    return code


def _fail_one(job: Job, index: int, error: BarkError) -> int:
    """Says which line of a batch came to nothing; the others go on. A text alone ends the call."""
    if len(job.texts) == 1:
        raise error
    return _fail(f"{_line(job, index)}{error}", FAILED)


def _line(job: Job, index: int) -> str:
    """What a sentence about one line of a batch begins with."""
    return f"line {index + 1}: " if len(job.texts) > 1 else ""


@contextlib.contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _write_semantic(job: Job, bark: Bark, voice: VoicePrompt | None, stop: threading.Event) -> int:
    import numpy as np

    from ..events import TakeFailed, TakeReady
    from ..files.whole_file import whole_file

    code, n_ended = DONE, 0
    for index, event in _events(job, bark, voice, stop):
        if stop.is_set():
            return _fail("Interrupted.", INTERRUPTED)
        if isinstance(event, TakeFailed):
            code = _fail_one(job, index, event.error)
            n_ended += 1
        if not isinstance(event, TakeReady):
            continue
        take, path = event.take, job.paths[index]
        tokens = take.tokens.semantic
        path = path if path == STANDARD_OUTPUT else path.with_suffix(".npy")
        try:
            with whole_file(path) if path != STANDARD_OUTPUT else _standard_output() as file:
                np.save(file, tokens)
        except OSError as error:
            raise AudioFileError(f"{path} cannot be written: {error.strerror or error}.") from error
        seconds = len(tokens) / bark.spec.semantic_rate_hz
        _tell_lost_end(job, bark, index, take)
        tell_left_out(take.cut_text, take.unspoken, bark.spec.name, _line(job, index))
        _say(job, f"{len(tokens)} semantic tokens for {seconds:.1f} s, seed {take.options.seed}.")
        _say_path(job, path)
        n_ended += 1
    return code if n_ended == len(job.texts) else _fail("Interrupted.", INTERRUPTED)


def _events(
    job: Job, bark: Bark, voice: VoicePrompt | None, stop: threading.Event
) -> Iterator[tuple[int, Event]]:
    """Yields the events of all texts, each with the index of its text."""
    from ..request import requests_for

    last_stage = "semantic" if job.arguments.semantic_only else "decode"
    requests = requests_for(job.texts, voice, job.options, last_stage=last_stage)
    size = job.arguments.batch_size
    for first in range(0, len(requests), size):
        if stop.is_set():
            return
        for event in bark.stream_requests(requests[first : first + size], stop=stop):
            yield first + getattr(event, "item", 0), event


def _write(job: Job, bark: Bark, index: int, take: Take) -> None:
    path, dated = job.paths[index], job.arguments.dated
    # How long it took differs from run to run; without that the same seed gives the same file.
    kept_take = dataclasses.replace(take, timings={})
    if path == STANDARD_OUTPUT:
        with _standard_output() as file:
            kept_take.save(file, format=job.format, dated=dated)
    else:
        kept_take.save(path, format=job.format, dated=dated)
        _sign(job, path)
    kept = "; interrupted, this much was made" if take.stop_reason == "stopped" else ""
    seconds = sum(take.timings.values())
    _say(job, f"{take.duration_s:.1f} s, seed {take.options.seed}, made in {seconds:.1f} s{kept}.")
    _tell_lost_end(job, bark, index, take)
    tell_left_out(take.cut_text, take.unspoken, bark.spec.name, _line(job, index))
    _say_path(job, path)
    if job.arguments.output_full:
        from ..voices.library import save_voice

        _say_path(job, save_voice(path.with_suffix(".npz"), take.tokens, spec=bark.spec))


def _sign(job: Job, path: Path) -> None:
    if job.arguments.c2pa:
        from ..audio.credentials import sign_file

        certificate, key = map(Path, job.arguments.c2pa)
        sign_file(path, certificate, key, title=path.name)


def _tell_lost_end(job: Job, bark: Bark, index: int, take: Take) -> None:
    """Says on standard error, also with --silent, that the model's limit of length ended a take."""
    from ..narration.sizes import fits_one_take

    if take.stop_reason != "length" or _asks_for_one_take(job):
        return
    sentence = "The model's limit of length ended it; the end of the text may be missing."
    if not fits_one_take(bark, take.text):
        sentence = (
            "The text is too long for one take; its end is not spoken. "
            "Split it, or speak it with narrate."
        )
    tell(f"{_line(job, index)}{sentence}")
