"""What a long text costs from its first minute to its last: `python -m benchmarks.narration`.

One text is spoken by nano as `python -m bark narrate` does, and followed through the minutes of
sound asked for. Processor seconds are given, since a clock tells of the machine's other work too.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from bark import Bark, GenerationOptions
from bark.narration import (
    Cast,
    ChunkReady,
    Narration,
    NarrationOptions,
    document_of_text,
    write_file,
)
from bark.narration.engines import LocalEngine

from .machine import describe_machine
from .options import add_folder, numbers, parser_of, weights_folder
from .report import Row, keep, markdown

_WORDS_A_MINUTE = 190  # more than are spoken, so that the text does not end too soon
_PEOPLE = "the old man,her sister,a young doctor,our neighbour,the captain,nobody,every child"
_DEEDS = "walked down to,looked out over,thought about,came back from,never spoke of,waited at"
_PLACES = "the harbour,a quiet street,the green hills,that empty house,the river,the market"
_ENDS = "before the rain began,with a letter in one hand,as the bells rang,and said no more"


@dataclasses.dataclass(frozen=True)
class Passed:
    """What had been spent when so much of the text could be heard.

    Attributes:
        audio_s: seconds of sound, pauses included, from the beginning.
        cpu_s, wall_s: since the beginning, loading not counted.
        resident_mib: memory held at this moment.
        peak_mib: the most that was held so far.
    """

    audio_s: float
    cpu_s: float
    wall_s: float
    resident_mib: float
    peak_mib: float


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row whenever another mark is passed, and the table at the end."""
    parser = parser_of("benchmarks.narration", __doc__)
    marks = [1, 2, 5, 10, 30, 60, 120]
    parser.add_argument("--minutes", type=numbers, default=marks, metavar="N,N")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=int, help="chunks made together at most")
    parser.add_argument("--voice", default="alder")
    add_folder(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    print(describe_machine(), flush=True)
    bark = Bark.from_pretrained("nano", device="cpu", precision="int8")
    document = document_of_text(story(max(args.minutes) * _WORDS_A_MINUTE))
    with weights_folder(args.folder) as folder:
        options = NarrationOptions(generation=GenerationOptions(seed=1))
        narration = Narration.create(bark, document, folder / "job", options, cast=Cast(args.voice))
        rows = []
        for passed in follow(narration, args.minutes, width=args.width):
            rows.append(passed)
            print(curve_rows(rows)[-1], flush=True)
        print(f"\n{markdown(curve_rows(rows))}\n\n{_joining(narration, folder)}", flush=True)
        keep(args, {"narration": rows})


def story(n_words: int, seed: int = 1) -> str:
    """A text of so many words that says nothing twice in a row, in paragraphs."""
    draw = random.Random(seed)
    parts = [phrases.split(",") for phrases in (_PEOPLE, _DEEDS, _PLACES, _ENDS)]
    paragraphs, n = [], 0
    while n < n_words:
        sentences = []
        for _ in range(draw.randint(2, 6)):
            words = " ".join(draw.choice(phrases) for phrases in parts[: draw.randint(3, 4)])
            sentences.append(f"{words[0].upper()}{words[1:]}.")
            n += len(words.split())
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def follow(
    narration: Narration, minutes: Sequence[float], *, width: int | None = None
) -> Iterator[Passed]:
    """Makes a narration, and says what had been spent at each mark; stops after the last.

    Args:
        width: chunks made together at most; None takes what the engine likes.
    """
    waiting, stop, audio_s = sorted(minutes), threading.Event(), 0.0
    began, cpu_began = time.perf_counter(), time.process_time()
    for event in narration.run(engine=LocalEngine(narration.bark, width=width), stop=stop):
        if not isinstance(event, ChunkReady) or event.state.info is None:
            continue
        audio_s += event.state.info.heard_s + event.state.chunk.pause_s
        while waiting and audio_s >= 60 * waiting[0]:
            waiting.pop(0)
            cpu_s, wall_s = time.process_time() - cpu_began, time.perf_counter() - began
            yield Passed(audio_s, cpu_s, wall_s, _resident_mib(), _peak_mib())
        if not waiting:
            stop.set()


def curve_rows(passed: Sequence[Passed]) -> list[Row]:
    """A row for each mark: the cost of a second since the mark before, and memory."""
    rows: list[Row] = []
    for last, now in itertools.pairwise([Passed(0, 0, 0, 0, 0), *passed]):
        made_s = now.audio_s - last.audio_s
        row = {
            "minutes of sound": f"{now.audio_s / 60:.1f}",
            "processor s a second": f"{(now.cpu_s - last.cpu_s) / made_s:.3f}",
            "clock s a second": f"{(now.wall_s - last.wall_s) / made_s:.2f}",
            "memory MiB": f"{now.resident_mib:.0f}",
            "peak MiB": f"{now.peak_mib:.0f}",
        }
        rows.append(row)
    return rows


def _joining(narration: Narration, folder: Path) -> str:
    began = time.process_time()
    joined = write_file(narration, folder / "whole.wav")
    share = (time.process_time() - began) / joined.duration_s
    return f"Joining took {share:.4f} processor s a second; the peak is then {_peak_mib():.0f} MiB."


def _resident_mib() -> float:
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * resource.getpagesize() / 2**20
    except OSError:
        return float("nan")


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if os.uname().sysname == "Darwin" else 2**10)


if __name__ == "__main__":
    main()
