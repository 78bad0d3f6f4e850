"""The settings of the environment: taken as they stand, or told as wrong in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from segment_exports.errors import SettingsError
from segment_exports.settings.environment import Settings, read_settings, require_good_settings

NONE = Settings.model_validate({})
NAMES = tuple(str(one.validation_alias) for one in Settings.model_fields.values())


def read(environ: dict[str, str]) -> Settings:
    return read_settings(*NAMES, environ=environ)


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        require_good_settings(environ)
    return str(refused.value)


def test_what_is_set_is_taken_as_it_stands() -> None:
    settings = read(
        {
            "SEGMENT_EXPORTS_DEFINITIONS": "exports",
            "SEGMENT_EXPORTS_LAKE": "/data/lake",
            "SEGMENT_EXPORTS_STAGING": "abfss://container/staging",
            "SEGMENT_EXPORTS_STAGING_CONNECTION": "lake",
        }
    )

    assert settings.definitions == Path("exports")
    assert settings.lake == Path("/data/lake")
    assert settings.staging == "abfss://container/staging"
    assert settings.staging_connection == "lake"


@pytest.mark.parametrize(
    "name", ["SEGMENT_EXPORTS_DEFINITIONS", "SEGMENT_EXPORTS_LAKE", "SEGMENT_EXPORTS_STAGING"]
)
def test_a_home_that_no_shell_replaced_is_replaced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a file of variables: else a folder named ~ would be made where the process happens to run."""
    monkeypatch.setenv("HOME", "/root-of-nora")
    (value,) = (one for one in read({name: "~/exports"}).model_dump().values() if one)
    assert str(value) == "/root-of-nora/exports"


@pytest.mark.parametrize("value", ["/data/staging\n", " /data/staging", "/data/staging\r\n"])
def test_white_space_around_a_value_is_none_of_it(value: str) -> None:
    assert read({"SEGMENT_EXPORTS_STAGING": value}).staging == "/data/staging"


@pytest.mark.parametrize(
    "value", ["staging", "./staging", "../staging", "$HOME/staging", "~nobody-of-this-name/staging"]
)
def test_a_relative_staging_is_refused(value: str) -> None:
    told = refusal({"SEGMENT_EXPORTS_STAGING": value})
    assert told.startswith("SEGMENT_EXPORTS_STAGING is a relative folder")
    assert "absolute" in told


def test_what_is_not_set_is_left_to_its_default() -> None:
    assert read({}) == NONE
    assert set(NONE.model_dump().values()) == {None}


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert read({name: ""}) == NONE


def test_they_are_read_afresh_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "/first")
    assert read_settings("SEGMENT_EXPORTS_LAKE").lake == Path("/first")
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "/second")
    assert read_settings("SEGMENT_EXPORTS_LAKE").lake == Path("/second")


def test_nobody_changes_them_on_the_way() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read({}).lake = Path("/elsewhere")


@pytest.mark.parametrize(
    "staging",
    ["/data/staging", "file:///data/staging", "s3://bucket", "abfss://c@account.host/x", "/a/b:/c"],
)
def test_staging_may_be_any_absolute_folder_or_url(staging: str) -> None:
    assert read({"SEGMENT_EXPORTS_STAGING": staging}).staging == staging


def test_a_connection_without_a_url_is_let_be() -> None:
    """It does nothing then, so that an Airflow may go from an object store to a folder and back."""
    environ = {"SEGMENT_EXPORTS_STAGING": "/data", "SEGMENT_EXPORTS_STAGING_CONNECTION": "lake"}

    assert read(environ).staging_connection == "lake"


def test_a_path_may_hold_any_bytes() -> None:
    name = b"/data/m\xfcll".decode("utf-8", "surrogateescape")

    settings = read(
        dict.fromkeys(
            ("SEGMENT_EXPORTS_DEFINITIONS", "SEGMENT_EXPORTS_LAKE", "SEGMENT_EXPORTS_STAGING"), name
        )
    )

    assert settings.definitions == settings.lake == Path(name)
    assert settings.staging == name


@pytest.mark.parametrize("lake", ["abfss://container/lake", "file:///data/lake", "s3:/bucket/lake"])
def test_a_lake_that_is_a_url_is_refused(lake: str) -> None:
    assert refusal({"SEGMENT_EXPORTS_LAKE": lake}) == (
        "SEGMENT_EXPORTS_LAKE is a URL; it must be a folder of this machine. An export in an object store "
        "has its URL in source.path"
    )


@pytest.mark.parametrize("staging", ["abfss:/container/staging", "://container/staging", "my store://bucket"])
def test_a_staging_root_that_would_be_a_folder_of_the_name_of_a_protocol_is_refused(staging: str) -> None:
    assert refusal({"SEGMENT_EXPORTS_STAGING": staging}) == (
        "SEGMENT_EXPORTS_STAGING begins like a URL, but is none; it must be a folder or "
        "<protocol>://<container>/<folder>"
    )


@pytest.mark.parametrize("connection", ["wasb://user:key@host", '{"conn_type": "wasb", "password": "key"}'])
def test_a_connection_in_place_of_its_id_is_refused_and_not_repeated(connection: str) -> None:
    assert refusal({"SEGMENT_EXPORTS_STAGING_CONNECTION": connection}) == (
        f"SEGMENT_EXPORTS_STAGING_CONNECTION is text of {len(connection)} characters that reads like a "
        "connection; it must be the id of one that Airflow has"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SEGMENT_EXPORTS_STAGEING", "SEGMENT_EXPORTS_STAGING"),
        ("SEGMENT_EXPORTS_LKAE", "SEGMENT_EXPORTS_LAKE"),
        ("SEGMENT_EXPORTS_DEFINITION", "SEGMENT_EXPORTS_DEFINITIONS"),
        ("SEGMENT_EXPORTS_STAGING_CONN_ID", "SEGMENT_EXPORTS_STAGING_CONNECTION"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_right_one(name: str, meant: str) -> None:
    assert refusal({name: "/data"}) == f"{name} isn't known. Did you mean {meant}?"
    require_good_settings({name: ""})


@pytest.mark.parametrize("service", ["SEGMENT_EXPORTS", "SEGMENT_EXPORTS_API_SERVER", *NAMES])
@pytest.mark.parametrize(
    "suffix", ["PORT", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_8080_TCP_ADDR"]
)
def test_what_kubernetes_sets_for_a_service_is_let_be(service: str, suffix: str) -> None:
    require_good_settings({f"{service}_{suffix}": "tcp://10.0.0.1:8080"})


def test_who_reads_one_is_not_stopped_by_another() -> None:
    environ = {"SEGMENT_EXPORTS_LAKE": "s3://bucket", "SEGMENT_EXPORTS_STAGING_DIR": "/mine"}

    assert read_settings("SEGMENT_EXPORTS_STAGING", environ=environ) == NONE
    with pytest.raises(SettingsError, match="SEGMENT_EXPORTS_LAKE is a URL"):
        read_settings("SEGMENT_EXPORTS_LAKE", environ=environ)


def test_all_that_is_wrong_is_told_at_once_a_line_each() -> None:
    told = refusal(
        {
            "SEGMENT_EXPORTS_STAGEING": "/data",
            "SEGMENT_EXPORTS_LAKE": "s3://bucket",
            "SEGMENT_EXPORTS_STAGING_CONNECTION": "s3://",
        }
    )

    assert [line.split()[0] for line in told.splitlines()] == [
        "SEGMENT_EXPORTS_STAGEING",
        "SEGMENT_EXPORTS_LAKE",
        "SEGMENT_EXPORTS_STAGING_CONNECTION",
    ]
