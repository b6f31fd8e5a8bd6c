"""The app's own server for tests, with a stand-in of a model, and a client of it."""

from __future__ import annotations

from typing import Any

import httpx

from bark.server.routes import Settings
from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio


class Running:
    """A served studio; `guards` may be set before."""

    def __init__(self, *, pace_s: float = 0.0, guards: Settings | None = None) -> None:
        self.studio: Studio = make_studio(None, pace_s=pace_s, guards=guards)
        self._server = serve(self.studio, build_demo(self.studio), quiet=True)
        self.url = self._server.url.rstrip("/")
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def bark(self) -> FakeBark:
        return self.studio.engine.ready()  # type: ignore[return-value]

    def post(self, **values: Any) -> httpx.Response:
        return self.client.post("/v1/audio/speech", json={"input": "Hello there.", **values})

    def close(self) -> None:
        self.client.close()
        self._server.demo.close()
        self.studio.close()
