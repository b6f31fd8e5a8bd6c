"""Voices: what is found under a name, what passes as a voice, and what is refused how."""

from __future__ import annotations

import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bark.errors import VoiceError, VoiceNotFoundError
from bark.spec import BARK, NANO
from bark.voices import library, presets
from bark.voices.library import find_voice, list_voices, load_named_voice, load_voice, save_voice
from bark.voices.presets import OFFICIAL_VOICES
from bark.voices.prompt import PROMPT_KEYS, VoicePrompt, check_voice


def make_voice(n_semantic: int = 40, n_frames: int = 60, **changes: np.ndarray) -> VoicePrompt:
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 1_024, (8, n_frames))
    arrays = {
        "semantic_prompt": rng.integers(0, 10_000, n_semantic),
        "coarse_prompt": fine[:2],
        "fine_prompt": fine.astype(np.int32),
    }
    return VoicePrompt.from_dict({**arrays, **changes})


def assert_same_tokens(one: VoicePrompt, other: VoicePrompt) -> None:
    for key in PROMPT_KEYS:
        np.testing.assert_array_equal(one.to_dict()[key], other.to_dict()[key])


@pytest.fixture(autouse=True)
def _no_other_voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of this machine's user do not decide a test."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(library, "own_voices_dir", lambda: tmp_path / "own")
    monkeypatch.setattr(library, "packaged_prompts_dir", lambda: tmp_path / "packaged")


def test_there_are_261_official_voices_with_suno_names() -> None:
    assert len(OFFICIAL_VOICES) == len(set(OFFICIAL_VOICES)) == 261
    assert {"announcer", "en_speaker_0", "v2/zh_speaker_9", "tr_speaker_4"} <= set(OFFICIAL_VOICES)


def test_official_voices_are_listed_by_language_and_version_without_a_download() -> None:
    listed = list_voices(BARK)
    assert [info.name for info in listed] == list(OFFICIAL_VOICES)
    assert not any(info.on_disk for info in listed)
    german = [info for info in listed if info.language == "de"]
    assert [info.version for info in german] == ["v1"] * 10 + ["v2"] * 10
    assert "German" in german[0].description
    assert list_voices(NANO) == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("v2/en_speaker_6", "v2/en_speaker_6"),
        ("V2\\EN_Speaker_6", "v2/en_speaker_6"),
        ("v2-en-speaker-6", "v2/en_speaker_6"),
        ("v2.en speaker 6", "v2/en_speaker_6"),
        ("v2_en_speaker_6", "v2/en_speaker_6"),
        ("EN Speaker 6", "en_speaker_6"),
        ("v1/en_speaker_6", "en_speaker_6"),
        (" Announcer ", "announcer"),
    ],
)
def test_a_name_is_found_with_any_separator_and_case(given: str, name: str) -> None:
    assert find_voice(given, BARK).name == name


def test_a_miss_suggests_the_nearest_name() -> None:
    with pytest.raises(VoiceNotFoundError, match="did you mean 'en_speaker_1'"):
        find_voice("en_speker_1", BARK)
    with pytest.raises(VoiceNotFoundError, match="did you mean 'v2/fr_speaker_3'"):
        find_voice("v2/fr_spaker_3", BARK)


def test_a_miss_with_nothing_near_says_how_many_there_are() -> None:
    with pytest.raises(VoiceNotFoundError, match="261 voices of bark"):
        find_voice("qqqq", BARK)


def test_an_official_name_in_nano_says_whose_it_is() -> None:
    with pytest.raises(VoiceNotFoundError, match="belongs to official Bark"):
        find_voice("v2/en_speaker_6", NANO)


def test_names_that_differ_in_case_only_need_the_exact_name(tmp_path: Path) -> None:
    for name in ("Anna", "anna"):
        save_voice(name, make_voice(), spec=BARK, voices_dir=tmp_path)
    if len(list(tmp_path.glob("*.npz"))) == 1:
        pytest.skip("this file system does not tell the two apart")
    assert find_voice("anna", BARK, voices_dir=tmp_path).name == "anna"
    with pytest.raises(VoiceError, match="'Anna', 'anna'"):
        find_voice("ANNA", BARK, voices_dir=tmp_path)


def test_own_voices_hide_packaged_ones_which_hide_official_ones(tmp_path: Path) -> None:
    for folder in ("packaged/v2", "packaged/nano", "own"):
        (tmp_path / folder).mkdir(parents=True)
    save_voice(tmp_path / "packaged/v2/en_speaker_1.npz", make_voice(), spec=BARK)
    save_voice(tmp_path / "packaged/extra.npz", make_voice(), spec=BARK)
    save_voice(tmp_path / "packaged/announcer.npz", make_voice(), spec=BARK)
    save_voice("announcer", make_voice(), spec=BARK)
    listed = {info.name: info for info in list_voices(BARK)}
    assert len(listed) == 262
    assert listed["announcer"].origin == "own"
    assert listed["extra"].origin == "packaged"
    assert listed["v2/en_speaker_1"].origin == "official"
    assert listed["v2/en_speaker_1"].on_disk
    assert not listed["v2/en_speaker_2"].on_disk
    assert load_voice("v2-en-speaker-1", BARK).name == "v2/en_speaker_1"


