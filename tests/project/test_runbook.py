"""README's runbook and the logs give the same advice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from segment_exports.errors import Advice

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("advice", list(Advice), ids=lambda one: one.name)
def test_the_runbook_has_what_a_log_tells_to_do(repository: Path, advice: Advice) -> None:
    page = (repository / "README.md").read_text(encoding="utf-8")
    runbook = page.split("## Runbook")[1].split("\n## ")[0]

    assert advice in re.sub("[`*]", "", runbook)
