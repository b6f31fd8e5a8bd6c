"""`Narration`: a long text that is being made into one piece of audio, in a folder of its own.

    narration = Narration.create(bark, document, folder, NarrationOptions(...), cast=Cast("alder"))
    for event in narration.run(stop=stop):      # goes on where it was, makes what is missing
        ...                                     # ChunkReady comes in the order of the text
    narration = Narration.open(bark, folder)    # after a restart; needs the folder alone
    narration.redo(12)                          # another seed for chunk 12 alone; then run again
    narration.edit(12, "Other words.")          # other words for it; then run again

What is read without running: `chunks` (a `ChunkState` each: number, text, speaker, chapter, state,
times, findings), `plan` (expected duration, speakers and their voices, what is left out),
`timeline` (where each finished chunk begins). `joining.write_file` makes the audio file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInputError
from ..options import seed_after
from ..voices.prompt import VoicePrompt
from . import marks
from .cast import Cast
from .documents import Document
from .engines import Engine, LocalEngine
from .jobs import ChunkInfo, JobFolder
from .keys import Keys
from .making import ChunkTask, Made
from .pronunciations import Pronunciations, saying
from .running import Running
from .script import Chunk, Script, write_script
from .settings import NarrationOptions
from .sizes import chunk_limit, measure_for
from .states import ChunkState, NarrationEvent, Plan
from .voices import choose_voices

if TYPE_CHECKING:
    from ..pipeline import Bark

_REDO_STEP = 7_919  # of seeds: far from those of the neighbours


class Narration:
    """A job: chunks, their files, and the voices they are spoken in.

    One process works on a folder at a time; `run` holds it.

    Attributes:
        bark: the model.
        folder: the job's files.
        options: how it is cut, spoken and joined.
        script: the chunks as they are to be spoken, edits included.
        title, author, language: of the document.
    """

    def __init__(self, bark: Bark, folder: JobFolder, manifest: dict[str, Any]) -> None:
        self.bark = bark
        self.folder = folder
        self._manifest = manifest
        self._read()

    @classmethod
    def create(
        cls,
        bark: Bark,
        document: Document,
        folder: str | Path,
        options: NarrationOptions | None = None,
        *,
        cast: Cast | None = None,
        pronunciations: Pronunciations | None = None,
        anew: bool = False,
    ) -> Narration:
        """Begins a job, or goes on with the one in the folder.

        Chunks that are in the folder and that this text still has are not made again; what was
        edited there stays edited. A drawn seed is the folder's.

        Args:
            bark: a `Bark`; it may be lazy, since only its tokenizer is used here.
            document: what is spoken (`read_document`, `document_of_text`).
            folder: made where it is missing.
            cast: the narrator's voice and the other speakers'.
            pronunciations: words to be said otherwise.
            anew: forget what the folder holds, once all that is given is known to be right.

        Raises:
            InvalidInputError: there is nothing to speak, a mark in the text is wrong, the folder
                cannot be used, or another process is working on what it is to forget.
            VoiceError, VoiceNotFoundError: a voice of the cast is none.
        """
        options, cast = options or NarrationOptions(), cast or Cast()
        saying(bark, pronunciations.phones if pronunciations else {})  # raises where it cannot
        with JobFolder.begun(folder) as job:
            before = {} if anew else job.read_manifest() or {}
            options = _with_seed(options, before)
            script = write_script(
                document,
                measure_for(bark),
                chunk_limit(bark, options),
                options,
                known_names=list(cast.voices),
                pronunciations=pronunciations,
            )
            voices, notes = choose_voices(
                bark, job, script.speakers, cast, before.get("voices", {})
            )
            manifest = {
                "model": bark.name,
                "family": bark.spec.name,
                "precision": bark.precision,
                "title": document.title,
                "author": document.author,
                "language": document.language,
                "options": options.to_dict(),
                "chapters": list(script.chapters),
                "left_out": list(script.left_out),
                "notes": notes,
                "voices": voices,
                "phones": dict(pronunciations.phones) if pronunciations else {},
                "respellings": dict(pronunciations.respellings) if pronunciations else {},
                "changes": before.get("changes", {}),
                "chunks": [chunk.to_dict() for chunk in script.chunks],
            }
            with job.held() if anew else contextlib.nullcontext():
                job.write_manifest(manifest)
                if anew:
                    job.remove_chunks_except(set())
                    job.remove_voices_except({entry.get("key", "") for entry in voices.values()})
        return cls(bark, job, manifest)

    @classmethod
    def open(cls, bark: Bark, folder: str | Path) -> Narration:
        """A job that was begun, from its folder alone.

        Raises:
            InvalidInputError: there is none, it is damaged, or of another family of models.
        """
        if not (Path(folder).expanduser() / "manifest.json").is_file():
            raise InvalidInputError(f"There is no narration in {folder}.")
        job = JobFolder(folder)
        manifest = job.read_manifest() or {}
        if manifest.get("family") != bark.spec.name:
            raise InvalidInputError(
                f"The narration in {folder} was begun with {manifest.get('model')}; "
                "load that model to go on."
            )
        return cls(bark, job, manifest)

    def _read(self) -> None:
        """Takes everything from the manifest."""
        m = self._manifest
        try:
            self.options = NarrationOptions.from_dict(m["options"])
            self.title, self.author = str(m["title"]), str(m["author"])
            self.language = str(m["language"])
            chunks = [self._changed(Chunk.from_dict(values)) for values in m["chunks"]]
            self.script = Script(tuple(chunks), tuple(m["chapters"]), tuple(m["left_out"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(
                f"The manifest in {self.folder.path} is damaged ({error}); remove it."
            ) from error
        self._loaded_voices: dict[str, VoicePrompt] = {}
        self.keys = Keys(
            self.script.chunks,
            self.options,
            self._manifest["voices"],
            self._manifest["changes"],
            [self._manifest["model"], self._manifest["precision"]],
            self._manifest.get("phones", {}),
        )

    def _changed(self, chunk: Chunk) -> Chunk:
        """The chunk with the words that somebody gave it; the job's respellings hold for them."""
        text = self._manifest["changes"].get(chunk.id, {}).get("text")
        if text is None:
            return chunk
        listed = Pronunciations(self._manifest.get("respellings", {}))
        words = listed.applied(marks.Words(text))
        spoken = marks.spoken(text, words.swaps)
        seconds = measure_for(self.bark)(spoken).seconds
        return dataclasses.replace(chunk, text=text, spoken=spoken, expected_s=round(seconds, 3))

    # What is there

    @property
    def chunks(self) -> list[ChunkState]:
        """All chunks in order, each with what is known of it."""
        return [self.state(chunk.number) for chunk in self.script.chunks]

    def state(self, number: int) -> ChunkState:
        """One chunk.

        Args:
            number: from 1.

        Raises:
            InvalidInputError: there is no such chunk.
        """
        chunk = self.chunk(number)
        key = self.keys.of.get(number)
        info = self.folder.info(key) if key else None
        path = self.folder.audio_path(info.key) if info else None
        return ChunkState(chunk, info, path, chunk.id in self._manifest["changes"])

    @property
    def is_complete(self) -> bool:
        """Whether every chunk can be heard."""
        return all(self.info(chunk.number) for chunk in self.script.chunks)

    @property
    def plan(self) -> Plan:
        """What will be made, and what is left out."""
        chapters = []
        for index, title in enumerate(self.script.chapters):
            chunks = [chunk for chunk in self.script.chunks if chunk.chapter == index]
            if chunks:
                seconds = sum(chunk.expected_s + chunk.pause_s for chunk in chunks)
                chapters.append((title, len(chunks), seconds))
        return Plan(
            chapters=tuple(chapters),
            speakers={name: entry["said"] for name, entry in self._manifest["voices"].items()},
            n_chunks=len(self.script.chunks),
            n_ready=sum(self.info(chunk.number) is not None for chunk in self.script.chunks),
            expected_s=sum(seconds for _, _, seconds in chapters),
            left_out=self.script.left_out,
            notes=tuple(self._manifest["notes"]),
        )

    def chunk(self, number: int) -> Chunk:
        """A chunk by its number, from 1.

        Raises:
            InvalidInputError: there is no such chunk.
        """
        if not 1 <= number <= len(self.script.chunks):
            raise InvalidInputError(
                f"There is no chunk {number}; the text has chunks 1 to {len(self.script.chunks)}."
            )
        return self.script.chunks[number - 1]

    def info(self, number: int) -> ChunkInfo | None:
        """What is known of a finished chunk; None while it is not."""
        key = self.keys.of.get(number)
        return self.folder.info(key) if key else None

    # Changes by hand

    def redo(self, number: int, *, seed: int | None = None) -> None:
        """Gives one chunk another seed; `run` then makes it anew.

        Args:
            seed: None counts up from the one before.

        Raises:
            InvalidInputError: there is no such chunk, or the seed is none.
        """
        chunk = self.chunk(number)
        if seed is None:
            seed = seed_after(self.keys.seed(chunk), _REDO_STEP)
        dataclasses.replace(self.options.generation, seed=seed)  # raises where it is none
        self._change(chunk, seed=seed)

    def edit(self, number: int, text: str) -> None:
        """Gives one chunk other words; `run` then makes it anew, and it alone.

        Raises:
            InvalidInputError: there is no such chunk, or the words are too many or none.
        """
        chunk = self.chunk(number)
        words = " ".join(text.split())
        size = measure_for(self.bark)(words)
        limit = chunk_limit(self.bark, dataclasses.replace(self.options, max_chunk_s=60))
        if not size.n_tokens:
            raise InvalidInputError("There is nothing to speak in the new text; write words.")
        if not size.within(limit):
            raise InvalidInputError(
                f"The new text would take {size.seconds:.0f} s; a chunk may take "
                f"{limit.seconds:.0f}. Cut it, or change the text as a whole."
            )
        self._change(chunk, text=words)

    def revert(self, number: int) -> None:
        """Takes back what `edit` and `redo` changed of a chunk."""
        self._manifest["changes"].pop(self.chunk(number).id, None)
        self._save()

    def _change(self, chunk: Chunk, **values: Any) -> None:
        before = self._manifest["changes"].get(chunk.id, {})
        self._manifest["changes"][chunk.id] = {**before, **values}
        self._save()

    def _save(self) -> None:
        self.folder.write_manifest({k: v for k, v in self._manifest.items() if k != "version"})
        self._read()

    # Making

    def run(
        self, *, engine: Engine | None = None, stop: threading.Event | None = None
    ) -> Iterator[NarrationEvent]:
        """Makes what is missing.

        Args:
            engine: where it is computed; None computes here.
            stop: ends it at the next token; what is finished is kept, and another run goes on.

        Yields:
            `ChunkProgress` and, for a chunk that is made alone, `Preview`s of its sound;
            `ChunkReady` for every chunk in the order of the text, those that were there already
            included; `ChunkFailed` for one that gave no sound.

        Raises:
            InvalidInputError: another process is working on the folder.
        """
        engine = engine or LocalEngine(self.bark)
        with self.folder.held():
            self._pin_voices()
            yield from Running(self, engine, stop or threading.Event()).events()
            if not (stop and stop.is_set()):
                self.folder.remove_chunks_except(set(self.keys.of.values()))

    def task(self, chunk: Chunk) -> ChunkTask:
        """The task of a chunk that has a key."""
        source, number = self.keys.source(chunk)
        voice = None
        if source == "after":
            assert number is not None
            voice = self.folder.take(self.keys.of[number]).tokens
        elif source == "kept":
            voice = self._kept_voice(chunk.speaker)
        options = dataclasses.replace(self.options.generation, seed=self.keys.seed(chunk))
        key = self.keys.of[chunk.number]
        phones = {word: tuple(said) for word, said in self._manifest.get("phones", {}).items()}
        check = self.options.check
        return ChunkTask(key, chunk.number, chunk.spoken, voice, options, check, phones)

    def _kept_voice(self, speaker: str) -> VoicePrompt:
        entry = self._manifest["voices"][speaker]
        if speaker not in self._loaded_voices:
            self._loaded_voices[speaker] = self.folder.voice(entry["key"], entry["said"])
        return self._loaded_voices[speaker]

    def keep(self, made: Made) -> None:
        """Writes a finished chunk; the first of a speaker without a voice becomes the voice."""
        self.folder.put(made.take, made.info)
        self._pin_voice(self.chunk(made.number), made.info.key, made.take.tokens)

    def _pin_voice(self, chunk: Chunk, key: str, tokens: VoicePrompt) -> None:
        """Makes a chunk's tokens the voice of its speaker, where the voice waits for them."""
        entry = self._manifest["voices"][chunk.speaker]
        if not entry.get("key") and self.keys.source(chunk)[0] == "new":
            entry["key"] = self.folder.put_voice(tokens)
            entry["origin"] = key
            self._save()

    def _pin_voices(self) -> None:
        """Pins voices whose chunk was finished just before a crash, and the voice not yet."""
        for chunk in self.script.chunks:
            entry = self._manifest["voices"][chunk.speaker]
            info = None if entry.get("key") else self.info(chunk.number)
            if info is not None:
                self._pin_voice(chunk, info.key, self.folder.take(info.key).tokens)


def _with_seed(options: NarrationOptions, before: Mapping[str, Any]) -> NarrationOptions:
    """Options with a seed: the given one, the folder's, or a drawn one."""
    if options.generation.seed is not None:
        return options
    kept = before.get("options", {}).get("generation", {}).get("seed")
    seed = kept if isinstance(kept, int) else options.generation.seeded().seed
    return dataclasses.replace(
        options, generation=dataclasses.replace(options.generation, seed=seed)
    )
