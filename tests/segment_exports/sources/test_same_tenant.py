"""One tenant, three ways in, the same contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_emulators.customer_insights import ListShape, NextPage
from segment_emulators.lake_writer import LakeExport as EmulatedLake
from segment_exports.commands import new_export
from segment_exports.definition import ExportDefinition, load_definition
from segment_exports.extracting.extract_unit import extract_unit
from segment_exports.mapping.map_profiles import map_profiles
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import RunFiles, Store
from segment_exports.refresh.snapshot_choice import choose_snapshots
from segment_exports.sources import ReadUnit
from segment_exports.sources.lake.source import LakeExport
from segment_exports.sources.lake.storage import ExportFolder
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.segment_exports.sources.conftest import Insights

    from segment_exports.sources import Source

DEFINITION = ExportDefinition.model_validate(
    {
        "name": "newsletter",
        "source": {"type": "lake", "path": "lake"},
        "segments": ["HighValueSegment", "ChurnProne", "NewsletterReaders"],
        "mapping": {
            "Email": "EMail",
            "FirstName": "FirstName",
            "LastName": "LastName",
            "MailingStreet": "StreetAddress",
            "Phone": "Telephone",
            "custom": {
                "string--Loyalty--Tier": "Loyalty Tier",
                "integer--Reward--Points": "RewardPoints",
                "float--Income": "Income",
                "date--Birthday": "DateOfBirth",
                "date--Created": "CreatedOn",
            },
        },
        "permission": {"attribute": "Email Subscriber", "equals": "Yes"},
    }
)
HASHER = KeyedHasher("a ledger secret that protects nothing")


def mapped(source: Source, folder: Path) -> tuple[pa.Table, dict[str, Any], list[Any]]:
    """Extract and map; return the contacts sorted, the counts, and who was refused or withheld."""
    files = RunFiles(Store.local(folder), "run")
    chosen = choose_snapshots(source, DEFINITION.segment_names)
    for unit in source.read_units(chosen):
        extract_unit(source, ReadUnit.from_json(unit.to_json()), DEFINITION, files)
    map_profiles(DEFINITION, files, HASHER)
    contacts = pq.read_table(files.store.path(RunFiles.CONTACTS)).sort_by("email_hash")
    invalid = pq.read_table(files.store.path(RunFiles.INVALID)).drop_columns(["row"]).to_pylist()
    withheld = pq.read_table(files.store.path(RunFiles.WITHHELD)).to_pylist()
    # A customer of the dirt "duplicate_row" stands twice in the lake and once in the services.
    refused = sorted({str(sorted(row.items(), key=str)) for row in invalid + withheld})
    return contacts, files.store.read_json(RunFiles.MAP)["profiles"], refused


@pytest.fixture
def from_lake(insights: Insights, tmp_path: Path) -> tuple[pa.Table, dict[str, Any], list[Any]]:
    lake = EmulatedLake(tmp_path / "lake", insights.state.tenant)
    lake.write(insights.state.snapshot)
    return mapped(LakeExport(ExportFolder.local(lake.folder)), tmp_path / "from-lake")


@pytest.mark.parametrize("shape", list(ListShape))
def test_dataverse_gives_the_contacts_of_the_lake(
    insights: Insights, tmp_path: Path, from_lake: Any, shape: ListShape
) -> None:
    insights.state.switches.list_shape = shape

    contacts, counts, refused = mapped(
        insights.dataverse(page_size=700, parallel_reads=3), tmp_path / "other"
    )

    assert contacts.num_rows > 1000
    assert contacts.equals(from_lake[0])
    assert refused == from_lake[2]
    assert counts["contacts"] == from_lake[1]["contacts"]


@pytest.mark.parametrize("next_page", list(NextPage))
def test_the_api_gives_the_contacts_of_the_lake(
    insights: Insights, tmp_path: Path, from_lake: Any, next_page: NextPage
) -> None:
    insights.state.switches.next_page = next_page

    contacts, counts, refused = mapped(insights.api(page_size=500), tmp_path / "other")

    assert contacts.equals(from_lake[0])
    assert refused == from_lake[2]
    assert counts["contacts"] == from_lake[1]["contacts"]


def test_the_snapshots_have_the_same_time_whichever_way(insights: Insights, tmp_path: Path) -> None:
    lake = EmulatedLake(tmp_path / "lake", insights.state.tenant)
    lake.write(0)
    sources = [LakeExport(ExportFolder.local(lake.folder)), insights.dataverse(), insights.api()]

    assert {tuple(source.snapshots("ChurnProne")) for source in sources} == {(insights.state.marked_at,)}


@pytest.mark.parametrize(("way", "semantic_types"), [("dataverse", True), ("api", True), ("api", False)])
def test_a_first_definition_can_be_written_from_either_service(
    insights: Insights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, semantic_types: bool
) -> None:
    insights.state.switches.semantic_types = semantic_types
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))
    source = getattr(insights, way)()

    ended = new_export.main(
        ["first", "--source", way, "--connection", "any"], opener=lambda _definition: source
    )

    assert ended == 0
    definition = load_definition(tmp_path / "first.yaml")
    assert set(definition.segment_names) == set(DEFINITION.segment_names)
    assert definition.mapping.Email == "EMail"
    assert definition.mapping.MailingPostalCode == "PostCode"


@pytest.mark.parametrize("way", ["dataverse", "api"])
def test_a_refresh_that_starts_while_reading_leaves_nothing_to_deliver(
    insights: Insights, tmp_path: Path, way: str
) -> None:
    source: Source = getattr(insights, way)(page_size=100)
    files = RunFiles(Store.local(tmp_path), "run")
    units = source.read_units(choose_snapshots(source, DEFINITION.segment_names))
    insights.state.faults.refresh_after_pages = insights.state.pages + 3

    with pytest.raises(SnapshotChangedError):
        extract_unit(source, units[0], DEFINITION, files)

    assert files.store.names("profiles") == []
    assert not files.store.exists(RunFiles.extract(units[0].name))
