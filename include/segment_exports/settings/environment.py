"""The settings of the environment, and what is wrong with them.

A plain pydantic model: importing pydantic-settings would add 0.36 s to every parse of the DAG file.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, field_validator

from segment_exports.errors import SettingsError
from segment_exports.settings.names import DEFINITIONS, LAKE, PREFIX, STAGING, STAGING_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AS_CLOSE_AS_A_SLIP = 0.75
_OF_A_SERVICE = re.compile(r"(^|_)(PORT|SERVICE_HOST|SERVICE_PORT)(_|$)")
"""What Kubernetes appends to the name of a service, here of one such as segment-exports-staging."""


class Settings(BaseModel):
    """What the environment says; None for what it leaves to the default, in words under ``unset``.

    ``description`` and ``unset`` are the text of the table in ``docs/airflow.md``. Values are taken as they
    are, also a path that is no UTF-8, which pydantic's own text would refuse; but for white space around
    them, which a mounted file or a copied line has, and a ``~``, which only a shell would have replaced.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    definitions: Path | None = Field(
        default=None,
        validation_alias=DEFINITIONS,
        description="folder of the export definitions",
        json_schema_extra={
            "unset": "`include/exports` of the project; of an installed package beside Airflow's `dags`, in "
            "`AIRFLOW_HOME`, or in the working directory"
        },
    )
    lake: Path | None = Field(
        default=None,
        validation_alias=LAKE,
        description="folder that a relative `source.path` counts from",
        json_schema_extra={"unset": "the folder of the definitions"},
    )
    staging: InstanceOf[str] | None = Field(
        default=None,
        validation_alias=STAGING,
        description="absolute folder or URL for runs, receipts and ledgers; all workers must see it",
        json_schema_extra={"unset": "`staging` in `AIRFLOW_HOME`"},
    )
    staging_connection: InstanceOf[str] | None = Field(
        default=None,
        validation_alias=STAGING_CONNECTION,
        description="Airflow connection of an object store, for a URL",
        json_schema_extra={"unset": "none"},
    )

    @field_validator("staging", "staging_connection", mode="before")
    @classmethod
    def _without_space_around(cls, value: str) -> str:
        return value.strip()

    @field_validator("definitions", "lake", mode="before")
    @classmethod
    def _as_path(cls, value: str) -> Path:
        return Path(_at_home(value.strip()))

    @field_validator("lake")
    @classmethod
    def _is_no_url(cls, value: Path) -> Path:
        if _begins_like_a_url(str(value)):
            raise ValueError(
                "is a URL; it must be a folder of this machine. An export in an object store has its URL in "
                "source.path"
            )
        return value

    @field_validator("staging")
    @classmethod
    def _is_folder_or_url(cls, value: str) -> str:
        if _begins_like_a_url(value) and not _URL.match(value):
            raise ValueError(
                "begins like a URL, but is none; it must be a folder or <protocol>://<container>/<folder>"
            )
        folder = _at_home(value)
        if not _URL.match(value) and not Path(folder).is_absolute():
            raise ValueError(
                "is a relative folder, so it would be another one for each process that has another working "
                "directory; it must be absolute, or a URL"
            )
        return folder

    @field_validator("staging_connection")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if "://" in value or value.lstrip().startswith("{"):
            raise ValueError(
                f"is text of {len(value)} characters that reads like a connection; it must be the id of one "
                "that Airflow has"
            )
        return value


def read_settings(*names: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return some settings as they are now; an empty variable counts as unset.

    Who needs one names it, so that nobody is stopped by a setting that is none of their business.

    :raises SettingsError: all that is wrong with these, a line for each variable; no value is repeated.
    """
    settings, problems = _judged({name: value for name in names if (value := environ.get(name))})
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def require_good_settings(environ: Mapping[str, str] = os.environ) -> None:
    """Judge all settings together, and names that are nearly that of one: for where a person looks.

    :raises SettingsError: all that is wrong, a line for each variable; no value is repeated.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    problems = [*_misspelt(given), *_judged(given)[1]]
    if problems:
        raise SettingsError("\n".join(problems))


def _judged(given: Mapping[str, str]) -> tuple[Settings, list[str]]:
    try:
        return Settings.model_validate(given), []
    except ValidationError as error:
        told = [f"{one['loc'][0]} {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
        return Settings(), told


def _at_home(value: str) -> str:
    """Return a path with its ``~`` replaced, if there is such a home."""
    return os.path.expanduser(value)  # noqa: PTH111 - Path's raises where there is no such user


def _begins_like_a_url(value: str) -> bool:
    return value.split("/", 1)[0].endswith(":")


def _misspelt(given: Iterable[str]) -> Iterator[str]:
    """Tell of each name that is nearly that of a setting, but for those that Kubernetes gives containers."""
    known = [str(field.validation_alias).removeprefix(PREFIX) for field in Settings.model_fields.values()]
    for name in sorted({one.removeprefix(PREFIX) for one in given}.difference(known)):
        meant = () if _OF_A_SERVICE.search(name) else get_close_matches(name, known, 1, _AS_CLOSE_AS_A_SLIP)
        yield from (f"{PREFIX}{name} isn't known. Did you mean {PREFIX}{one}?" for one in meant)
