"""A studio around the humming stand-in, for tests of the page's handlers."""

from __future__ import annotations

import threading
from pathlib import Path

from bark.errors import DownloadError
from bark.server.routes import Settings
from bark.spec import BARK, NANO
from bark.ui.state.engine import Engine, Progress
from bark.ui.state.sessions import Visits
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark


def make_studio(
    folder: Path | None,
    *,
    model: str = "nano",
    pace_s: float = 0.0,
    max_chars: int = 5_000,
    grace_s: float = 10.0,
    guards: Settings | None = None,
) -> Studio:
    """A loaded studio; with a folder it is one's own machine, without one strangers visit."""

    def open_model(name: str) -> FakeBark:
        return FakeBark(name, spec=NANO if name == "nano" else BARK, pace_s=pace_s)

    def fetch_model(name: str, on_progress: Progress, stop: threading.Event) -> None:
        for done in range(0, 30):
            if stop.wait(pace_s):
                raise DownloadError("Stopped; what was fetched stays on the disk.")
            on_progress("text.pt", done, 30)

    engine = Engine(model, open_model=open_model, fetch_model=fetch_model)  # type: ignore[arg-type]
    studio = Studio(
        engine,
        Visits(folder, grace_s=grace_s),
        max_chars=max_chars,
        offline=True,
        guards=guards or Settings(),
    )
    engine.start()
    engine.wait(5)
    return studio
