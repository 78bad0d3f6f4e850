from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from airflow._shared.secrets_masker import should_hide_value_for_key
from airflow.sdk import BaseHook
from airflow.sdk.io import attach
from airflow.sdk.log import redact
from fsspec.implementations.memory import MemoryFileSystem

from segment_exports.errors import LedgerError, SettingsError, StagingError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store
from segment_exports.records.tombstones import write_tombstones
from segment_exports_airflow.connection_forms import FORMS
from segment_exports_airflow.staging_root import (
    ledger_hasher,
    object_store,
    require_good_ledger_secret,
    run_files,
    staging_root,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_staging_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))

    root = staging_root()

    assert root.is_local
    assert root.path("x") == str(tmp_path / "staging" / "x")


def test_staging_lies_below_airflows_home_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENT_EXPORTS_STAGING")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))

    assert staging_root().root == str(tmp_path / "staging")


def test_airflows_home_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENT_EXPORTS_STAGING")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_HOME", "~/airflow")

    assert staging_root().root == str(tmp_path / "airflow" / "staging")


def test_a_relative_home_of_airflow_is_no_place_for_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENT_EXPORTS_STAGING")
    monkeypatch.setenv("AIRFLOW_HOME", "airflow")

    with pytest.raises(SettingsError, match=r"AIRFLOW_HOME is a relative folder.*SEGMENT_EXPORTS_STAGING"):
        staging_root()


def test_a_folder_may_be_written_as_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", f"file://{tmp_path}/staging")

    store = staging_root()
    store.write_json("x.json", 1)

    assert store.is_local
    assert (tmp_path / "staging" / "x.json").exists()


def test_an_object_store_is_reached_through_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    attach(protocol="memory", fs=MemoryFileSystem())
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", "memory://bucket/staging")

    store = staging_root()
    store.write_json("newsletter/x.json", {"a": 1})

    assert not store.is_local
    assert store.read_json("newsletter/x.json") == {"a": 1}


def test_the_object_store_has_the_credentials_of_the_connection_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file_systems = {"abfss": lambda conn_id, _options: BaseHook.get_connection(conn_id)}
    monkeypatch.setattr("airflow.sdk.io.fs._register_filesystems", lambda: file_systems)
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", "abfss://container/staging")
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING_CONNECTION", "lake")

    with pytest.raises(StagingError) as refused:
        staging_root()

    assert str(refused.value).startswith(
        "SEGMENT_EXPORTS_STAGING (with SEGMENT_EXPORTS_STAGING_CONNECTION): there is no connection lake"
    )


def test_a_setting_that_is_none_of_its_business_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path))
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "s3://bucket")
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING_DIR", "/mine")

    assert staging_root().root == str(tmp_path)


def test_a_staging_root_that_can_be_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", "abfss:/container")

    with pytest.raises(SettingsError, match="begins like a URL, but is none"):
        staging_root()


def test_an_account_in_a_url_is_refused_since_airflow_takes_it_for_a_connection() -> None:
    with pytest.raises(StagingError, match=r"<container>@<account>.*put the account into the connection"):
        object_store("abfss://container@account.dfs.core.windows.net/x", None, "source.path")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("abfss://container/x", r'no file system for abfss://; pip install "\.\[abfs\]"$'),
        ("abfs://container/x", r'no file system for abfs://; pip install "\.\[abfs\]"$'),
        ("elsewhere://bucket/x", "no file system for elsewhere://; install the provider that has it$"),
    ],
)
def test_a_protocol_without_a_provider_says_what_to_install(url: str, told: str) -> None:
    with pytest.raises(StagingError, match=told):
        object_store(url, None, "source.path")


def test_a_connection_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    file_systems = {"abfss": lambda conn_id, _options: BaseHook.get_connection(conn_id)}
    monkeypatch.setattr("airflow.sdk.io.fs._register_filesystems", lambda: file_systems)

    with pytest.raises(
        StagingError, match=r"source\.path: there is no connection lake; make one for abfss://"
    ):
        object_store("abfss://container/x", "lake", "source.path")


def test_run_folders_are_named_by_run_id_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path / "staging"))
    files = run_files("newsletter", "manual__2026-03-01T05:00:00+00:00")

    files.store.write_json("plan.json", {})

    folder = tmp_path / "staging" / "newsletter" / "runs" / "manual__2026-03-01T05%3A00%3A00%2B00%3A00"
    assert (folder / "plan.json").exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_ledgers_secret_comes_from_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "another secret of the ledger")

    assert ledger_hasher().fingerprint == KeyedHasher("another secret of the ledger").fingerprint


@pytest.mark.parametrize("name", ["AUTOPILOT_LEDGER_SECRET", "AUTOPILOT_LEDGER_KEY"])
def test_the_ledgers_secret_is_masked_in_logs_whatever_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    secret = f"{name.lower()} of this test alone"
    monkeypatch.delenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET")
    monkeypatch.setenv(f"AIRFLOW_VAR_{name}", f"{secret}\n")

    ledger_hasher()

    assert redact(f"it is {secret}!") == "it is ***!"


def test_airflow_hides_the_ledgers_secret_and_every_secret_of_a_form_by_its_name() -> None:
    assert should_hide_value_for_key("AUTOPILOT_LEDGER_SECRET")
    assert not should_hide_value_for_key("AUTOPILOT_LEDGER_KEY"), "why it was renamed"
    secrets = {
        name
        for form in FORMS.values()
        for name, one in form["conn-fields"].items()
        if one["schema"].get("format") == "password"
    }
    assert secrets == {"subscription_api_key"}
    assert all(should_hide_value_for_key(name) for name in secrets)


def test_a_new_secret_that_is_short_is_refused_and_one_in_use_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, airflow_database: Path
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_STAGING", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "s" * 31)
    with pytest.raises(LedgerError, match="a new one must have at least 32"):
        require_good_ledger_secret()

    write_tombstones(Store.local(tmp_path), KeyedHasher("s" * 31), [bytes(16)], datetime.now(UTC))
    (told,) = require_good_ledger_secret()
    assert "AUTOPILOT_LEDGER_SECRET is short (31 characters)" in told


def test_a_missing_ledger_secret_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, airflow_database: Path
) -> None:
    monkeypatch.delenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET")

    with pytest.raises(LedgerError, match=r"AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"):
        ledger_hasher()
