"""Damage that finds its own way in: `python -m tests.trials.guided --seconds 600`.

atheris (<https://github.com/google/atheris>) watches which lines of the readers of voices and takes
an input reaches and keeps those that reach new ones. An input is used, or refused by one of our
errors; anything else ends the run and leaves the input in the folder. Needs `pip install atheris`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from bark.errors import BarkError

if TYPE_CHECKING:
    from .kinds import Kind

MODULES = (
    "bark.voices.file",
    "bark.voices.prompt",
    "bark.voices.library",
    "bark.audio.record",
    "bark.audio.files",
    "bark.take",
    "bark.tokens",
)
KINDS = ("voice, .npz", "voice, .npy", "take, .wav", "take, .flac")
MAX_BYTES = 65_536


def run(kind: Kind, seconds: int, corpus: Path) -> None:
    """Reads inputs of one kind until the time is over; atheris then ends the process.

    Args:
        corpus: a folder; what reached new lines is kept there and begun with the next time.
    """
    import atheris

    corpus.mkdir(parents=True, exist_ok=True)
    for name, content in kind.seeds:
        (corpus / name).write_bytes(content)
    path = Path(tempfile.mkdtemp(prefix="bark-guided-")) / kind.seeds[0][0]

    def read(data: bytes) -> None:
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                kind.read(path)
            except BarkError:
                return

    flags = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=20"]
    flags += ["-rss_limit_mb=1500", f"-artifact_prefix={corpus.parent}/"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], read)
    atheris.Fuzz()


def main() -> int:
    """Parses the arguments and runs one kind."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "bark-corpus")
    asked = parser.parse_args()
    import atheris

    # before anything else imports them
    with atheris.instrument_imports(include=list(MODULES)):
        for module in MODULES:
            importlib.import_module(module)
    from .kinds import _takes, _voices

    folder = Path(tempfile.mkdtemp(prefix="bark-guided-"))
    kinds = {kind.name: kind for kind in [*_voices(folder), *_takes(folder)]}
    place = asked.corpus / asked.kind.replace(", .", "-")
    run(kinds[asked.kind], asked.seconds, place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
