"""Whatever the command line is given: a result or a sentence, and never a traceback."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bark import Bark
from bark.cli import program
from tests.fake_bark import FakeBark

FLAGS = (
    "--text --batch_size --output_filename --format --history_prompt --text_temp --waveform_temp "
    "--fine_temp --top_k --top_p --min_eos_p --max_duration --allow_early_stop --speed --style "
    "--seed --precision --device --silent --output_full --semantic_only --dated --offline "
    "--keep_partial --reading --list_voices --text_file --batch"
).split()
WORDS = st.one_of(
    st.text(max_size=20).filter(lambda word: "/" not in word and "\\" not in word),
    st.sampled_from(["nan", "inf", "-1", "0", "1e999", "9" * 5_000, "true", "a.wav", "..", "\0"]),
    st.floats().map(str),
    st.integers().map(str),
)
ARGUMENTS = st.lists(st.tuples(st.sampled_from(FLAGS), WORDS), max_size=3)


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_environment: None) -> None:
    def hums(*_: object, **__: Any) -> FakeBark:
        return FakeBark()

    monkeypatch.setattr(Bark, "from_pretrained", hums)
    monkeypatch.setenv("BARK_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


@given(arguments=ARGUMENTS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_values_of_any_options_give_a_result_or_a_sentence(
    in_a_folder: None, arguments: list[tuple[str, str]]
) -> None:
    words = [word for flag, value in arguments for word in (flag, value)]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program.main(["Hello.", *words, "--model", "nano"])
    assert code in (program.DONE, program.FAILED, program.WRONG_USAGE)
    assert "Traceback" not in err.getvalue()
    if code:
        assert "bark-studio: " in err.getvalue()
