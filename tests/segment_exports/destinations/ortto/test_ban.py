from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from segment_exports.destinations.ortto.api import BASE_URLS
from segment_exports.destinations.ortto.ban import bad_requests_at

if TYPE_CHECKING:
    from pathlib import Path


async def at_once() -> int:
    return 0


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


async def test_all_regions_count_together_and_an_address_of_ones_own_by_itself() -> None:
    _, place = await bad_requests_at(BASE_URLS["default"]).start(at_once)
    place.answered(401)

    assert all(bad_requests_at(url).happened_lately() for url in BASE_URLS.values())
    assert not bad_requests_at("http://127.0.0.1:8026/v1").happened_lately()
