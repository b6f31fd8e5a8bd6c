"""`python -m bark narrate`: a document of any length as one audio file, with captions."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment import read_environment
from ..errors import AudioFileError, InvalidInputError, OptionError
from .narrate_arguments import narrate_parser
from .narrate_progress import Progress, clock
from .outputs import check_that_nothing_is_lost
from .telling import tell

if TYPE_CHECKING:
    from ..narration.cast import Cast
    from ..narration.documents import Document
    from ..narration.engines import Engine
    from ..narration.joining import Joined
    from ..narration.narration import Narration
    from ..narration.settings import NarrationOptions
    from ..options import GenerationOptions
    from ..pipeline import Bark
    from ..voices.prompt import Voice

DONE, FAILED, INTERRUPTED = 0, 1, 130


def run_narrate(argv: Sequence[str]) -> int:
    """Narrates as the arguments behind `narrate` say, and prints where the files lie.

    Returns:
        0 done, 1 where a chunk gave no sound or a file could not be written, 130 interrupted.

    Raises:
        SystemExit: of argparse. BarkError: something given is wrong, or cannot be had.
    """
    arguments = narrate_parser().parse_args(list(argv))
    document = _document(arguments.source)
    out = Path(arguments.out or f"{_stem(arguments.source)}.wav").expanduser()
    options = narration_options(arguments)
    _check_outputs(arguments, out)
    if arguments.cover:
        document = dataclasses.replace(document, cover=_cover(arguments.cover))
    bark = _load(arguments)
    return narrate_document(document, out, options, bark, arguments)


def narrate_document(
    document: Document,
    out: Path,
    options: NarrationOptions,
    bark: Bark,
    arguments: argparse.Namespace,
) -> int:
    """Makes a document into a file; also what `--text_file` does with a long text.

    Args:
        arguments: as `narrate_parser` gives them.
    """
    from ..narration.narration import Narration
    from ..narration.pronunciations import read_pronunciations

    say = _Teller(arguments.silent)
    folder = Path(arguments.job or f"{out}.job").expanduser()
    listed = arguments.pronunciations
    narration = Narration.create(
        bark,
        document,
        folder,
        options,
        cast=_cast(arguments),
        pronunciations=read_pronunciations(listed) if listed else None,
        anew=arguments.anew and not arguments.plan,  # who only looks loses nothing
    )
    for number in arguments.redo:
        narration.redo(number)
    say.plan(narration, bark)
    engine = _engine(arguments, bark)
    with _interruptible() as stop, contextlib.closing(engine):
        if arguments.plan:
            return _print_plan(narration, engine, stop)
        failed = Progress(narration, silent=arguments.silent).follow(engine, stop)
        if stop.is_set():
            say(f"Interrupted; the same call goes on from here ({folder}).")
            return INTERRUPTED
    if failed:
        for number, reason in failed:
            text = narration.chunk(number).text[:60]
            tell(f"chunk {number} ({text!r}): {reason}")
        return FAILED
    joined = _write(narration, document, out, arguments)
    say.joined(joined, narration)
    if arguments.remove_job:
        narration.folder.remove()
    return DONE


def narrate_text(
    text: str, out: Path, bark: Bark, *, voice: Voice, options: GenerationOptions, silent: bool
) -> int:
    """Makes a text that is too long for one take into a file, as `narrate` would.

    Args:
        out: its suffix names the format; the work lies beside it until it is done.
        voice: a `VoicePrompt` or None.
    """
    from ..narration.documents import document_of_text
    from ..narration.settings import NarrationOptions

    arguments = narrate_parser().parse_args(["-", "--remove_job"])
    arguments.voice, arguments.silent = voice, silent
    settings = NarrationOptions(generation=options)
    return narrate_document(document_of_text(text), out, settings, bark, arguments)


class _Teller:
    """Messages on standard error, unless it shall be silent."""

    def __init__(self, silent: bool) -> None:
        self.silent = silent

    def __call__(self, message: str) -> None:
        if not self.silent:
            print(message, file=sys.stderr, flush=True)

    def plan(self, narration: Narration, bark: Bark) -> None:
        """What will be made, in a few lines."""
        plan = narration.plan
        there = f", {plan.n_ready} of them made already" if plan.n_ready else ""
        self(
            f"{plan.n_chunks} chunks in {len(plan.chapters)} chapter(s){there}; about "
            f"{clock(plan.expected_s)} of audio by {bark.name} in {bark.precision}, "
            f"seed {narration.options.generation.seed}."
        )
        for sentence in (*plan.notes, *plan.left_out):
            self(sentence)

    def joined(self, joined: Joined, narration: Narration) -> None:
        """What was made, and what is to be said of it."""
        redone = [s for s in narration.chunks if s.info and s.info.redone_for]
        for state in redone:
            assert state.info is not None
            reasons = " ".join(dict.fromkeys(state.info.redone_for))
            tries = len(state.info.seeds)
            self(f"Chunk {state.chunk.number} took {tries} tries: {reasons}")
        for sentence in joined.warnings:
            self(sentence)
        self(f"{clock(joined.duration_s)} of audio from {joined.n_chunks} chunks.")


def narration_options(arguments: argparse.Namespace) -> NarrationOptions:
    """The settings that the flags ask for.

    Raises:
        InvalidInputError: a value is not what its setting takes.
    """
    from ..narration.settings import CheckOptions, NarrationOptions, Pauses
    from ..options import GenerationOptions

    given = {
        name.removeprefix("pause_"): value
        for name, value in vars(arguments).items()
        if name.startswith("pause_") and value is not None
    }
    generation = GenerationOptions.chosen(
        None,
        {
            "text_temperature": arguments.text_temp,
            "waveform_temperature": arguments.waveform_temp,
            "min_eos_p": arguments.min_eos_p,
            "seed": arguments.seed,
        },
    )
    return NarrationOptions(
        generation=generation,
        voice_mode="carried" if arguments.carry is not None else "fixed",
        anchor_every=arguments.carry or 0,
        max_chunk_s=arguments.max_chunk,
        pauses=Pauses(**given),
        loudness_lufs=arguments.loudness,
        check=CheckOptions(retries=arguments.retries, listener=arguments.listen or ""),
    )


def _document(source: str) -> Document:
    from ..narration.documents import MAX_TEXT_CHARS, decode_text, document_of_text, read_document

    if source != "-":
        return read_document(source)
    data = sys.stdin.buffer.read(4 * MAX_TEXT_CHARS)
    text = decode_text(data, "standard input")
    if not text.strip():
        raise InvalidInputError("Standard input has nothing to speak.")
    return document_of_text(text)


def _stem(source: str) -> str:
    return "narration" if source == "-" else Path(source).stem


def _check_outputs(arguments: argparse.Namespace, out: Path) -> None:
    """Finds mistakes before hours of work, not behind them."""
    from ..narration.captions import caption_format
    from ..narration.formats import check_format

    try:
        check_format(out)
        for path in arguments.captions:
            caption_format(path)
    except AudioFileError as error:  # nothing went wrong yet: it is a mistake in the call
        raise OptionError(str(error)) from error
    timeline = [arguments.timeline] if arguments.timeline else []
    written = [out, *(Path(name).expanduser() for name in (*arguments.captions, *timeline))]
    given = vars(arguments)
    read = (given[name] for name in ("source", "voice", "cast", "pronunciations", "cover"))
    check_that_nothing_is_lost(read, written)
    for path in written:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(
                f"The folder of {path} cannot be made: {error.strerror or error}."
            ) from error


def _cover(path: str) -> bytes:
    """The bytes of a JPEG or PNG image, looked at before hours of work."""
    from ..narration.documents import is_cover, read_bytes

    image = read_bytes(Path(path).expanduser())
    if not is_cover(image):
        raise InvalidInputError(f"The cover {path} is neither a JPEG nor a PNG image.")
    return image


def _load(arguments: argparse.Namespace) -> Bark:
    from ..checkpoints import best_local_model
    from ..pipeline import Bark

    environment = read_environment()
    name = arguments.model or environment.model or best_local_model()
    return Bark.from_pretrained(
        name,
        device=arguments.device,
        precision=arguments.precision,
        offline=arguments.offline or None,
        lazy=True,  # a plan of a job that is made needs the tokenizer alone
    )


def _cast(arguments: argparse.Namespace) -> Cast:
    from ..narration.cast import Cast, read_cast

    cast = read_cast(arguments.cast) if arguments.cast else Cast()
    return dataclasses.replace(cast, narrator=arguments.voice) if arguments.voice else cast


def _engine(arguments: argparse.Namespace, bark: Bark) -> Engine:
    from ..listening.listeners import look_with
    from ..narration.engines import LocalEngine

    if arguments.engine == "ray" and not arguments.plan:
        from ..narration.ray_engine import RayEngine

        return RayEngine(
            str(bark.files.info.name),
            precision=bark.precision,
            width=arguments.batch_size or 8,
            address=arguments.ray_address,
            n_workers=arguments.workers,
            cpus=arguments.worker_cpus,
            gpus=arguments.worker_gpus,
            device=arguments.device,
            listener=arguments.listen or "",
        )
    look = look_with(bark, arguments.listen or "")
    return LocalEngine(bark, width=arguments.batch_size, look=look)


def _print_plan(narration: Narration, engine: Engine, stop: threading.Event) -> int:
    """The plan on standard output; the time to make it is measured on one chunk, which is kept."""
    plan = narration.plan
    for title, n_chunks, seconds in plan.chapters:
        print(f"{title or '(no title)'}: {n_chunks} chunks, about {clock(seconds)}")
    for name, voice in plan.speakers.items():
        print(f"{name or 'narrator'}: {voice}")
    print(f"In all about {clock(plan.expected_s)} of audio.")
    _make_one(narration, engine, stop)
    made = [state.info for state in narration.chunks if state.info]
    left = sum(state.chunk.expected_s for state in narration.chunks if not state.is_ready)
    if made:
        speed = sum(info.seconds for info in made) / max(0.1, sum(info.heard_s for info in made))
        print(
            f"{len(made)} of {plan.n_chunks} chunks are made, at {speed:.2f} s a second of audio; "
            f"the others would take about {clock(left * speed)} at that speed."
        )
    return DONE


def _make_one(narration: Narration, engine: Engine, stop: threading.Event) -> None:
    """Makes a chunk where none is made yet."""
    from ..narration.states import ChunkReady

    if any(state.is_ready for state in narration.chunks):
        return
    engine.width = 1
    for event in narration.run(engine=engine, stop=stop):
        if isinstance(event, ChunkReady):
            stop.set()


def _write(
    narration: Narration, document: Document, out: Path, arguments: argparse.Namespace
) -> Joined:
    import json

    from ..files.whole_file import whole_file
    from ..narration.captions import write_captions
    from ..narration.joining import write_file
    from ..narration.timeline import timeline

    joined = write_file(narration, out, cover=document.cover)
    print(joined.path, flush=True)
    for path in arguments.captions:
        print(write_captions(narration, path, by=arguments.captions_by), flush=True)
    if arguments.timeline:
        path = Path(arguments.timeline).expanduser()
        with whole_file(path) as file:
            file.write(json.dumps(timeline(narration), ensure_ascii=False, indent=1).encode())
        print(path, flush=True)
    return joined


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second Ctrl-C ends all at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal)
              for number in (signal.SIGINT, signal.SIGTERM)}  # fmt: skip
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
