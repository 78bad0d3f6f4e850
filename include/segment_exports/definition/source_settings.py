"""Where an export reads its segments: the three ways into Customer Insights."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from segment_exports.definition.meant import zone_meant
from segment_exports.definition.strict import Name, Number, Share, StrictModel, Whole
from segment_exports.settings import bounds
from segment_exports.settings.names import LAKE

URL_FORM = "abfss://<container>/<folders>"


def _iana_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "isn't a time zone; write an IANA name such as UTC, Europe/Berlin or America/Sao_Paulo."
            f"{zone_meant(zone)}".rstrip(".")
        ) from None
    return zone


TimeZone = Annotated[Name, AfterValidator(_iana_zone)]


class SegmentChecks(StrictModel):
    """What is held against a segment before it is delivered."""

    stale_after_days: Annotated[Number, Field(gt=0, le=bounds.KEPT_DAYS)] = Field(
        default=30,
        description="A segment that wasn't evaluated for longer may hold people who were erased since.",
    )
    when_stale: Literal["warn", "refuse"] = Field(
        default="warn",
        description="What to do with a segment that is so old, was never evaluated or failed in it.",
    )
    when_truncated: Literal["refuse", "warn"] = Field(
        default="refuse",
        description="What to do with one file of exactly 100,000 rows: downloads are cut there.",
    )


class LakeChecks(SegmentChecks):
    """What is held against a segment in a lake, where a part of it may lie beside what model.json names."""

    when_unaccounted: Literal["refuse", "warn"] = Field(
        default="refuse",
        description="What to do with parts of a table that model.json doesn't name, or leaves out: refuse "
        "waits for it to name them, warn reads what it names and takes nobody for having left.",
    )
    when_absent: Literal["wait", "empty", "refuse"] = Field(
        default="wait",
        description="What to do with a segment of which model.json names no file: wait reads no members "
        "of it an hour after the refresh of the others, empty at once, refuse never. The guards judge the "
        "removals.",
    )


class DataverseChecks(SegmentChecks):
    """What is held against a segment in Dataverse, which can't tell an empty one from a wrong name."""

    when_absent: Literal["refuse", "empty"] = Field(
        default="refuse",
        description="What to do with a segment that nobody is in: empty reads no members, and the guards "
        "judge the removals.",
    )


def _lake_url(address: SplitResult) -> str:
    """Return the URL of a folder of a storage account whose web address is given, as far as it tells."""
    folders = address.path.strip("/")
    is_account = (address.hostname or "").endswith(".core.windows.net")
    return f"abfss://{folders}" if is_account and folders else URL_FORM


class LakeSource(StrictModel):
    """Customer Insights' export to Azure Data Lake or Blob storage: CSV files and one ``model.json``."""

    type: Literal["lake"] = Field(description="The export to a lake.")
    path: Name = Field(
        description="Folder of the export, where model.json lies: a folder of this machine (a relative one "
        f"counts from {LAKE}) or a URL such as {URL_FORM}."
    )
    connection: Name | None = Field(
        default=None, description="Airflow connection that holds the storage account; only for a URL."
    )
    snapshot_timezone: TimeZone = Field(
        default="UTC", description="Time zone of the folders <YYYY>/<MM>/<DD>/<HHMM>."
    )
    csv_escape: Literal["doubled", "backslash"] = Field(
        default="doubled",
        description="How the files write a quote inside a quoted value: doubled (RFC 4180), or with a "
        "backslash before it, as Spark and Data Factory do.",
    )
    unseen_snapshots: Literal["refuse", "read"] = Field(
        default="refuse",
        description="What to do with an earlier snapshot that no run saw while model.json named it: nobody "
        "knows how many files it had. read takes files that are numbered without a gap and name their "
        "columns.",
    )
    checks: LakeChecks = LakeChecks()

    @property
    def is_url(self) -> bool:
        """Whether the path is a URL of an object store rather than a folder of this machine."""
        return "://" in self.path and not self.path.startswith("file://")

    @field_validator("path")
    @classmethod
    def _without_account_or_secret(cls, path: str) -> str:
        if "://" not in path:
            return path
        parts = urlsplit(path)
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*", parts.scheme):
            raise ValueError(f"is a URL that can't be read; write it as {URL_FORM}")
        if parts.scheme in ("http", "https"):
            raise ValueError(
                f"is a web address; write {_lake_url(parts)} and put the account into the connection"
            )
        if "@" in parts.netloc:
            raise ValueError(
                f"names an account in the URL (container@account); write {URL_FORM} and put the account into "
                "the Airflow connection that `source.connection` names"
            )
        if parts.query or parts.fragment:
            raise ValueError(f"has a ? or # part; write {URL_FORM} and put keys into the Airflow connection")
        if parts.scheme != "file" and not parts.netloc:
            raise ValueError(f"names no container; write {URL_FORM}")
        if ".." in parts.path.split("/"):
            raise ValueError(f"has a .. folder in its URL; write {URL_FORM}")
        return path

    @model_validator(mode="after")
    def _connection_goes_with_a_url(self) -> LakeSource:
        if self.connection is not None and not self.is_url:
            raise ValueError("has a connection, but its path is a local folder; take the connection away")
        if self.connection is None and self.path.startswith(("abfs://", "abfss://")):
            raise ValueError("needs a connection: the storage account comes from it")
        return self


class DataverseSource(StrictModel):
    """Customer Insights' tables in Dataverse, read over its Web API."""

    type: Literal["dataverse"] = Field(description="Dataverse's Web API.")
    connection: Name = Field(
        description="Airflow connection with the environment's URL and the app's secret."
    )
    membership_type: Name = Field(
        default="Customer", description="SegmentMembershipType of the rows to read."
    )
    segment_provider: Name | None = Field(
        default=None, description="SegmentProvider of the rows to read; all where it is left out."
    )
    page_size: Whole = Field(default=5000, ge=1, le=5000, description="Rows a page.")
    parallel_reads: Whole = Field(
        default=1,
        ge=1,
        le=52,
        description="Profile pages read at once, each in its own range of CustomerIds.",
    )
    prefix: Name = Field(default="msdynci_", description="What logical names begin with.")
    time_mark: Name = Field(
        default="modifiedon", description="Column with the time of a row's last change: tells a refresh."
    )
    missing_profiles: Share = Field(
        default=0.01,
        description="Share of the members that may have no profile; above it the segments are read again "
        "twice, then the run is red.",
    )
    checks: DataverseChecks = DataverseChecks()


class ApiSource(StrictModel):
    """Customer Insights' own REST API."""

    type: Literal["api"] = Field(description="Customer Insights' REST API.")
    connection: Name = Field(description="Airflow connection with the instance, subscription key and secret.")
    page_size: Whole = Field(default=100, ge=1, le=100_000, description="Rows a page; 100 is documented.")
    paging: Literal["auto", "skip"] = Field(
        default="auto", description="auto follows next links and skip tokens where there are any."
    )
    count_tolerance: Share = Field(
        default=0.01, description="Share by which the members read may differ from the announced count."
    )
    checks: SegmentChecks = SegmentChecks()


SourceSettings = Annotated[LakeSource | DataverseSource | ApiSource, Field(discriminator="type")]
