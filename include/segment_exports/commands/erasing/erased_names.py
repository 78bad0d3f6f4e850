"""Whom a person names: addresses and ids, one a line, in the forms under which they may be known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_exports.errors import StagingError
from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def normalised(emails: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Give each address as mapping would hash it, with its place.

    :raises StagingError: one is none.
    """
    for place, text in enumerate(emails, start=1):
        if not text.strip():
            continue
        judged = judge_email(text)
        if isinstance(judged, EmailRefusal):
            raise StagingError(
                f"address {place} of {len(emails)} is none ({judged.value}); nobody was erased"
            )
        yield place, judged
