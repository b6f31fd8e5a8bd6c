"""The tools for assistants: called as functions, and over MCP where its package is installed."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import inspect
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import soundfile

import app
from bark.narration import narrate
from bark.server.mcp_tools import Tools
from bark.take import Take
from bark.ui.build import build_demo, serve
from bark.ui.state.studio import Studio
from tests.studio_fixtures import make_studio

from .mcp_transcript import transcript as transcript_of

LONG = "Good morning to everybody here. " * 20
STEPS_OF_A_TAKE = 3 * 10
"""Of the stand-in for a model."""


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    made = make_studio(None)
    yield made
    made.close()


@pytest.fixture
def tools(studio: Studio) -> Tools:
    return Tools(studio)


def test_speaking_gives_a_playable_file_and_its_record(tools: Tools) -> None:
    file, record = tools.speak_text("Hello there.", voice="alder", seed=7, format="wav")
    take = Take.load(file.path)
    assert (take.text, take.options.seed) == ("Hello there.", 7)
    told = json.loads(record)
    assert (told["seed"], told["voice"], told["cannot_say"]) == (7, "alder", [])
    assert told["seconds"] == pytest.approx(take.duration_s, abs=0.01)


@pytest.mark.parametrize("format", ["mp3", "opus", "flac"])
def test_narrating_gives_one_file(tools: Tools, format: str) -> None:
    file, record = tools.narrate_text(LONG, seed=3, format=format)
    audio, rate = soundfile.read(file.path)
    assert len(audio) / rate == pytest.approx(json.loads(record)["seconds"], abs=0.1)


def test_a_text_is_checked_before_it_is_spoken(tools: Tools) -> None:
    short, long = (json.loads(tools.check_text(text)) for text in ("Hello there.", LONG))
    assert (short["fits_one_take"], short["n_parts"]) == (True, 1)
    assert not long["fits_one_take"]
    assert long["n_parts"] > 1
    assert json.loads(tools.check_text("Hello 你好"))["cannot_say"] == ["你好"]


@pytest.mark.parametrize("n_words", [5, 15, 40, 41, 82])
def test_what_does_not_fit_is_refused_and_nothing_is_left_out(tools: Tools, n_words: int) -> None:
    text = " ".join(["tea"] * n_words)
    fits = json.loads(tools.check_text(text))["fits_one_take"]
    assert fits == (n_words <= 40)
    if fits:
        file, _ = tools.speak_text(text, format="wav")
        assert Take.load(file.path).cut_text == ""
    else:
        with pytest.raises(gr.Error, match="call narrate_text"):
            tools.speak_text(text)
    assert json.loads(tools.narrate_text(text)[1])["seconds"] > 0


def test_the_parts_that_are_told_are_those_that_are_narrated(tools: Tools, studio: Studio) -> None:
    text = "Good morning to everybody here.\n\n" + LONG
    pieces = list(narrate(text, model=studio.engine.ready(), seed=3))
    assert json.loads(tools.check_text(text))["n_parts"] == len(pieces) > 2


def test_voices_and_models_are_told(tools: Tools) -> None:
    names = [voice["name"] for voice in json.loads(tools.list_voices())]
    assert "alder" in names
    assert json.loads(tools.list_models())["loaded"] == "nano"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"text": ""}, "The text is empty"),
        ({"text": None}, "must be a string"),
        ({"text": LONG}, "call narrate_text"),
        ({"text": "x" * 6_000}, "6,000 characters"),
        ({"text": "Hi.", "voice": "nobody"}, "Unknown voice 'nobody'"),
        ({"text": "Hi.", "voice": "/etc/passwd.npz"}, "Unknown voice"),
        ({"text": "Hi.", "format": "aac"}, "is not one of wav, flac, ogg, mp3"),
        ({"text": "Hi.", "seed": -1}, "The seed is -1"),
        ({"text": "Hi.", "speed": 9}, "The speed is 9"),
        ({"text": "Hi.", "temperature": "hot"}, "must be a number"),
    ],
)
def test_a_mistake_is_a_sentence_that_says_what_to_do(
    tools: Tools, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(gr.Error, match=sentence):
        tools.speak_text(**arguments)


def test_without_its_package_the_app_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert app.main(["--mcp"]) == 1
    assert "gradio[mcp]" in capsys.readouterr().err


def client_of_mcp() -> Any:
    """What connects to a server, where a release of the package is installed that Gradio takes."""
    pytest.importorskip("mcp")
    http = pytest.importorskip("mcp.client.streamable_http")
    connect = getattr(http, "streamablehttp_client", None)
    if connect is None:
        pytest.skip("Gradio needs a release of mcp below 2")
    return connect


@pytest.fixture(scope="module")
def transcript() -> dict[str, Any]:
    """What a client of the package `mcp` sees."""
    connect = client_of_mcp()
    from mcp import ClientSession

    studio = make_studio(None)
    server = serve(studio, build_demo(studio, mcp=True), quiet=True, mcp_server=True)

    async def talk() -> dict[str, Any]:
        async with (
            connect(f"{server.url}gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return {
                "tools": (await session.list_tools()).tools,
                "spoken": await session.call_tool("speak_text", {"text": "Hi.", "seed": 7}),
                "refused": await session.call_tool("speak_text", {"text": "Hi.", "voice": "x"}),
            }

    try:
        found = asyncio.run(talk())
        with urllib.request.urlopen(found["spoken"].content[0].text, timeout=60) as answer:
            found["file"] = answer.read()
        return found
    finally:
        server.demo.close()
        studio.close()


def test_a_client_sees_the_tools_with_words_for_every_argument(transcript: dict[str, Any]) -> None:
    tools = {tool.name: tool for tool in transcript["tools"]}
    assert set(tools) == {
        "speak_text", "narrate_text", "check_text", "list_voices", "list_models",
    }  # fmt: skip
    for tool in tools.values():
        assert tool.description
        for name, schema in tool.inputSchema["properties"].items():
            assert schema.get("description"), f"{tool.name} does not say what {name} is"
    assert tools["speak_text"].inputSchema["required"] == ["text"]


def test_no_words_of_a_tool_end_amid_a_sentence(transcript: dict[str, Any]) -> None:
    for tool in transcript["tools"]:
        said = [schema["description"] for schema in tool.inputSchema["properties"].values()]
        for words in (tool.description, *said):
            assert words.endswith("."), words
            assert not re.search(r"\.,|, and,|,$|\s\s", words), words


def test_the_words_of_a_tool_are_its_docstring_s_and_all_of_them(
    transcript: dict[str, Any],
) -> None:
    written = docstrings_of_tools()
    for tool in transcript["tools"]:
        properties = tool.inputSchema["properties"].items()
        said = "".join(f" {name}: {schema['description']}" for name, schema in properties)
        summary, returns = tool.description.split(" Returns: ")
        args = f" Args:{said}" if said else ""
        assert f"{summary}{args} Returns: {returns}" == written[tool.name]


def test_a_tool_names_every_field_that_it_returns(tools: Tools, transcript: dict[str, Any]) -> None:
    words = {tool.name: tool.description for tool in transcript["tools"]}
    answers = {
        "speak_text": tools.speak_text("Hello there.")[1],
        "narrate_text": tools.narrate_text(LONG)[1],
        "check_text": tools.check_text("Hello there."),
        "list_models": tools.list_models(),
    }
    for name, answer in answers.items():
        assert [field for field in json.loads(answer) if field not in words[name]] == [], name


def docstrings_of_tools() -> dict[str, str]:
    """As they are written, in one line each; what is returned loses its names."""
    source = ast.parse(Path(inspect.getfile(Tools)).read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(source):
        if isinstance(node, ast.FunctionDef):
            said, _, returns = (ast.get_docstring(node) or "").partition("Returns:\n")
            returns = re.sub(r"^    \w+: ", "", returns, flags=re.MULTILINE)
            found[node.name] = " ".join(f"{said}Returns: {returns}".split())
    return found


def test_a_client_gets_a_file_that_plays_and_a_sentence_for_a_mistake(
    transcript: dict[str, Any], tmp_path: Path
) -> None:
    spoken, refused = transcript["spoken"], transcript["refused"]
    assert not spoken.isError
    (tmp_path / "a.mp3").write_bytes(transcript["file"])
    assert soundfile.info(tmp_path / "a.mp3").duration > 0.3
    assert json.loads(spoken.content[1].text)["seed"] == 7
    assert refused.isError
    assert "Unknown voice 'x'" in refused.content[0].text


@pytest.mark.parametrize("tool", ["speak_text", "narrate_text"])
def test_the_work_ends_when_the_assistant_has_left(tool: str) -> None:
    connect = client_of_mcp()
    from mcp import ClientSession

    studio = make_studio(None, pace_s=0.2)
    server = serve(studio, build_demo(studio, mcp=True), quiet=True, mcp_server=True)
    bark: Any = studio.engine.ready()

    async def leave_amid() -> None:
        async with (
            connect(f"{server.url}gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            text = LONG if tool == "narrate_text" else "Hello there."
            asked = asyncio.ensure_future(session.call_tool(tool, {"text": text}))
            while bark.n_steps == 0 and not asked.done():
                await asyncio.sleep(0.02)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    try:
        asyncio.run(leave_amid())
        n_steps = -1
        while n_steps != bark.n_steps:  # until nothing is made any more
            n_steps = bark.n_steps
            time.sleep(1.0)
        assert 0 < n_steps < STEPS_OF_A_TAKE
        assert studio.engine.queue.n_waiting == 0
    finally:
        server.demo.close()
        studio.close()


def test_the_page_shows_what_is_said() -> None:
    """But for numbers, which are of the machine."""
    page = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0]

    def beginnings(said: str) -> list[str]:
        return [re.sub(r"[\d.]+", "", line)[:60] for line in said.splitlines()]

    assert beginnings(transcript_of(client_of_mcp())) == beginnings(shown)
