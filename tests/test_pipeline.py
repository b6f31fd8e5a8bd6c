"""`Bark` end to end on tiny random weights in the official layout."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from bark import Bark, GenerationOptions, Take, TakeReady
from bark.batch import Batch
from bark.decoding.sampling import SamplingOptions
from bark.errors import InvalidInputError, NothingGeneratedError, OptionError, VoiceError
from bark.events import AudioPiece, Event, StageProgress, TakeFailed
from bark.request import Request
from bark.stages.coarse import CoarseWindows, generate_coarse
from bark.stages.fine import generate_fine
from bark.stages.semantic import SemanticLimits, generate_semantic

from .running import finish
from .tiny import write_official_layout

SHORT = GenerationOptions(max_duration_s=0.6, allow_early_stop=False, seed=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official_layout(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def bark(folder: Path) -> Bark:
    return Bark.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def take(bark: Bark) -> Take:
    return bark.generate("Hello world.", options=SHORT)


def same_tokens(a: Take, b: Take) -> bool:
    return all(
        np.array_equal(x, y)
        for x, y in zip(a.token_arrays().values(), b.token_arrays().values(), strict=True)
    )


def test_a_take_has_sound_tokens_and_everything_that_made_it(take: Take) -> None:
    assert take.audio.dtype == np.float32
    assert take.sample_rate == 24_000
    assert np.abs(take.audio).max() <= 1
    n_frames = take.tokens.fine.shape[1]
    assert take.tokens.coarse.shape == (2, n_frames)
    assert len(take.audio) == 320 * n_frames
    assert np.array_equal(take.tokens.fine[:2], take.tokens.coarse)
    assert take.options.seed == 5
    assert take.stop_reason == "length"
    assert set(take.timings) == {"semantic", "coarse", "fine", "decode"}


def test_the_same_seed_gives_the_same_take(bark: Bark, take: Take) -> None:
    again = bark.generate(take.text, voice=take.voice, options=take.options)
    assert same_tokens(again, take)
    assert np.array_equal(again.audio, take.audio)


def test_another_seed_gives_another_take(bark: Bark, take: Take) -> None:
    assert not same_tokens(bark.generate(take.text, options=SHORT, seed=6), take)


def test_a_drawn_seed_is_named_and_repeats_the_take(bark: Bark) -> None:
    options = dataclasses.replace(SHORT, seed=None)
    first = bark.generate("Hello.", options=options)
    assert first.options.seed is not None
    assert same_tokens(bark.generate("Hello.", options=first.options), first)


def test_one_random_stream_runs_through_all_stages(bark: Bark, take: Take) -> None:
    """As torch.manual_seed before the reference's generate_audio would have it."""
    torch.manual_seed(5)
    bark_ids = bark.tokenizer.encode("Hello world.").ids
    semantic = finish(
        generate_semantic(
            bark.model("semantic"),
            bark.spec,
            [bark_ids],
            histories=[None],
            sampling=SamplingOptions(),
            limits=SemanticLimits(0.2, 0.6, False),
            generators=[None],
        )
    )[0].tokens
    coarse = finish(
        generate_coarse(
            bark.model("coarse"),
            bark.spec,
            [semantic],
            histories=[None],
            sampling=SamplingOptions(),
            windows=CoarseWindows(),
            generators=[None],
        )
    )[0]
    fine = finish(
        generate_fine(
            bark.model("fine"),
            bark.spec,
            [coarse],
            histories=[None],
            temperature=0.5,
            generators=[None],
        )
    )[0]
    assert np.array_equal(take.tokens.semantic, semantic)
    assert np.array_equal(take.tokens.coarse, coarse)
    assert np.array_equal(take.tokens.fine, fine)