def test_own_voices_are_listed_in_the_family_they_were_made_with(tmp_path: Path) -> None:
    save_voice("bark's-own".replace("'", ""), make_voice(40, 60), spec=BARK)
    nano = make_voice(40, 80, semantic_prompt=np.zeros(40, int))
    save_voice("nano own", nano, spec=NANO)
    (tmp_path / "packaged/nano").mkdir(parents=True)
    save_voice(tmp_path / "packaged/nano/alto.npz", nano, spec=NANO)
    assert [info.name for info in list_voices(NANO)] == ["nano own", "alto"]
    assert [i.name for i in list_voices(BARK) if i.origin == "own"] == ["barks-own"]
    assert find_voice("nano/Alto", NANO).name == "alto"


@pytest.mark.parametrize("kind", ["path", "string", "mapping", "voice", "take"])
def test_a_voice_comes_from_anything_that_holds_one(kind: str, tmp_path: Path) -> None:
    voice = make_voice()
    path = save_voice(tmp_path / "mine.npz", voice, spec=BARK)
    given = {
        "path": path,
        "string": str(path),
        "mapping": voice.to_dict(),
        "voice": voice,
        "take": types.SimpleNamespace(tokens=voice),
    }[kind]
    loaded = load_voice(given, BARK)
    assert_same_tokens(loaded, voice)
    assert all(array.dtype == np.int64 for array in loaded.to_dict().values())
    assert loaded.duration_s == pytest.approx(60 / 75)


def test_no_voice_is_none() -> None:
    assert load_voice(None, BARK) is None


def test_a_path_object_needs_no_suffix_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = save_voice(tmp_path / "mine.npz", make_voice(), spec=BARK)
    path.rename(tmp_path / "mine")
    assert_same_tokens(load_voice(tmp_path / "mine", BARK), make_voice())
    with pytest.raises(VoiceNotFoundError, match=r"gone\.npz"):
        load_voice("gone.npz", BARK)


def test_a_name_never_reaches_outside_the_voices_folder(tmp_path: Path) -> None:
    save_voice(tmp_path / "secret.npz", make_voice(), spec=BARK)
    (tmp_path / "own").mkdir()
    with pytest.raises(VoiceNotFoundError):
        find_voice("../secret", BARK)
    for name in ("../secret", "a/b", "", ".hidden"):
        with pytest.raises(VoiceError, match="cannot be named"):
            save_voice(name, make_voice(), spec=BARK)


@pytest.mark.parametrize("ending", ["", ".npz", ".npz.npz", ".NPZ"])
def test_a_path_is_no_name_whatever_it_ends_in(tmp_path: Path, ending: str) -> None:
    for name in ("secret", "secret.npz", "secret.npz.npz"):
        save_voice(tmp_path / "made.npz", make_voice(), spec=BARK).rename(tmp_path / name)
    with pytest.raises(VoiceNotFoundError) as there:
        load_named_voice(f"{tmp_path}/secret{ending}", BARK)
    with pytest.raises(VoiceNotFoundError) as absent:
        load_named_voice(f"{tmp_path}/absent{ending}", BARK)
    assert str(there.value).replace("secret", "absent") == str(absent.value)


def test_other_types_are_refused_with_the_ones_that_are_taken() -> None:
    with pytest.raises(VoiceError, match="cannot be a int; give a name"):
        load_voice(6, BARK)


def test_uint16_tokens_as_in_the_announcer_are_taken(tmp_path: Path) -> None:
    voice = make_voice()
    arrays = {key: array.astype(np.uint16) for key, array in voice.to_dict().items()}
    np.savez(tmp_path / "announcer.npz", **arrays)
    assert_same_tokens(load_voice(tmp_path / "announcer.npz", BARK), voice)


def test_arrays_saved_column_by_column_are_read_as_they_were(tmp_path: Path) -> None:
    voice = make_voice()
    arrays = {**voice.to_dict(), "fine_prompt": np.asfortranarray(voice.fine)}
    np.savez(tmp_path / "reference.npz", **arrays)
    assert_same_tokens(load_voice(tmp_path / "reference.npz", BARK), voice)


