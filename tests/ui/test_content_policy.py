"""What the page's browser may run and load: its own scripts by their digests, nothing else's."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.request
from typing import Any

import pytest

from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from bark.ui.wiring.content_policy import policy
from tests.studio_fixtures import make_studio


def test_the_policy_names_the_pages_own_scripts_and_no_others() -> None:
    page = b'<script src="a.js"></script><script type="module">one</script>\n<SCRIPT>two</SCRIPT>'
    digests = [
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for script in (b"one", b"two", b"later")
    ]
    named = re.findall(r"'sha256-([^']+)'", policy(page, [b"later"]))
    assert sorted(named) == sorted(digests)
    scripts = re.search(r"script-src ([^;]+);", policy(page))
    assert scripts is not None
    assert "unsafe-inline" not in scripts[1]
    assert "http" not in policy(page).split("frame-ancestors")[0]


def test_every_page_and_no_other_answer_has_a_policy() -> None:
    studio = make_studio(None)
    server = serve(studio, build_demo(studio), quiet=True)
    try:
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            found = answer.headers["Content-Security-Policy"]
            assert "object-src 'none'" in found
            assert found.count("sha256-") >= 2
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert int(answer.headers.get("Content-Length") or 0) in (0, len(answer.read()))
        with urllib.request.urlopen(f"{server.url}config", timeout=60) as answer:
            assert answer.headers["Content-Security-Policy"] is None
    finally:
        server.demo.close()
        studio.close()


def test_a_machine_that_is_slow_to_answer_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gradio.networking.url_ok", lambda _: False)
    studio = make_studio(None)
    server = serve(studio, build_demo(studio), quiet=True)
    try:
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            assert answer.status == 200
    finally:
        server.demo.close()
        studio.close()


@pytest.mark.browser
def test_a_script_that_somebody_smuggles_into_the_page_does_not_run(
    running: tuple[Studio, str], chromium: Any
) -> None:
    page = chromium.new_page()
    page.goto(running[1])
    page.wait_for_selector("#speak", timeout=60_000)
    refused = page.evaluate(
        """() => new Promise(resolve => {
            const heard = event => resolve(event.effectiveDirective);
            document.addEventListener('securitypolicyviolation', heard);
            window.ran = false;
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.appendChild(script);
        })"""
    )
    assert refused == "script-src-elem"
    assert page.evaluate("window.ran") is False
    page.close()
