"""What an account must hold after an export: read from the CSV files in plain Python, row by row.

Shares no code with the exporter: the ``csv`` module, dictionaries, and the rules of the README. The demo and
the tests compare the account with it, address by address: each destination tells a contact in its own way.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_ADDRESS = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{2,}"
)


@dataclass
class Expected:
    """Contacts by address with what is sent of them (custom fields by name), members by list title."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)


def read_plainly(definition: Path, lake: Path) -> Expected:
    """Return what an account must hold after a first run of a definition over the newest snapshot."""
    wanted = yaml.safe_load(definition.read_text(encoding="utf-8"))
    permission = wanted.get("permission")
    model = json.loads((lake / wanted["source"]["path"] / "model.json").read_text(encoding="utf-8"))
    candidates: dict[str, list[tuple[tuple[int, str], str, dict[str, Any]]]] = defaultdict(list)
    refused: set[str] = set()
    lists = dict(_segment_and_list(one) for one in wanted["segments"])
    for place, (segment, title) in enumerate(lists.items()):
        for row in _rows(model, segment, lake / wanted["source"]["path"]):
            email = row[wanted["mapping"]["Email"]].strip().lower()
            if not _ADDRESS.fullmatch(email):
                continue
            if permission and row[permission["attribute"]].strip() != permission["equals"]:
                refused.add(email)
            values = _values(wanted["mapping"], row)
            if values is not None:
                candidates[email].append(((place, row["CustomerId"]), title, values))
    expected = Expected(members={title: set() for title in lists.values()})
    for email, rows in candidates.items():
        if email not in refused:
            expected.contacts[email] = min(rows, key=lambda one: one[0])[2]
            for _, title, _ in rows:
                expected.members[title].add(email)
    return expected


def differences(
    expected: Expected,
    contacts: Mapping[str, Mapping[str, Any]],
    members: Mapping[str, Iterable[str]],
    told_by: Callable[[Mapping[str, Any], str], Any] | None = None,
) -> list[str]:
    """Return where an account differs: its contacts as it tells them, its members by title.

    :param told_by: gives of a contact the value of a field by its name; by default as Autopilot tells it.
    """
    told_by = told_by or _told_by_autopilot
    found = [f"{email} is missing" for email in expected.contacts.keys() - contacts.keys()]
    found += [f"{email} should not be there" for email in contacts.keys() - expected.contacts.keys()]
    for email in expected.contacts.keys() & contacts.keys():
        for name, value in expected.contacts[email].items():
            there = told_by(contacts[email], name)
            if there != value:
                found.append(f"{email}: {name} is {there!r}, not {value!r}")
    for title, emails in expected.members.items():
        found += [f"{email} is missing on {title}" for email in emails - set(members.get(title, ()))]
        found += [f"{email} should not be on {title}" for email in set(members.get(title, ())) - emails]
    return sorted(found)


def _told_by_autopilot(contact: Mapping[str, Any], name: str) -> Any:
    custom = {one["kind"]: one["value"] for one in contact.get("custom_fields", ())}
    return custom.get(name) if name in custom else contact.get(name)


def _told_by_ortto(person: Mapping[str, Any], name: str) -> Any:
    """Return a value in the form in which the other account would tell it; of numbers the digits."""
    fields = person["fields"]
    dashed = name.lower().replace(" ", "-")
    own = _OWN_OF_ORTTO.get(name)
    value = (
        fields.get(own)
        if own
        else next((fields[key] for key in fields if key.endswith(f":cm:{dashed}")), None)
    )
    if not isinstance(value, dict):
        return value
    if "c" in value:
        return _phone_at_home(value)
    if "year" in value:
        return f"{value['year']:04}-{value['month']:02}-{value['day']:02}T00:00:00.000Z"
    return value.get("name")


_OWN_OF_ORTTO = {
    "FirstName": "str::first",
    "LastName": "str::last",
    "Phone": "phn::phone",
    "MailingCity": "geo::city",
    "MailingCountry": "geo::country",
}


def _phone_at_home(value: Mapping[str, str]) -> str:
    """Return a number of the tenant as its files write it, without the country code that was added."""
    number = value["n"]
    return f"({number[:3]}) {number[3:6]}-{number[6:]}" if value["c"] == "1" else f"+{value['c']}{number}"


TOLD_BY = {"autopilot": _told_by_autopilot, "ortto": _told_by_ortto}
"""Destination → how it tells the field of a contact."""


def _segment_and_list(entry: Any) -> tuple[str, str]:
    if isinstance(entry, str):
        return entry, entry
    return entry["name"], entry.get("list", entry["name"])


def _rows(model: Mapping[str, Any], table: str, folder: Path) -> Iterator[dict[str, str]]:
    entity = next(one for one in model["entities"] if one["name"] == table)
    names = [attribute["name"] for attribute in entity["attributes"]]
    for partition in entity["partitions"]:
        _, _, below = partition["location"].partition(f"/{folder.name}/")
        with (folder / below).open(encoding="utf-8", newline="") as file:
            for values in csv.reader(file):
                yield dict(zip(names, values, strict=True))


def _values(mapping: Mapping[str, Any], row: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what is sent of a row but its address; None where a value doesn't fit its field."""
    values: dict[str, Any] = {}
    standard = {name: attribute for name, attribute in mapping.items() if name not in ("Email", "custom")}
    for name, attribute in {**standard, **mapping.get("custom", {})}.items():
        text = row[attribute]
        if not text.strip():
            continue
        kind, _, rest = name.partition("--")
        if kind == "integer":
            if not re.fullmatch(r"-?\d+", text.strip()):
                return None
            values[rest.replace("--", " ")] = int(text)
        elif kind == "date":
            values[rest.replace("--", " ")] = f"{text}T00:00:00.000Z"
        else:
            values[rest.replace("--", " ") if rest else name] = text
    return values
