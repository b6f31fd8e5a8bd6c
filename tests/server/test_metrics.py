"""What `/metrics` counts, and whether the app says that it is ready."""

from __future__ import annotations

import re

import pytest

from bark.server.mcp_tools import Tools
from bark.ui.actions.speak import speak
from bark.ui.page.form import Form
from tests.server.running import Running


def test_metrics_count_every_way_in_and_readiness_is_told() -> None:
    pytest.importorskip("prometheus_client")
    app = Running()
    try:
        app.post(response_format="pcm", seed=1)
        app.post(voice="nobody")
        app.client.post("/gradio_api/run/tts", json={"data": ["Hi."]})
        Tools(app.studio).speak_text("Hi.", seed=1)
        list(speak(app.studio, app.studio.visits.session("tab"), Form(text="Hi.")))
        told = app.client.get("/metrics").text
        ready = app.client.get("/readyz")
    finally:
        app.close()
    counts = re.findall(r"^bark_requests_total\{(.*?)\} ([\d.]+)$", told, re.MULTILINE)
    assert {(re.sub('"|[a-z]+=', "", labels), float(n)) for labels, n in counts} == {
        ("pcm,done,v1", 1.0),
        ("mp3,refused,v1", 1.0),
        ("wav,done,tts", 1.0),
        ("mp3,done,mcp", 1.0),
        (",done,page", 1.0),
    }
    heard = re.findall(r'^bark_audio_seconds_total\{way="(.*?)"\} ([\d.]+)$', told, re.MULTILINE)
    assert {way: float(seconds) > 0.4 for way, seconds in heard} == dict.fromkeys(
        ("v1", "tts", "mcp", "page"), True
    )
    assert "bark_queue_length 0.0" in told
    assert 'bark_real_time_factor_count{way="page"} 1.0' in told
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
