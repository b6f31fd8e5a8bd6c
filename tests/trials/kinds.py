"""Every kind of file that the program reads: valid examples, and what reads and uses them."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bark.checkpoints import huggingface, nano, suno
from bark.checkpoints.registry import packaged_nano_dir
from bark.codecs.banded import BandCodec
from bark.compare.blind import read_votes
from bark.compare.grid import read_grid_file, write_grid_file
from bark.compare.plan import GridPlan
from bark.narration.cast import read_cast
from bark.narration.documents import read_document
from bark.narration.jobs import JobFolder
from bark.narration.pronunciations import read_pronunciations
from bark.options import GenerationOptions
from bark.spec import BARK
from bark.take import Take
from bark.text.bert import BertTokenizer
from bark.text.english.lexicon import Lexicon
from bark.ui.page.messages import card
from bark.ui.state.sessions import Visit
from bark.ui.state.take_store import TakeStore
from bark.voices import VoicePrompt, load_voice
from bark.voices.file import read_array, voice_file_ratio, write_voice_file
from tests.fake_bark import FakeBark
from tests.tiny import tiny_vocabulary

Read = Callable[[Path], Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        seeds: names and contents of valid files.
        read: reads a file and uses what came of it, as the program does.
    """

    name: str
    seeds: tuple[tuple[str, bytes], ...]
    read: Read


def all_kinds(folder: Path) -> list[Kind]:
    """Every kind, its examples written into a folder first."""
    makers = (_voices, _takes, _checkpoints, _vocabularies, _comparing, _narrating, _index)
    return [kind for make in makers for kind in make(folder)]


def _contents(*paths: Path) -> tuple[tuple[str, bytes], ...]:
    return tuple((path.name, path.read_bytes()) for path in paths)


def _voice(n_semantic: int, n_frames: int) -> VoicePrompt:
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 1_024, (8, n_frames))
    return VoicePrompt(rng.integers(0, 100, n_semantic), fine[:2], fine)


def _voices(folder: Path) -> list[Kind]:
    plain, packed, array = (folder / n for n in ("voice.npz", "packed.npz", "array.npy"))
    write_voice_file(plain, _voice(40, 60))
    np.savez_compressed(packed, **_voice(80, 120).to_dict())
    np.save(array, _voice(40, 60).fine)

    def read(path: Path) -> Any:
        voice_file_ratio(path)
        return load_voice(path, BARK)

    def read_bare(path: Path) -> Any:
        with path.open("rb") as file:
            return read_array(file, "The voice 'x' has an array that")

    return [
        Kind("voice, .npz", _contents(plain, packed), read),
        Kind("voice, .npy", _contents(array), read_bare),
    ]


def _takes(folder: Path) -> list[Kind]:
    take = FakeBark().generate("Hi — there.", options=GenerationOptions(seed=1))
    take = dataclasses.replace(take, voice=_voice(40, 80), audio=take.audio[:6_000])
    paths = [take.save(folder / f"take.{format}") for format in ("wav", "flac", "ogg", "mp3")]
    store = TakeStore(folder / "takes")
    stored = store.add(take)
    store.mark(stored.id, star=True, note="good")
    assert stored.path is not None
    marks = stored.path.with_suffix(".json")

    def read(path: Path) -> Any:
        loaded = Take.load(path)
        return json.dumps(loaded.to_record(), ensure_ascii=False, allow_nan=False).encode()

    def read_marks(path: Path) -> Any:
        marks.write_bytes(path.read_bytes())
        (stored.path.parent / ".index.sqlite").unlink(missing_ok=True)  # type: ignore[union-attr]
        return _page(TakeStore(marks.parent))

    return [
        *(Kind(f"take, .{path.suffix[1:]}", _contents(path), read) for path in paths),
        Kind("star and note", _contents(marks), read_marks),
    ]


def _page(store: TakeStore) -> bytes:
    """What the page would be told of the takes, as the bytes that go out."""
    listed = [card(take, Visit(store, None)) for take in store.all()]
    assert listed
    return json.dumps(listed, ensure_ascii=False, allow_nan=False).encode()


