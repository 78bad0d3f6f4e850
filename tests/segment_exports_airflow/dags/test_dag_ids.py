"""Every definition has a DAG id of its own that Airflow takes, whatever its file is called."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from airflow.sdk import DAG
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.definition import ExportDefinition, LoadedDefinition
from segment_exports_airflow.dags.dag_ids import dag_ids


def a_file(stem: str, *, is_good: bool = False) -> LoadedDefinition:
    definition = cast("ExportDefinition", object()) if is_good else None
    return LoadedDefinition(stem, Path(f"{stem}.yaml"), definition, None if is_good else "is broken")


def ids_of(*stems: str, good: str = "") -> list[str]:
    return dag_ids([a_file(stem, is_good=stem == good) for stem in stems])


def test_a_good_export_and_a_broken_one_are_called_by_their_names() -> None:
    assert ids_of("newsletter", "weekly", good="weekly") == ["export_newsletter", "export_weekly"]


def test_what_airflow_refuses_is_replaced() -> None:
    assert ids_of("a b", "ü.x-1") == ["export_a_b", "export__.x-1"]


def test_files_that_come_to_one_id_are_numbered() -> None:
    assert ids_of("a b", "a(b", "a)b") == ["export_a_b", "export_a_b-2", "export_a_b-3"]


@pytest.mark.parametrize("good", ["a_b", ""])
def test_a_name_that_needs_no_change_keeps_its_id_beside_one_that_comes_to_it(good: str) -> None:
    assert ids_of("a b", "a_b", good=good) == ["export_a_b-2", "export_a_b"]


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    assert ids_of("Weekly", "weekly", good="weekly") == ["export_Weekly-2", "export_weekly"]


def test_long_names_are_cut_and_stay_apart() -> None:
    first, second = ids_of("a" * 244, "a" * 245)
    assert first == "export_" + "a" * 243
    assert second == "export_" + "a" * 241 + "-2"


@given(st.lists(st.text(alphabet="aB_-2 ü./\n", min_size=1, max_size=3), unique=True, max_size=12))
def test_any_names_give_different_ids_that_airflow_takes(stems: list[str]) -> None:
    ids = ids_of(*stems)
    assert len({one.lower() for one in ids}) == len(stems)
    for one in ids:
        assert DAG(dag_id=one, schedule=None).dag_id == one
