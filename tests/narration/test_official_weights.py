"""A dialogue by random weights of the official format: the same path as nano's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bark import Bark
from bark.narration.captions import write_captions
from bark.narration.documents import document_of_text
from bark.narration.engines import LocalEngine
from bark.narration.joining import write_file
from bark.narration.narration import Narration
from bark.narration.settings import CheckOptions, NarrationOptions
from bark.options import GenerationOptions
from bark.take import Take

from ..tiny import write_official_layout
from .narrating import run

PLAY = """[Anna] Hello, world. Hello.
[Ben] The one, the two.
[Anna] Hello. 东京. The three."""


@pytest.fixture(scope="module")
def bark(tmp_path_factory: pytest.TempPathFactory) -> Bark:
    folder = write_official_layout(tmp_path_factory.mktemp("weights"))
    return Bark.from_pretrained(folder, device="cpu", precision="fp32")


def begun(bark: Bark, folder: Path) -> Narration:
    generation = GenerationOptions(max_duration_s=1.0, allow_early_stop=False, seed=3)
    options = NarrationOptions(generation=generation, check=CheckOptions(retries=0))
    return Narration.create(bark, document_of_text(PLAY), folder, options)


def test_random_official_weights_narrate_to_the_same_bytes_in_any_batch(
    bark: Bark, tmp_path: Path
) -> None:
    files = []
    for width in (1, 4):
        narration = begun(bark, tmp_path / f"job{width}")
        run(narration, engine=LocalEngine(bark, width=width))
        assert narration.is_complete
        files.append(write_file(narration, tmp_path / f"{width}.wav").path.read_bytes())
    assert files[0] == files[1]


def test_each_speaker_keeps_a_voice_and_captions_are_by_sentence(
    bark: Bark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bark.narration.voices.list_voices", lambda spec: [])  # none to be given
    narration = begun(bark, tmp_path / "job")
    assert [note.split()[0] for note in narration.plan.notes] == ["Anna", "Ben"]
    run(narration)
    new = [s.chunk.speaker for s in narration.chunks if Take.load(s.path).voice is None]
    assert sorted(new) == ["Anna", "Ben"]  # the one chunk of each that made the voice
    text = write_captions(narration, tmp_path / "a.vtt").read_text()
    assert "<v Anna>Hello, world.</v>" in text
    assert "<v Ben>The one, the two.</v>" in text