def test_a_take_goes_on_in_the_voice_of_another(bark: Bark, take: Take) -> None:
    plain = bark.generate("The one.", options=SHORT)
    for voice in (take, take.tokens, take.tokens.to_dict()):
        voiced = bark.generate("The one.", voice=voice, options=SHORT)
        assert np.array_equal(voiced.voice.semantic, take.tokens.semantic)
        assert not np.array_equal(voiced.tokens.coarse, plain.tokens.coarse)


def test_an_item_of_a_batch_is_the_take_it_is_alone(bark: Bark) -> None:
    texts = ["Hello.", "The one two three.", "Hello."]
    batch = bark.generate_batch(texts, options=SHORT)
    assert [t.options.seed for t in batch] == [5, 6, 7]
    for text, together in zip(texts, batch, strict=True):
        assert same_tokens(bark.generate(text, options=together.options), together)


def test_events_tell_the_stages_in_order_and_end_with_the_take(bark: Bark) -> None:
    events = list(bark.stream("Hello.", options=SHORT))
    stages = [event.stage for event in events if isinstance(event, StageProgress)]
    assert list(dict.fromkeys(stages)) == ["semantic", "coarse", "fine", "decode"]
    assert isinstance(events[-1], TakeReady)
    assert all(
        0 < event.done <= event.total for event in events if isinstance(event, StageProgress)
    )


def test_sound_starts_before_the_end(bark: Bark) -> None:
    options = dataclasses.replace(SHORT, max_duration_s=2.5)
    events = list(bark.stream("Hello.", options=options))
    pieces = [event for event in events if isinstance(event, AudioPiece)]
    assert len(pieces) >= 2
    first_fine = next(
        i for i, e in enumerate(events) if isinstance(e, StageProgress) and e.stage == "fine"
    )
    assert events.index(pieces[0]) < first_fine
    ends = np.cumsum([len(piece.audio) for piece in pieces]) / 24_000
    assert [piece.start_s for piece in pieces] == pytest.approx([0, *ends[:-1]])


def stop_at(bark: Bark, stage: str, text: str = "Hello.") -> list[Event]:
    stop = threading.Event()
    events = []
    options = dataclasses.replace(SHORT, max_duration_s=2.0)
    for event in bark.stream(text, options=options, stop=stop):
        events.append(event)
        if isinstance(event, StageProgress) and event.stage == stage and event.done >= 2:
            stop.set()
    return events


def test_stopping_in_the_coarse_stage_keeps_the_sound_made_so_far(bark: Bark) -> None:
    last = stop_at(bark, "coarse")[-1]
    assert isinstance(last, TakeReady)
    assert last.take.stop_reason == "stopped"
    assert 0 < len(last.take.audio) < 2 * 24_000
    assert last.take.tokens.fine.shape[0] == 2


def test_a_stopped_take_can_be_finished_from_its_fine_stage(bark: Bark) -> None:
    stopped = stop_at(bark, "coarse")[-1].take
    whole = bark.redo(stopped, from_stage="fine")
    assert whole.tokens.fine.shape == (8, stopped.tokens.coarse.shape[1])


def test_stopping_before_any_sound_says_so(bark: Bark) -> None:
    last = stop_at(bark, "semantic")[-1]
    # The semantic tokens made so far may be enough for a first frame; then they are spoken.
    if isinstance(last, TakeFailed):
        assert "Stopped" in str(last.error)
    else:
        assert last.take.stop_reason == "stopped"


def test_a_closed_stream_frees_the_model(bark: Bark) -> None:
    events = bark.stream("Hello.", options=SHORT)
    next(iter(events))
    events.close()
    assert bark.lock.is_free


def test_inference_mode_does_not_leak_to_the_caller(bark: Bark) -> None:
    for _ in bark.stream("Hello.", options=SHORT):
        assert not torch.is_inference_mode_enabled()


