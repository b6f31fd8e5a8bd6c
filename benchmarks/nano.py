"""What nano takes, from text to sound, threads side by side: `python -m benchmarks.nano`."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import torch

from bark import AudioPiece, Bark, GenerationOptions, TakeReady
from bark.batch import Batch
from bark.events import Event
from bark.request import Request

from .machine import describe_machine
from .options import numbers, parser_of
from .protocol import measured
from .report import Row, keep, markdown, spread

_SENTENCE = "The old man walked slowly down to the harbour, and looked out over the sea."
_TASKS = {
    "a short sentence": ["Good morning, how are you?"],
    "a sentence": [_SENTENCE],
    "eight takes of it": [_SENTENCE] * 8,
}
_AS_SHIPPED = 0
_LOADING = """
import time
start = time.perf_counter()
from bark import Bark
imported = time.perf_counter()
Bark.from_pretrained("nano", precision={precision!r})
print(imported - start, time.perf_counter() - imported)
"""


@dataclasses.dataclass(frozen=True)
class Spoken:
    """One measurement.

    Attributes:
        threads: of torch; 0 is as many as the package chooses.
        audio_s: of all takes.
        first_s: from the call to the first sound, or to the first take of a batch.
    """

    task: str
    threads: int
    audio_s: float
    first_s: float
    wall_s: float
    cpu_s: float
    peak_mib: float


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = parser_of("benchmarks.nano", __doc__)
    parser.add_argument("--threads", type=numbers, default=[1, 2], metavar="N,N")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--voice", help="a voice's name; none by default")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args(argv)
    print(describe_machine())
    loads = [_load(args.precision) for _ in range(args.repeats)]
    bark = Bark.from_pretrained("nano", device="cpu", precision=args.precision)
    made = [
        speak(bark, task, threads=threads, voice=args.voice, seed=seed)
        for seed, task, threads in itertools.product(
            range(args.repeats), _TASKS, [*args.threads, _AS_SHIPPED]
        )
    ]
    print(f"\nnano, {bark.precision}\n\n{markdown(spoken_rows(made))}")
    imports, loading = ([load[name] for load in loads] for name in loads[0])
    print(f"\nimporting: {spread(imports)} s; loading: {spread(loading)} s")
    keep(args, {"spoken": made, "loads": loads})


def _load(precision: str) -> dict[str, float]:
    """Seconds for importing and for loading, in a process of their own."""
    command = [sys.executable, "-c", _LOADING.format(precision=precision)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(("import_s", "load_s"), map(float, found.stdout.split()), strict=True))


def speak(bark: Bark, task: str, *, threads: int, voice: str | None, seed: int) -> Spoken:
    """Does a task once."""
    texts = _TASKS[task]
    seeds = list(range(seed, seed + len(texts)))

    def listen() -> tuple[float, float]:
        start, first_s, audio_s = time.perf_counter(), None, 0.0
        for event in _events(bark, texts, threads, voice, seeds):
            if isinstance(event, AudioPiece | TakeReady):
                first_s = first_s or time.perf_counter() - start
            if isinstance(event, TakeReady):
                audio_s += event.take.duration_s
        assert first_s is not None
        return audio_s, first_s

    took, (audio_s, first_s) = measured(listen)
    return Spoken(task, threads, audio_s, first_s, **took)


@torch.inference_mode()
def _events(
    bark: Bark, texts: Sequence[str], threads: int, voice: str | None, seeds: Sequence[int]
) -> Iterator[Event]:
    if threads == _AS_SHIPPED:
        yield from bark.stream_batch(texts, voice=voice, seeds=seeds)
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # Bark itself would choose for a model of this size
    options = [GenerationOptions(seed=seed) for seed in seeds]
    prompt = bark.voice(voice)
    requests = [Request(text, prompt, o) for text, o in zip(texts, options, strict=True)]
    try:
        yield from Batch(bark, requests).events()
    finally:
        torch.set_num_threads(before)


def spoken_rows(made: Sequence[Spoken]) -> list[Row]:
    """A row for each task and number of threads."""
    rows = []
    for task, threads in dict.fromkeys((s.task, s.threads) for s in made):
        own = [s for s in made if (s.task, s.threads) == (task, threads)]
        rows.append(
            {
                "task": task,
                "threads": str(threads) if threads != _AS_SHIPPED else "as shipped",
                "RTF": spread([s.wall_s / s.audio_s for s in own]),
                "RTF of CPU time": spread([s.cpu_s / s.audio_s for s in own]),
                "first sound, s": spread([s.first_s for s in own]),
                "s": spread([s.wall_s for s in own]),
                "audio s": spread([s.audio_s for s in own], 1),
                "peak MiB": f"{max(s.peak_mib for s in own):.0f}",
            }
        )
    return rows


if __name__ == "__main__":
    main()
