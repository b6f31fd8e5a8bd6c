"""What an engine for containers and a Space read: the image, the service, the header."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LAST_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
SHOWN_AT_MOST = 60
"""Characters of a Space's short description."""


def service() -> dict[str, Any]:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert list(services) == ["bark"]
    return services["bark"]  # type: ignore[no-any-return]


def header() -> dict[str, Any]:
    _, front, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found = yaml.safe_load(front)
    assert isinstance(found, dict)
    return found


def test_the_image_runs_as_nobody_of_weight_and_tells_its_health() -> None:
    users = re.findall(r"^USER (\S+)$", LAST_STAGE, flags=re.MULTILINE)
    assert users == ["bark"]
    assert "useradd --create-home bark" in LAST_STAGE
    assert re.search(r"^HEALTHCHECK .*\bCMD\b", LAST_STAGE, flags=re.MULTILINE)
    port = re.findall(r"GRADIO_SERVER_PORT=(\d+)", LAST_STAGE)
    assert port == re.findall(r"^EXPOSE (\d+)$", LAST_STAGE, flags=re.MULTILINE)
    assert f"127.0.0.1:{port[0]}/readyz" in LAST_STAGE


def test_the_image_has_no_compiler_and_asks_for_no_network_when_it_runs() -> None:
    assert not re.search(r"\b(gcc|clang|build-essential)\b", LAST_STAGE)
    assert "BARK_OFFLINE=1" in LAST_STAGE
    assert not re.search(r"\bpip\b", LAST_STAGE)


def test_the_service_keeps_the_images_user_and_health_check() -> None:
    found = service()
    assert (ROOT / found["build"] / "Dockerfile").is_file()
    assert not {"user", "privileged", "cap_add", "network_mode"} & set(found)
    assert "disable" not in found.get("healthcheck", {})


def test_the_service_is_reached_from_this_machine_only_and_keeps_the_takes() -> None:
    found = service()
    assert found["ports"] == ["127.0.0.1:7860:7860"]
    (volume,) = found["volumes"]
    assert volume.split(":")[1] in re.findall(r"^VOLUME (\S+)$", LAST_STAGE, flags=re.MULTILINE)
    whole = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert volume.split(":")[0] in whole["volumes"]


def test_the_service_starts_with_the_model_that_needs_no_download() -> None:
    variables = service()["environment"]
    assert variables["BARK_MODEL"] == "${BARK_MODEL:-nano}"
    assert "BARK_OFFLINE" not in variables  # as the image has it


def test_a_space_gets_the_gradio_and_python_that_are_tried() -> None:
    found = header()
    pinned = re.findall(r"^gradio==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert (found["sdk"], [found["sdk_version"]]) == ("gradio", pinned)
    assert f"python:{found['python_version']}-" in DOCKERFILE
    assert (ROOT / found["app_file"]).is_file()


def test_a_spaces_header_has_what_its_card_shows() -> None:
    found = header()
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {found["colorFrom"], found["colorTo"]} <= colours
    assert 0 < len(found["short_description"]) <= SHOWN_AT_MOST
    assert isinstance(found["python_version"], str)  # 3.10 as a number would be 3.1
    assert found["license"] == "mit"
    assert {"title", "emoji"} <= set(found)