def test_two_threads_get_the_takes_they_get_alone(bark: Bark) -> None:
    alone = [bark.generate("Hello.", options=SHORT, seed=seed) for seed in (1, 2)]
    together: list[Take | None] = [None, None]

    def speak(i: int) -> None:
        together[i] = bark.generate("Hello.", options=SHORT, seed=i + 1)

    threads = [threading.Thread(target=speak, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_tokens(a, b) for a, b in zip(alone, together, strict=True))


def test_redoing_the_coarse_stage_keeps_the_reading(bark: Bark, take: Take) -> None:
    redone = bark.redo(take, from_stage="coarse", seed=99)
    assert np.array_equal(redone.tokens.semantic, take.tokens.semantic)
    assert not np.array_equal(redone.tokens.coarse, take.tokens.coarse)
    assert redone.redone_from == "coarse"
    assert same_tokens(bark.redo(redone, from_stage="coarse"), redone)


def test_redoing_the_decoding_gives_the_same_sound(bark: Bark, take: Take) -> None:
    assert np.array_equal(bark.redo(take, from_stage="decode").audio, take.audio)


def test_redoing_the_fine_stage_keeps_the_coarse_codes(bark: Bark, take: Take) -> None:
    redone = bark.redo(take, from_stage="fine", fine_temperature=0.0)
    assert np.array_equal(redone.tokens.coarse, take.tokens.coarse)


def test_redoing_with_tokens_of_another_family_is_refused(bark: Bark, take: Take) -> None:
    tokens = dataclasses.replace(take.tokens, semantic=take.tokens.semantic + 10_000)
    foreign = dataclasses.replace(take, tokens=tokens)
    with pytest.raises(VoiceError, match="not those of a bark model"):
        bark.redo(foreign, from_stage="coarse")


def test_redoing_from_an_unknown_stage_is_refused(bark: Bark, take: Take) -> None:
    with pytest.raises(InvalidInputError, match="'codec'"):
        bark.redo(take, from_stage="codec")


def test_an_end_at_once_is_said_in_a_sentence(folder: Path) -> None:
    bark = Bark.from_pretrained(folder, precision="fp32")
    bark.model("semantic").lm_head.weight.data[10_000] = 0
    bark.model("semantic").transformer["ln_f"].weight.data.zero_()  # all tokens equally likely
    options = GenerationOptions(min_eos_p=1e-9, seed=1)
    with pytest.raises(NothingGeneratedError, match="another seed"):
        bark.generate("Hello.", options=options)
    events = list(bark.stream_batch(["Hello.", "The one."], options=options))
    assert [event.item for event in events if isinstance(event, TakeFailed)] == [0, 1]


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_text_is_refused(bark: Bark, text: str) -> None:
    with pytest.raises(InvalidInputError, match="empty"):
        bark.generate(text)


def test_a_text_that_is_none_is_refused(bark: Bark) -> None:
    with pytest.raises(InvalidInputError, match="NoneType"):
        bark.generate(None)


def test_words_past_the_limit_are_named(bark: Bark) -> None:
    text = " ".join(["Hello world."] * 100) + " The end"
    count = bark.count(text)
    assert count.n_tokens > count.max_tokens == 256
    assert count.cut_text.endswith("The end")
    assert bark.generate(text, options=SHORT).cut_text == count.cut_text


def test_no_text_counts_as_nothing(bark: Bark) -> None:
    count = bark.count("")
    assert (count.n_tokens, count.expected_s, count.cut_text) == (0, 0.0, "")


def test_a_voice_is_heard_by_its_own_tokens(bark: Bark, take: Take) -> None:
    assert np.array_equal(bark.preview(take), take.audio)


def test_an_unknown_option_is_named(bark: Bark) -> None:
    with pytest.raises(InvalidInputError, match="'temprature'"):
        bark.generate("Hello.", temprature=0.5)


@pytest.mark.parametrize("device", ["cuda:9", "tpu", "meta"])
def test_a_device_that_is_not_there_is_refused(folder: Path, device: str) -> None:
    with pytest.raises(OptionError, match="device"):
        Bark.from_pretrained(folder, device=device)


def test_a_take_in_a_file_says_the_same_again(bark: Bark, take: Take, tmp_path: Path) -> None:
    voiced = bark.generate("The two.", voice=take, options=SHORT)
    for format_ in ("wav", "flac", "ogg", "mp3"):
        restored = Take.load(voiced.save(tmp_path / f"take.{format_}"))
        again = bark.generate(restored.text, voice=restored.voice, options=restored.options)
        assert same_tokens(again, voiced)
        assert np.array_equal(bark.redo(restored, from_stage="decode").audio, voiced.audio)


def test_what_nano_hears_counts_and_names_as_cut_agree_on_whole_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nano = Bark.from_pretrained("nano", device="cpu")
    text = "Well, it cost 1,234,567 dollars."
    heard: list[int] = []
    monkeypatch.setattr(nano, "spec", dataclasses.replace(nano.spec, text_len=20))
    batch = Batch(nano, [Request(text, None, SHORT, last_stage="semantic")])
    monkeypatch.setattr(
        "bark.batch.generate_semantic",
        lambda model, spec, ids, **rest: (
            heard.extend(ids[0])
            or generate_semantic(  # type: ignore[func-returns-value]
                model, spec, ids, **rest
            )
        ),
    )
    for _ in batch.events():
        pass
    assert heard == nano.tokenizer.encode("Well, it cost").ids.tolist()
    assert nano.count(text).cut_text == "1,234,567 dollars."
    assert batch.items[0].cut_text == "1,234,567 dollars."


@pytest.fixture(scope="module")
def nano() -> Bark:
    return Bark.from_pretrained("nano", device="cpu", lazy=True)


def test_a_program_is_told_how_nano_reads_a_text_and_that_bark_reads_it_as_it_stands(
    bark: Bark, nano: Bark
) -> None:
    text = "Dr. Lee paid\n $5."
    assert nano.reading(text) == "doctor lee paid five dollars"
    assert bark.reading(text) == "Dr. Lee paid $5."


def test_what_a_model_cannot_say_is_named_before_and_after(nano: Bark, bark: Bark) -> None:
    assert nano.count("Hello 你好 world").unspoken == ("你好",)
    take = nano.generate("Hello 你好 world", max_duration_s=0.6, seed=1)
    assert take.unspoken == ("你好",)
    assert take.to_record()["unspoken"] == ["你好"]
    assert bark.count("Hello ☃☃ ☃ world ☃").unspoken == ("☃☃ ☃", "☃")


def test_a_text_of_which_nothing_can_be_said_is_refused_by_its_own_words(nano: Bark) -> None:
    with pytest.raises(InvalidInputError, match="nano cannot say “Привет мир”"):
        nano.generate("Привет мир")
    with pytest.raises(InvalidInputError, match="write words"):
        nano.generate("...")


def test_a_text_of_which_nothing_can_be_said_leaves_its_neighbours(nano: Bark) -> None:
    short = dataclasses.replace(SHORT, seed=1)
    events = list(nano.stream_batch(["😀", "One.", "☃", "Two."], options=short))
    failed = {event.item: event.error for event in events if isinstance(event, TakeFailed)}
    made = {event.item: event.take for event in events if isinstance(event, TakeReady)}
    assert sorted(failed) == [0, 2]
    assert "cannot say “☃”" in str(failed[2])
    assert {item: take.text for item, take in made.items()} == {1: "One.", 3: "Two."}
    assert same_tokens(made[3], nano.generate("Two.", options=short, seed=4))
    assert {event.item for event in events if isinstance(event, AudioPiece)} <= {1}


def test_line_ends_are_pauses_for_nano(nano: Bark) -> None:
    assert nano.count("Title\n\nBody").n_tokens == nano.count("Title. Body").n_tokens
    assert nano.count("Title\n\nBody").n_tokens > nano.count("Title Body").n_tokens