@pytest.mark.parametrize("n_semantic", range(1, 30))
def test_every_length_that_the_coarse_stage_makes_is_a_voice(n_semantic: int) -> None:
    n_frames = round(int(n_semantic * BARK.coarse_per_semantic / 2) * 2) // 2
    check_voice(make_voice(n_semantic, n_frames), BARK)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"semantic_prompt": np.full(40, 0.5)}, "semantic_prompt .* of dtype float64"),
        ({"semantic_prompt": np.zeros((1, 40), int)}, r"shape \(1, 40\); it must .* \(T,\)"),
        ({"semantic_prompt": np.zeros(0, int)}, "semantic_prompt of the voice is empty"),
        ({"semantic_prompt": np.full(40, 10_000)}, "semantic_prompt .* has values from 10000 to"),
        ({"coarse_prompt": np.zeros((3, 60), int)}, r"coarse_prompt .* of shape \(3, 60\)"),
        ({"coarse_prompt": np.full((2, 60), -1)}, "coarse_prompt .* has values from -1 to -1"),
        ({"coarse_prompt": np.zeros((2, 61), int)}, "61 coarse but 60 fine frames"),
        ({"fine_prompt": np.full((8, 60), 1_024)}, "fine_prompt .* has values from 1024 to 1024"),
        ({"fine_prompt": np.zeros(60, int)}, r"fine_prompt of the voice is of shape \(60,\)"),
        ({"semantic_prompt": np.zeros(60, int)}, "60 semantic tokens and 60 frames"),
        ({"semantic_prompt": np.zeros(10**6, int)}, "at most 600 seconds"),
    ],
)
def test_each_fault_has_a_sentence_of_its_own(
    changes: dict[str, np.ndarray], sentence: str
) -> None:
    with pytest.raises(VoiceError, match=sentence) as caught:
        check_voice(make_voice(**changes), BARK)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_array_is_named() -> None:
    arrays = make_voice().to_dict()
    del arrays["fine_prompt"]
    with pytest.raises(VoiceError, match="lacks fine_prompt"):
        load_voice(arrays, BARK)


def test_a_pickle_inside_a_voice_is_refused_and_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    arrays = {**make_voice().to_dict(), "fine_prompt": np.array([Bomb()], dtype=object)}
    np.savez(tmp_path / "bomb.npz", **arrays)
    with pytest.raises(VoiceError, match="holds Python objects"):
        load_voice(tmp_path / "bomb.npz", BARK)
    assert not (tmp_path / "ran").exists()


def test_a_header_that_promises_too_much_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        for key in PROMPT_KEYS:
            with archive.open(f"{key}.npy", "w") as stream:
                header = {"descr": "<i8", "fortran_order": False, "shape": (2**40,)}
                np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(VoiceError, match="at most 600 seconds"):
        load_voice(tmp_path / "huge.npz", BARK)


@pytest.mark.parametrize("content", [b"", b"no zip at all", None])
def test_a_damaged_file_is_refused_with_a_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = save_voice(tmp_path / "mine.npz", make_voice(), spec=BARK)
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    with pytest.raises(VoiceError, match=r"mine\.npz cannot be read as a voice"):
        load_voice(path, BARK)


def test_saving_writes_what_numpy_reads_and_leaves_nothing_else(tmp_path: Path) -> None:
    voice = make_voice()
    path = save_voice(tmp_path / "new" / "mine", voice, spec=BARK)
    assert [p.name for p in path.parent.iterdir()] == ["mine.npz"]
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays.files) == set(PROMPT_KEYS)
        np.testing.assert_array_equal(arrays["fine_prompt"], voice.fine)


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_voice(tmp_path / "mine.npz", make_voice(), spec=BARK)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(VoiceError, match="No space left on device"):
        save_voice(path, make_voice(80, 120), spec=BARK)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_bad_voice_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(VoiceError):
        save_voice(tmp_path / "bad.npz", make_voice(40, 90), spec=BARK)
    assert list(tmp_path.iterdir()) == []


def test_a_preset_that_is_not_there_says_so_when_downloads_are_off() -> None:
    with pytest.raises(VoiceNotFoundError, match="downloads are switched off"):
        load_voice("en_speaker_3", BARK, offline=True)


def test_a_preset_in_the_hub_cache_needs_no_download(tmp_path: Path) -> None:
    voice = make_voice()
    folder = tmp_path / "hub/models--suno--bark-small/snapshots/abc/speaker_embeddings/v2"
    folder.mkdir(parents=True)
    for key, array in voice.to_dict().items():
        np.save(folder / f"de_speaker_4_{key}.npy", array)
    assert find_voice("v2/de_speaker_4", BARK).on_disk
    loaded = load_voice("v2/de_speaker_4", BARK, offline=True)
    assert_same_tokens(loaded, voice)
    assert loaded.name == "v2/de_speaker_4"


def test_a_preset_is_fetched_on_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice, asked = make_voice(), []

    def fetch(repo: str, filename: str) -> Path:
        asked.append((repo, filename))
        key = next(key for key in PROMPT_KEYS if key in filename)
        np.save(tmp_path / f"{key}.npy", voice.to_dict()[key])
        return tmp_path / f"{key}.npy"

    monkeypatch.setattr(presets, "fetch_hub_file", fetch)
    assert_same_tokens(load_voice("v2/pl_speaker_0", BARK), voice)
    assert asked == [
        ("suno/bark", f"speaker_embeddings/v2/pl_speaker_0_{key}.npy") for key in PROMPT_KEYS
    ]
