"""Whom a person names: addresses and ids, one a line, in the forms under which they may be known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.errors import StagingError
from segment_exports.mapping.email_address import judge_emails
from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.records.keyed_hash import KeyedHasher

_AROUND_AN_ID = "\"'{}()<>,;\u200b\ufeff \t"
"""What lists and other systems put around an id."""


def lines_of(file: str | None) -> list[str]:
    """Return the lines of a file, or of standard input (``-``); none where there is no file.

    :raises StagingError: it can't be read, is no UTF-8 text, or too long.
    """
    if file is None:
        return []
    try:
        text = _typed() if file == "-" else read_foreign(file, bounds.ERASED_BYTES).decode()
    except ForeignFileError as error:
        raise StagingError(f"{file} {error}") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # or UTF-16 without a mark, which is UTF-8 too: nobody has such an address or id
        raise StagingError(f"{file} can't be read as UTF-8 text; save it as UTF-8")
    return text.removeprefix("\ufeff").splitlines()  # a byte order mark, as Windows' editors write it


def _typed() -> str:
    """Return standard input."""
    text = sys.stdin.read(bounds.ERASED_BYTES + 1)
    if len(text) > bounds.ERASED_BYTES:
        raise StagingError(
            f"standard input has more than {bounds.ERASED_BYTES:,} characters; give it in parts"
        )
    return text


def forms_of(customer_id: str) -> list[str]:
    """Give an id as it is written and without quotes or braces around, each in small letters and capitals.

    It is one id to who wrote it, and a form that nobody has holds nobody back.
    """
    written = {customer_id, customer_id.strip(_AROUND_AN_ID) or customer_id}
    return sorted({form for one in written for form in (one, one.lower(), one.upper())})


def normalised(emails: Sequence[str], *, undone: str) -> Iterator[tuple[int, str]]:
    """Give each address as mapping would hash it, with its place.

    :param undone: what was not done, for the message.
    :raises StagingError: one is none.
    """
    judged = judge_emails(pa.array(emails, pa.string()))
    told = zip(emails, judged.emails.to_pylist(), judged.refusals.to_pylist(), strict=True)
    for place, (text, address, refusal) in enumerate(told, start=1):
        if not text.strip():
            continue
        if address is None:
            why = refusal.replace("_", " ")
            raise StagingError(
                f"address {place} of {len(emails)} is none ({why}); {undone}. No run sends to it: name the "
                f"address that its person has, and the CustomerId where that is known"
            )
        yield place, address


def hashes_of(
    emails: Sequence[str], customer_ids: Sequence[str], hasher: KeyedHasher, *, undone: str
) -> tuple[dict[int, str], dict[int, tuple[bytes, ...]], dict[int, tuple[bytes, ...]]]:
    """Return by their places the addresses, the keyed hash of each, and those of all forms of each id.

    :param undone: what was not done, for the message.
    :raises StagingError: an address is none, or nobody is named.
    """
    texts = dict(normalised(emails, undone=undone))
    addresses: dict[int, tuple[bytes, ...]] = {place: (hasher.text(text),) for place, text in texts.items()}
    ids = {
        place: tuple(hasher.text(form) for form in forms_of(text.strip()))
        for place, text in enumerate(customer_ids, start=1)
        if text.strip()
    }
    if not (addresses or ids):
        raise StagingError(f"{undone}: no line names anybody. See why the list is empty")
    return texts, addresses, ids