def _checkpoints(folder: Path) -> list[Kind]:
    from safetensors.torch import save_file

    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 8, "block_size": 1_024}
    vocabulary = {"input_vocab_size": 12_096, "output_vocab_size": 12_096}
    weights = {
        "transformer.wte.weight": torch.zeros(12_096, 8).half(),
        "transformer.wpe.weight": torch.zeros(1_024, 8),
        "lm_head.weight": torch.zeros(12_096, 8).half(),
        "transformer.ln_f.weight": torch.ones(8),
        "transformer.h.0.ln_1.weight": torch.ones(8),
        "transformer.h.0.ln_2.weight": torch.ones(8),
        "transformer.h.0.attn.c_attn.weight": torch.zeros(24, 8),
        "transformer.h.0.attn.c_proj.weight": torch.zeros(8, 8),
        "transformer.h.0.mlp.c_fc.weight": torch.zeros(32, 8),
        "transformer.h.0.mlp.c_proj.weight": torch.zeros(8, 32),
    }
    content = {"model": weights, "model_args": {**sizes, **vocabulary}, "iter_num": 3}
    modern, old = folder / "modern.pt", folder / "old.pt"
    torch.save(content, modern)
    torch.save(content, old, _use_new_zipfile_serialization=False)

    hub = folder / "model.safetensors"
    names = {f"coarse_acoustics.{_hub_name(name)}": w.contiguous() for name, w in weights.items()}
    save_file(names, hub)
    config = folder / "config.json"
    config.write_text(json.dumps({"coarse_acoustics_config": {"num_heads": 2}, "x": [1, "y"]}))

    packaged = packaged_nano_dir()
    lexicon = folder / "lexicon.json"
    lexicon.write_text(json.dumps({"words": "a b hello", "phones": "a b cdef"}))
    linked = folder / "nano"
    linked.mkdir()
    for path in packaged.iterdir():
        (linked / path.name).symlink_to(path)

    def read_nano(name: str, read: Callable[[Path], Any]) -> Read:
        def use(path: Path) -> Any:
            target = linked / name
            target.unlink(missing_ok=True)
            target.write_bytes(path.read_bytes())
            try:
                return read(linked)
            finally:
                target.unlink()
                target.symlink_to(packaged / name)

        return use

    def read_codec(path: Path) -> Any:
        codec: BandCodec = nano.read_codec(path)
        return codec.decode(np.zeros((8, 4), np.int64))

    return [
        Kind("checkpoint, .pt", _contents(modern, old), lambda p: suno.read_stage(p, "coarse")),
        Kind(
            "checkpoint, .safetensors",
            _contents(hub),
            lambda path: huggingface.read_stage(path, config, "coarse"),
        ),
        Kind(
            "config of a checkpoint",
            _contents(config),
            lambda path: huggingface.read_stage(hub, path, "coarse"),
        ),
        Kind(
            "nano's config",
            _contents(packaged / "config.json"),
            read_nano("config.json", lambda at: [nano.read_stage(at, s) for s in nano.STAGES]),
        ),
        Kind(
            "nano's codec",
            _contents(packaged / "codec.safetensors"),
            read_nano("codec.safetensors", read_codec),
        ),
        Kind("lexicon", _contents(lexicon), lambda path: Lexicon.load(path).phones("hello")),
    ]


def _hub_name(name: str) -> str:
    for ours, theirs in (
        ("transformer.wte", "input_embeds_layer"),
        ("transformer.wpe", "position_embeds_layer"),
        ("transformer.ln_f", "layernorm_final"),
        ("transformer.h", "layers"),
        ("ln_", "layernorm_"),
        ("c_attn", "att_proj"),
        ("attn.c_proj", "attn.out_proj"),
        ("mlp.c_fc", "mlp.in_proj"),
        ("mlp.c_proj", "mlp.out_proj"),
    ):
        name = name.replace(ours, theirs)
    return name


def _vocabularies(folder: Path) -> list[Kind]:
    tokens = tiny_vocabulary()
    as_json, as_text = folder / "tokenizer.json", folder / "vocab.txt"
    as_json.write_text(json.dumps({"model": {"type": "WordPiece", "vocab": tokens}}))
    as_text.write_text("\n".join(tokens), encoding="utf-8")

    def read(path: Path) -> Any:
        return BertTokenizer.from_file(path).encode("Hello there, [laughs] 東京 \u200f!")

    return [Kind("vocabulary", _contents(as_json, as_text), read)]


