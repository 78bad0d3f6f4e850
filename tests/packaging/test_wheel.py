"""What the wheel holds, and what it tells pip and Airflow of itself."""

from __future__ import annotations

import configparser
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def content(wheel: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel)


def told(content: zipfile.ZipFile, file: str) -> str:
    (name,) = [one for one in content.namelist() if one.endswith(f".dist-info/{file}")]
    return content.read(name).decode()


def test_it_holds_every_module_of_the_packages_and_nothing_else(
    content: zipfile.ZipFile, repository: Path
) -> None:
    folders = ("include/segment_exports", "include/segment_emulators", "plugins/segment_exports_airflow")
    wanted = {
        str(file.relative_to((repository / folder).parent))
        for folder in folders
        for file in (repository / folder).rglob("*.py")
    }
    held = {one for one in content.namelist() if ".dist-info/" not in one}

    assert {one for one in held if one.endswith(".py")} == wanted
    assert {one.split("/")[0] for one in held} == {folder.split("/")[1] for folder in folders}


def test_airflow_finds_it_and_a_shell_its_command(content: zipfile.ZipFile) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(told(content, "entry_points.txt"))

    assert {name: dict(entries[name]) for name in entries.sections()} == {
        "console_scripts": {"segment-exports": "segment_exports_airflow.cli.program:main"},
        "apache_airflow_provider": {
            "provider_info": "segment_exports_airflow.provider_info:get_provider_info"
        },
        "airflow.plugins": {"segment_exports": "segment_exports_airflow.plugin:SegmentExportsPlugin"},
    }


def test_it_needs_what_it_imports_and_the_emulators_are_an_extra(
    content: zipfile.ZipFile, repository: Path
) -> None:
    metadata = Parser().parsestr(told(content, "METADATA"))
    needed = metadata.get_all("Requires-Dist") or []
    lines = (repository / "requirements.in").read_text().splitlines()

    always = {one.lower() for one in needed if "extra ==" not in one}
    assert len(always) == len([line for line in lines if line and not line.startswith("#")])
    assert not [one for one in always if one.startswith(("psutil", "uvicorn", "fastapi"))]
    assert set(metadata.get_all("Provides-Extra") or ()) == {"abfs", "emulators"}
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
