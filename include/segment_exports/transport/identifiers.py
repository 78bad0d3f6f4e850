"""Ids that a server gives: what one looks like before it is kept, put into a path or named in a message.

In a destination's paths an id and an address stand for each other, and a cache or a gateway may answer
anything. An address that passed for an id would be kept in ledger, receipts and messages, which hold none; an
id with a slash or of dots alone would name another path.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeGuard

from segment_exports.errors import OutcomeUnknownError
from segment_exports.settings import bounds
from segment_exports.transport.json_answers import mapping

_SHAPE = re.compile(rf"(?!\.+\Z)[A-Za-z0-9_.:;,+=~!$&()*\[\]{{}}^-]{{1,{bounds.IDENTIFIER_CHARACTERS}}}")
_NAMED_BY = 16


def is_identifier(value: object) -> TypeGuard[str]:
    """Tell whether a value may be an id.

    It is text of 1 to 100 printable ASCII characters, not of dots alone, without blanks and ``@``, and
    without what has a meaning in a path (slashes, ``? # %``) or in a text (quotes, angle brackets, bars).
    """
    return isinstance(value, str) and _SHAPE.fullmatch(value) is not None


def identifier(value: Any, name: str, label: str) -> str:
    """Return a member of a JSON object that must be an id.

    :raises OutcomeUnknownError: it is missing, or can't be one; the text doesn't repeat it.
    """
    found = mapping(value, label).get(name)
    if not is_identifier(found):
        raise unusable(label, name)
    return found


def unusable(label: str, name: str) -> OutcomeUnknownError:
    """Return the error of an answer with something that can't be an id: it may have been carried out."""
    return OutcomeUnknownError(f"{label} was answered 200 without a usable {name!r}", status=200)


def harmless_identifier(value: object) -> str:
    """Return an id for a message or a comparison; of what can't be one a hash, which tells it from others."""
    if is_identifier(value):
        return value
    return f"hash {hashlib.sha256(repr(value).encode()).hexdigest()[:_NAMED_BY]}"
