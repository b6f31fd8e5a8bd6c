"""What programs call, over HTTP: /tts, /voices, /models, the takes' files, /healthz."""

import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from bark.options import GenerationOptions
from bark.take import Take
from bark.ui.actions.speak import speak
from bark.ui.build import build_demo, serve
from bark.ui.page.form import Form
from bark.ui.state.studio import Studio
from bark.ui.wiring import endpoints
from tests.fake_bark import FakeBark
from tests.studio_fixtures import make_studio


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Studio, str]]:
    studio = make_studio(None)
    server = serve(studio, build_demo(studio), quiet=True)
    yield studio, server.url
    server.demo.close()
    studio.close()


@pytest.fixture(scope="module")
def client(running: tuple[Studio, str]) -> Client:
    return Client(running[1], verbose=False)


def fetch(url: str) -> tuple[int, bytes, Any]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_addresses_are_there_as_soon_as_the_port_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths, first, is_served = ("healthz", "readyz", "v1/models"), [], threading.Event()

    def knock() -> None:
        while len(first) < len(paths) and not is_served.is_set():
            try:
                first.append(fetch(f"http://127.0.0.1:{port}/{paths[len(first)]}")[0])
            except OSError:  # nobody listens yet
                time.sleep(0.001)

    studio = make_studio(None)
    demo = build_demo(studio)
    program = threading.Thread(target=knock)
    program.start()
    try:
        server = serve(studio, demo, quiet=True, server_port=port)
        program.join(60)
        server.demo.close()
    finally:
        is_served.set()
        program.join()
        studio.close()
    assert first == [200] * len(paths)


def test_only_the_three_endpoints_are_public(client: Client) -> None:
    named = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert set(named) == {"/tts", "/voices", "/models"}
    parameters = [p["parameter_name"] for p in named["/tts"]["parameters"]]
    assert parameters == [
        "text",
        "voice",
        "text_temperature",
        "waveform_temperature",
        "seed",
        "format",
        "speed",
    ]


def test_tts_gives_a_file_that_is_its_own_record(client: Client) -> None:
    path, record = client.predict("Hello there.", seed=7, text_temperature=0.5, api_name="/tts")
    take = Take.load(path)
    assert (take.text, take.options.seed) == ("Hello there.", 7)
    assert take.options.semantic.temperature == 0.5
    assert record["options"]["seed"] == 7
    assert record["seconds"] == pytest.approx(take.duration_s, abs=0.01)


def test_tts_names_what_the_model_cannot_say(client: Client) -> None:
    _, record = client.predict("Hello 你好", seed=3, api_name="/tts")
    assert record["unspoken"] == ["你好"]


