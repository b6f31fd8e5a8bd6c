"""The handlers of Speak, Stop, the parts of a long text, and redoing a take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ...compare.prompts import combinations
from ...errors import BarkError
from ...narration.cutting import Size, cut_text
from ...narration.sizes import measure_for
from ...options import draw_seed
from ...request import Request, redo_request
from ..page import status, words
from ..page.form import MAX_TAKES, Form
from ..state.sessions import Session
from ..state.studio import Studio
from .runs import Run, Update, perform

MAX_PARTS = 24
MAX_COMBINED = 32  # takes of a prompt with {a|b} in it
_ROOM = 0.85  # of the longest speech, since the expected length is a guess


def speak(studio: Studio, session: Session, form: Form) -> Iterator[Update]:
    """Makes one to eight takes of the text; a second press waits behind the first."""
    try:
        run = _plain_run(studio, form)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from _queue_and_perform(studio, session, run)


def speak_parts(studio: Studio, session: Session, form: Form) -> Iterator[Update]:
    """Speaks a text that is too long for one take as several, heard one after another."""
    try:
        whole = _plain_run(studio, dataclasses.replace(form, n_takes=1)).requests[0]
        parts = split(studio, form.text)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    if len(parts) > MAX_PARTS:
        sentence = f"The text makes {len(parts)} parts; at most {MAX_PARTS} are spoken in one go."
        yield Update(status=status.fault(sentence))
        return
    # One seed for all of them: without a voice, close to one voice.
    requests = tuple(dataclasses.replace(whole, text=part) for part in parts)
    yield from _queue_and_perform(studio, session, Run(requests, in_order=True))


def another(studio: Studio, session: Session) -> Iterator[Update]:
    """The selected take's text, voice and settings with a new seed."""
    stored = session.visit.takes.get(session.selected)
    if stored is None:
        yield Update(status=status.fault(words.LOST_TAKE))
        return
    voice = f"given:{stored.id}" if stored.voice_name else ""
    options = dataclasses.replace(stored.options, seed=draw_seed())
    request = Request(stored.text, voice or None, options)
    yield from _queue_and_perform(studio, session, Run((request,)))


def redo(studio: Studio, session: Session, form: Form, stage: str) -> Iterator[Update]:
    """Makes the selected take anew from a stage, with the form's voice, temperatures and seed."""
    stored = session.visit.takes.get(session.selected)
    if stored is None:
        yield Update(status=status.fault(words.LOST_TAKE))
        return
    try:
        take = session.visit.takes.load(stored.id)
        request = redo_request(take, stage, form.voice or None, form.options())
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from _queue_and_perform(studio, session, Run((request,)))


def redo_from(studio: Studio, session: Session, from_s: float) -> Iterator[Update]:
    """The selected take again from a moment on, with its own voice and settings and a new seed."""
    stored = session.visit.takes.get(session.selected)
    if stored is None:
        yield Update(status=status.fault(words.LOST_TAKE))
        return
    try:
        take = session.visit.takes.load(stored.id)
        n_kept = take.n_tokens_before(from_s, studio.engine.ready().spec)
        options = dataclasses.replace(stored.options, seed=draw_seed())
        voice = f"given:{stored.id}" if stored.voice_name else None
        request = redo_request(take, "semantic", voice, options, n_kept=n_kept)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))
        return
    yield from _queue_and_perform(studio, session, Run((request,)))


def stop(session: Session) -> str | None:
    """Ends what this tab is computing, and drops what waits behind it.

    Returns:
        a status where nothing is being made; else None, as the run tells that it is stopping.
    """
    if session.visit.runs.stop_all(Update(status=status.bar("Stopping", None))):
        return None
    return status.note("Nothing is being made.")


def split(studio: Studio, text: str) -> list[str]:
    """The parts in which a long text would be spoken: all of each is heard, and said in time."""
    bark = studio.engine.ready()
    limit = Size(bark.spec.text_len, _ROOM * bark.spec.max_duration_s)
    return cut_text(text, measure_for(bark), limit)


def _plain_run(studio: Studio, form: Form) -> Run:
    if not form.text.strip():
        raise BarkError(words.NOTHING_TYPED)
    if len(form.text) > studio.max_chars:
        raise BarkError(
            f"The text has {len(form.text):,} characters; here at most {studio.max_chars:,} are "
            "taken in one go."
        )
    if not 1 <= form.n_takes <= MAX_TAKES:
        raise BarkError(f"Between 1 and {MAX_TAKES} takes can be made at once.")
    first = form.request()
    texts = [choice.text for choice in combinations(form.text)]
    n_made = len(texts) * form.n_takes
    if n_made > MAX_COMBINED:
        raise BarkError(
            f"The braces make {n_made} takes; at most {MAX_COMBINED} are made in one go."
        )
    # The same seeds for every wording, so that nothing else differs.
    takes = [first.with_seed_after(i) for i in range(form.n_takes)]
    return Run(tuple(dataclasses.replace(take, text=text) for text in texts for take in takes))


def follow(session: Session) -> Iterator[Update]:
    """What is being made for the visit, told from its beginning to a tab that has just come."""
    for update, is_old in session.follow():
        if update is not None and is_old:
            update = _as_old(session, update)
        yield _seen(session, update)


def _as_old(session: Session, update: Update) -> Update:
    """An update told again: what nobody waits for any more, without takes deleted meanwhile."""

    def is_here(card: dict[str, Any]) -> bool:
        return session.visit.takes.get(card["id"]) is not None

    player, takes, grid, long = update.player, update.takes, update.grid, update.long
    if player is not None:
        shown = player.get("take")
        player = {**player, "old": True} if shown is None or is_here(shown) else None
    if takes is not None and "takes" in takes:
        takes = {**takes, "takes": [card for card in takes["takes"] if is_here(card)]}
    if grid is not None and grid["kind"] == "cell" and not is_here(grid["take"]):
        grid = None
    if long is not None:
        long = {**long, "old": True}
    selected = update.selected if player is not None else None
    return dataclasses.replace(
        update, player=player, takes=takes, grid=grid, long=long, selected=selected
    )


def told_to(session: Session, run: Callable[[], Iterator[Update]]) -> Iterator[Update]:
    """Starts a run of the visit's, or puts it behind the present one, and tells it to a tab."""
    try:
        for update in session.submit(run):
            yield _seen(session, update)
    except BarkError as error:
        yield Update(status=status.fault(str(error)))


def _queue_and_perform(studio: Studio, session: Session, run: Run) -> Iterator[Update]:
    visit = session.visit
    run = dataclasses.replace(run, waited=visit.runs.busy)
    yield from told_to(session, lambda: perform(studio, visit, run))


def _seen(session: Session, update: Update | None) -> Update:
    if update is not None and update.selected is not None:
        session.selected = update.selected
    return update or Update()
