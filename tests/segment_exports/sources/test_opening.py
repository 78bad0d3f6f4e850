"""From a definition's source to the place where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.definition import LakeSource
from segment_exports.errors import SourceError
from segment_exports.sources.opening import lake_location

if TYPE_CHECKING:
    from pathlib import Path


def lake(path: str, **more: Any) -> LakeSource:
    return LakeSource(type="lake", path=path, **more)


def test_a_relative_path_counts_from_the_folder_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(tmp_path))
    assert lake_location(lake("CustomerInsights_1/Export")) == f"{tmp_path}/CustomerInsights_1/Export"
    assert lake_location(lake("x/../y")) == f"{tmp_path}/y"


def test_without_the_variable_it_counts_from_the_folder_of_the_definitions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SEGMENT_EXPORTS_LAKE", raising=False)
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path / "exports"))
    (tmp_path / "exports").mkdir()
    (tmp_path / "lake").mkdir()
    assert lake_location(lake("../lake")) == f"{tmp_path}/lake"
    with pytest.raises(SourceError, match="SEGMENT_EXPORTS_LAKE names; it isn't set"):
        lake_location(lake("missing"))


@pytest.mark.parametrize("path", ["/data/lake", "file:///data/lake"])
def test_an_absolute_path_stands_for_itself(path: str) -> None:
    assert lake_location(lake(path)) == "/data/lake"


def test_a_url_stands_for_itself() -> None:
    assert lake_location(lake("abfss://c/Export/", connection="lake")) == "abfss://c/Export"