def test_the_same_seed_gives_the_same_file(client: Client) -> None:
    files = [
        Path(client.predict("Again.", seed=3, format="flac", api_name="/tts")[0]).read_bytes()
        for _ in range(2)
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"text": "Hi.", "voice": "nobody"}, "Unknown voice 'nobody'"),
        ({"text": "Hi.", "format": "aac"}, "The format 'aac' is not one of wav, flac, ogg, mp3."),
        ({"text": "Hi.", "text_temperature": -1}, "must be a number of 0 or more"),
        ({"text": "x" * 6_000}, "6,000 characters"),
        ({"text": "Hi.", "voice": "/etc/passwd.npz"}, "Unknown voice"),
        ({"text": "Hi.", "seed": -5}, "seed is -5"),
        ({"text": ["Hi."]}, "The text is \\['Hi.'\\]; it must be a string"),
        ({"text": None}, "The text is None; it must be a string"),
        ({"text": "Hi.", "voice": ["alder"]}, "The voice is \\['alder'\\]"),
        ({"text": "Hi.", "format": {"a": 1}}, "The format is {'a': 1}"),
        ({"text": "Hi.", "text_temperature": "hot"}, "text_temperature is 'hot'"),
        ({"text": "Hi.", "text_temperature": True}, "temperature is True"),
        ({"text": "Hi.", "seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"text": "Hi.", "speed": 5}, "The speed is 5"),
        ({"text": "Hi.", "seed": 10**30}, "seed is 1000"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_traceback(
    client: Client,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    arguments: dict[str, Any],
    sentence: str,
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(AppError, match=sentence) as caught:
        client.predict(api_name="/tts", **arguments)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "values",
    [
        ["Hi.", None, 0.7, 0.7, "7", "wav", 1],
        ["Hi.", "", "0.7", 0.7, 7.0, "WAV", "1.0"],
        ["Hi.", None, None, None, 7, None, None],
        ["Hi.", None, 0.7, 0.7, 7],
    ],
)
def test_what_other_languages_send_is_read_where_it_is_clear(
    client: Client, running: tuple[Studio, str], values: list[Any]
) -> None:
    expected = Path(client.predict("Hi.", seed=7, api_name="/tts")[0]).read_bytes()
    found = call(running[1], values)
    assert found[0] == "complete"
    assert fetch(found[1][0]["url"])[1] == expected


def test_too_few_values_are_a_sentence_too(
    running: tuple[Studio, str], caplog: pytest.LogCaptureFixture
) -> None:
    kind, error = call(running[1], [])
    assert (kind, error["error"]) == ("error", "The text is None; it must be a string.")
    assert "Traceback" not in caplog.text


def call(url: str, values: list[Any]) -> tuple[str, Any]:
    """The last event of a call by hand: its kind and its data."""
    body = json.dumps({"data": values}).encode()
    request = urllib.request.Request(
        f"{url}gradio_api/call/tts", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        event_id = json.load(answer)["event_id"]
    text = fetch(f"{url}gradio_api/call/tts/{event_id}")[1].decode()
    kind, data = text.strip().splitlines()[-2:]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_path_given_as_a_voice_is_not_opened(client: Client, tmp_path: Path) -> None:
    tokens = FakeBark().generate("Secret.", options=GenerationOptions(seed=1)).tokens
    for name in ("there.npz", "there.npz.npz"):
        with (tmp_path / name).open("wb") as file:
            np.savez(file, **tokens.to_dict())
    sentences = set()
    for stem in ("there", "gone!"):
        for ending in ("", ".npz", ".npz.npz"):
            voice = f"{tmp_path}/{stem}{ending}"
            with pytest.raises(AppError) as caught:
                client.predict("Hi.", voice, api_name="/tts")
            sentences.add(str(caught.value).replace(voice, ""))
    assert len(sentences) == 1
    with pytest.raises(AppError, match="Unknown voice '~/x"):
        client.predict("Hi.", "~/x.npz.npz", api_name="/tts")


def test_voices_and_models_are_listed(client: Client) -> None:
    assert isinstance(client.predict(api_name="/voices"), list)
    models = {model["name"]: model for model in client.predict(api_name="/models")}
    assert set(models) >= {"nano", "small", "large"}
    assert models["nano"]["loaded"]
    assert not models["large"]["loaded"]


def test_healthz_answers(running: tuple[Studio, str]) -> None:
    code, body, _ = fetch(running[1] + "healthz")
    assert (code, json.loads(body)) == (200, {"status": "ok", "model": "nano"})


def test_a_take_is_served_to_who_knows_its_address_only(running: tuple[Studio, str]) -> None:
    studio, url = running
    session = studio.visits.session("tab")
    list(speak(studio, session, Form(text="Only mine.")))
    take_id = session.visit.takes.all()[0].id
    code, body, headers = fetch(f"{url}takes/{session.visit.key}/{take_id}.mp3")
    assert code == 200
    assert headers["Content-Type"] == "audio/mpeg"
    assert headers["Content-Disposition"] == f'attachment; filename="{take_id}.mp3"'
    assert len(body) > 1_000
    other = studio.visits.session("other tab")
    for address in (
        f"takes/{other.visit.key}/{take_id}.wav",
        f"takes/guess/{take_id}",
        f"takes/{session.visit.key}/{take_id}.exe",
        f"takes/{session.visit.key}/..%2f..%2fetc%2fpasswd",
        f"gradio_api/file={session.visit.takes.folder}/{take_id}.wav",
    ):
        assert fetch(url + address)[0] in (403, 404), address


def test_a_full_disk_is_a_sentence(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(endpoints, "save_bytes_to_cache", full)
    with pytest.raises(AppError, match="could not be kept: No space left on device"):
        client.predict("Hi.", api_name="/tts")


def test_what_nobody_thought_of_is_a_sentence_too(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(endpoints, "save_bytes_to_cache", broken)
    with pytest.raises(AppError, match=r"went wrong \(ZeroDivisionError\)"):
        client.predict("Hi.", api_name="/tts")
    assert "ZeroDivisionError" in caplog.text
