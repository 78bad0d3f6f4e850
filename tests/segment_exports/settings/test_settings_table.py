"""The table of settings in ``docs/airflow.md`` says what the model says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from segment_exports.settings.environment import Settings
from segment_exports.settings.names import LEDGER_SECRET_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def table(repository: Path) -> dict[str, tuple[str, str]]:
    """What the table says of each name: what it is, and its default."""
    section = (repository / "docs/airflow.md").read_text().split("## Settings\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\S+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    return {name: (what, default) for name, what, default in rows}


def test_every_setting_stands_in_the_table_with_its_description_and_default(
    table: dict[str, tuple[str, str]],
) -> None:
    told = {name: row for name, row in table.items() if name.startswith("SEGMENT_EXPORTS_")}

    assert told == {
        field.validation_alias: (field.description, field.json_schema_extra["unset"])
        for field in Settings.model_fields.values()
    }


def test_the_secret_of_the_ledgers_stands_there_as_needed(table: dict[str, tuple[str, str]]) -> None:
    assert "needed" in table[LEDGER_SECRET_VARIABLE][1]