def _comparing(folder: Path) -> list[Kind]:
    from bark.compare.axes import parse_axis

    plan = GridPlan("Hello.", (parse_axis("text_temperature", "0.5, 0.7, 1.0"),))
    grid = write_grid_file(folder / "grid.json", plan, {0: "a.wav"}, {1: "why"})
    votes = folder / "votes.jsonl"
    votes.write_text(json.dumps({"winner": {"seed": 1}, "loser": {"seed": 2}, "at": "x"}) + "\n")
    return [
        Kind("grid", _contents(grid), read_grid_file),
        Kind("votes", _contents(votes), read_votes),
    ]


def _narrating(folder: Path) -> list[Kind]:
    cast, said = folder / "cast.toml", folder / "said.txt"
    cast.write_text('narrator = "alder"\n[voices]\nAnna = "birch"\n')
    said.write_text("tomato = tomayto\nBark = baark # a remark\n")
    text, marked = folder / "book.txt", folder / "book.md"
    text.write_text("Chapter one\n\nAnna: Hello — there.\n\nBen: Yes!\n", encoding="utf-8")
    marked.write_text("# Title\n\n## One\n\nHello *there* [link](http://x).\n\n- a\n- b\n")
    spoken, web, titles = (folder / name for name in ("book.ssml", "book.html", "book.srt"))
    spoken.write_text('<speak>Hello <break time="1s"/> <emphasis>there</emphasis>.</speak>')
    titles.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n"
    )
    web.write_text("<h1>Title</h1><p>Hello &amp; <b>there</b>.</p><script>x</script>")
    job = JobFolder(folder / "job")
    manifest = job.path / "manifest.json"
    job.write_manifest({"chunks": [{"key": "0" * 16, "text": "Hi."}], "options": {"seed": 1}})

    def read_manifest(path: Path) -> Any:
        manifest.write_bytes(path.read_bytes())
        return job.read_manifest()

    return [
        Kind("cast", _contents(cast), read_cast),
        Kind("pronunciations", _contents(said), read_pronunciations),
        Kind("document, text", _contents(text), read_document),
        Kind("document, Markdown", _contents(marked), read_document),
        Kind("document, web page", _contents(web), read_document),
        Kind("document, SSML", _contents(spoken), read_document),
        Kind("document, subtitles", _contents(titles), read_document),
        *_packed_documents(folder),
        Kind("manifest of a narration", _contents(manifest), read_manifest),
    ]


def _packed_documents(folder: Path) -> list[Kind]:
    import zipfile

    book = folder / "book.epub"
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="a/b.opf"/></rootfiles></container>',
        )
        archive.writestr(
            "a/b.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<metadata><dc:title>Book</dc:title></metadata><manifest>"
            '<item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="c"/></spine></package>',
        )
        archive.writestr("a/c.xhtml", "<html><body><h1>One</h1><p>Hello there.</p></body></html>")
    kinds = [Kind("document, EPUB", _contents(book), read_document)]
    if importlib.util.find_spec("docx") is not None:
        import docx

        word, letter = folder / "book.docx", docx.Document()
        letter.add_heading("One")
        letter.add_paragraph("Hello there.")
        letter.save(str(word))
        kinds.append(Kind("document, Word", _contents(word), read_document))
    return kinds


def _index(folder: Path) -> list[Kind]:
    store = TakeStore(folder / "indexed")
    take = FakeBark().generate("Kept.", options=GenerationOptions(seed=2))
    stored = store.add(dataclasses.replace(take, audio=take.audio[:2_000]))
    index = folder / "indexed" / ".index.sqlite"
    data = index.read_bytes()

    def read(path: Path) -> Any:
        for left in index.parent.glob(".index.sqlite*"):
            left.unlink()
        index.write_bytes(path.read_bytes())
        again = TakeStore(index.parent)
        page = _page(again)
        found = again.get(stored.id)
        assert found is not None
        assert found.path is None or found.path.parent == index.parent
        again.load(stored.id)
        return page

    return [Kind("index of takes", (("index.sqlite", data),), read)]
