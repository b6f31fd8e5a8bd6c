"""The whole recipe, from nothing to a folder that speaks, as `python -m training` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bark import Bark
from training import __main__ as program
from training.sizes import BUDGETS, Recipe

ROOT = Path(__file__).parents[2]


def test_the_quick_recipe_makes_a_nano_that_bark_loads(tmp_path: Path) -> None:
    for package in ("hibari", "onnx", "matplotlib"):
        pytest.importorskip(package, reason="needs requirements-training.txt")
    arguments = ["all", "--quick", "--out", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "training", *arguments], cwd=ROOT, check=True)

    bark = Bark.from_pretrained(str(tmp_path / "nano"), device="cpu")
    prompt = tmp_path / "voices" / "birch.npz"
    take = bark.generate("Hello there.", voice=prompt, seed=0, max_duration_s=1)
    assert take.tokens.fine.shape[0] == 8
    assert (tmp_path / "coarse" / "blocks" / "losses.png").exists()


def test_a_share_of_the_recipe_has_as_much_less_of_everything() -> None:
    whole = Recipe()
    tenth = whole.scaled(0.1)
    assert (tenth.sentences, tenth.recorded, tenth.text_items) == (2_000, 160, 4_400)
    for name in BUDGETS:
        assert getattr(tenth, name).minutes == pytest.approx(getattr(whole, name).minutes / 10)
    assert (tenth.coarse_config, tenth.seed) == (whole.coarse_config, whole.seed)
    assert whole.scaled(1.0) == whole


@pytest.mark.parametrize("share", ["0", "-0.5", "1.5", "nan", "half"])
def test_a_share_beyond_the_whole_is_refused(
    share: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program.main(["data", "--share", share])
    assert share in capsys.readouterr().err
