"""What a source has to export, and guesses at what its attributes mean, as text for a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.commands.terminal import columns
from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.refresh_evidence import SegmentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from segment_exports.sources import Attribute, SegmentInfo, Source

WHOLE_TABLE = "Customer"
"""The table of all profiles; a lake export may hold it beside the segments."""

_CONSENT = re.compile(r"consent|subscri|optin|optout|permission|donot|unsub|newsletter")
_ADDRESS_NAMES = ("email", "emailaddress", "primaryemail", "emailaddress1", "mail")
_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "FirstName": ("Person.FirstName", ("firstname", "givenname")),
    "LastName": ("Person.LastName", ("lastname", "surname", "familyname")),
    "Company": ("", ("companyname", "company")),
    "Title": ("", ("jobtitle",)),
    "Phone": ("Identity.Service.Phone", ("telephone", "phone", "primaryphone")),
    "MobilePhone": ("", ("mobilephone", "mobile")),
    "MailingStreet": ("Location.Address", ("streetaddress", "mailingaddress", "address")),
    "MailingCity": ("Location.City", ("city",)),
    "MailingState": ("Location.State", ("state", "stateorprovince")),
    "MailingPostalCode": ("Location.PostalCode", ("postcode", "postalcode", "zip")),
    "MailingCountry": ("Location.Country", ("country", "countryorregion")),
}
"""Contact field → semantic type and plain names of the attribute that fills it."""


@dataclass(frozen=True)
class Exportable:
    """Segments of a source, and the attributes that all of them have, in the source's order."""

    segments: tuple[SegmentInfo, ...]
    attributes: tuple[Attribute, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Attributes that may be the email address, the likeliest first: by semantic type, then by name."""
        likely = [(rank, one.name) for one in self.attributes if (rank := _address_rank(one)) is not None]
        return tuple(name for _, name in sorted(likely, key=lambda pair: pair[0]))

    @property
    def consents(self) -> tuple[str, ...]:
        """Attributes whose name speaks of permission."""
        return tuple(one.name for one in self.attributes if _CONSENT.search(_plain(one.name)))

    def fields(self) -> dict[str, str]:
        """Return the standard fields that attributes seem to fill, address apart."""
        found = {
            field: _first(self.attributes, semantic, names) for field, (semantic, names) in _FIELDS.items()
        }
        return {field: name for field, name in found.items() if name is not None}


def exportable(source: Source) -> Exportable:
    """Ask a source for its segments.

    :raises SourceError: it can't be read.
    """
    infos = [info for info in source.segments() if info.name != WHOLE_TABLE and not info.fault]
    infos = [info for info in infos if not info.attributes or _has(info.attributes, CUSTOMER_ID)]
    common = (
        [one for one in infos[0].attributes if all(_has(info.attributes, one.name) for info in infos)]
        if infos
        else []
    )
    return Exportable(tuple(infos), tuple(common))


def table(found: Exportable, now: datetime) -> str:
    """Return the segments and attributes as a table."""
    if not found.segments:
        return "The source has no segments\n"
    rows: list[tuple[str, ...]] = [("segment", "state", "members", "size", "evaluated (UTC)", "age")]
    rows += [_segment_cells(info, now) for info in found.segments]
    guesses = {found.addresses[0]: "the email address?"} if found.addresses else {}
    guesses |= dict.fromkeys(found.consents, "a permission?")
    attributes: list[tuple[str, ...]] = [("attribute", "type", "meaning", "")]
    attributes += [
        (one.name, one.data_type, one.semantic_type or "", guesses.get(one.name, ""))
        for one in found.attributes
    ]
    return "\n".join([*columns(rows), "", *columns(attributes)]) + "\n"


def _address_rank(attribute: Attribute) -> tuple[int, int] | None:
    semantic, name = (attribute.semantic_type or "").casefold(), _plain(attribute.name)
    if _CONSENT.search(name):
        return None
    if "email" in semantic:
        return 0, len(name)
    if name in _ADDRESS_NAMES:
        return 1, _ADDRESS_NAMES.index(name)
    return (2, len(name)) if "email" in name else None


def _first(attributes: Iterable[Attribute], semantic: str, names: Sequence[str]) -> str | None:
    by_meaning = [one.name for one in attributes if semantic and one.semantic_type == semantic]
    by_name = [one.name for name in names for one in attributes if _plain(one.name) == name]
    return next(iter(by_meaning + by_name), None)


def _segment_cells(info: SegmentInfo, now: datetime) -> tuple[str, ...]:
    evaluated, age = "-", "-"
    if info.evaluated_at is not None:
        evaluated = f"{info.evaluated_at:%Y-%m-%d %H:%M}"
        hours = (now - info.evaluated_at).total_seconds() / 3600
        age = f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
    return (
        info.name,
        "-" if info.state is SegmentState.UNKNOWN else info.state.value,
        "-" if info.members is None else f"{info.members:,}",
        "-" if info.size_bytes is None else f"{info.size_bytes / 1e6:,.1f} MB",
        evaluated,
        age,
    )


def _has(attributes: Iterable[Attribute], name: str) -> bool:
    return any(one.name == name for one in attributes)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
