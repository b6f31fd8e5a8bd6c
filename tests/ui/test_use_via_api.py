"""What "Use via API" shows of the endpoints: words for every value, and an example that runs."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gradio_client import Client

from bark.audio.files import FORMATS
from bark.server.mcp_tools import NARRATED_FORMATS
from bark.ui.build import build_demo, serve
from tests.studio_fixtures import make_studio

ENDPOINTS = (
    "/tts",
    "/voices",
    "/models",
    "/speak_text",
    "/narrate_text",
    "/check_text",
    "/list_voices",
    "/list_models",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    studio = make_studio(None)
    server = serve(studio, build_demo(studio, mcp=True), quiet=True)
    yield server.url
    server.demo.close()
    studio.close()


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.fixture(scope="module")
def shown(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}gradio_api/info", timeout=60) as answer:
        endpoints: dict[str, Any] = json.load(answer)["named_endpoints"]
    return endpoints


def test_every_endpoint_is_looked_at(shown: dict[str, Any]) -> None:
    assert set(shown) == set(ENDPOINTS)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_value_has_a_name_and_sentences(shown: dict[str, Any], name: str) -> None:
    given, returned = shown[name]["parameters"], shown[name]["returns"]
    assert [value["label"] for value in given] == [value["parameter_name"] for value in given]
    assert returned
    for value in (*given, *returned):
        assert not value["label"][0].isdigit()
        words = value["python_type"]["description"]
        assert re.fullmatch(r"[A-Z].{10,}\.", words), f"{name} says {words!r} of {value['label']}"
        assert value["type"]["description"]
    assert shown[name]["description"].endswith(returned[-1]["python_type"]["description"])


@pytest.mark.parametrize("name", ["/tts", "/speak_text", "/narrate_text"])
def test_unit_range_and_default_are_told(shown: dict[str, Any], name: str) -> None:
    parameters = {value["parameter_name"]: value for value in shown[name]["parameters"]}
    words = {key: value["python_type"]["description"] for key, value in parameters.items()}
    for key, value in parameters.items():
        default = value["parameter_default"]
        if key != "text":
            assert "default" in words[key] or "Leave it out" in words[key], key
        if isinstance(default, float):
            assert f"The default is {default:g}." in words[key]
        if "temperature" in key:
            assert "without unit, usually 0 to 1.5" in words[key]
    assert "0.5 to 2" in words["speed"]
    assert "of 0 or more" in words["seed"]
    formats = NARRATED_FORMATS if name == "/narrate_text" else FORMATS
    assert set(re.findall(r"\w+", words["format"])) >= set(formats)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_example_is_a_row_of_dots(shown: dict[str, Any], name: str) -> None:
    """The stand-in would hum it, but a model has nothing to speak in it."""
    assert "..." not in json.dumps([shown[name]["parameters"], shown[name]["code_snippets"]])


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_example_values_run(shown: dict[str, Any], client: Client, name: str) -> None:
    values = {
        value["parameter_name"]: value["example_input"] for value in shown[name]["parameters"]
    }
    assert client.predict(api_name=name, **values)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_snippet_for_python_runs(
    shown: dict[str, Any], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    exec(shown[name]["code_snippets"]["python"], {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed[-1]) > 10
    assert "Error" not in printed[-1]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_snippet_for_curl_sends_what_runs(shown: dict[str, Any], url: str, name: str) -> None:
    body = re.search(r"-d '(.*)'", shown[name]["code_snippets"]["bash"])
    assert body is not None
    request = urllib.request.Request(
        f"{url}gradio_api/call/v2{name}", body[1].encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        event_id = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}gradio_api/call{name}/{event_id}", timeout=60) as answer:
        assert "event: complete" in answer.read().decode()


def test_a_client_prints_the_same_words(client: Client) -> None:
    printed = client.view_api(print_info=False, return_format="str")
    assert "1st" not in printed
    assert "-> (file, record)" in printed
    assert "How many times as fast" in printed
