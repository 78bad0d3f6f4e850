"""Codes, ids, kinds of content and waits of a server: told where they have the shape of one.

Whoever quotes what was sent may do it there too, so a shape that a person's data or a key can have is none.
"""

from __future__ import annotations

import re

from segment_exports.sieve.harmless_words import ALSO_NAMES, JOINING, OF_SERVICES, TELLING
from segment_exports.sieve.secrets_in_use import without_secrets

NO_CODE = "no code"
UNTOLD_CODE = "a code that is not repeated here"

_LONGEST_CODE = 64
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_HRESULT = re.compile(r"0x[0-9A-Fa-f]{1,8}")
_AADSTS = re.compile(r"AADSTS[0-9]{4,8}")
_OF_GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GUID = re.compile(_OF_GUID, re.IGNORECASE)
_ID = re.compile(rf"(?:(?:job|full|run|task)[_-]|[a-z])?(?:[0-9]{{1,9}}|{_OF_GUID})", re.IGNORECASE)
_SMALL = 100_000
_FAILED_HRESULTS = range(-(1 << 31), -(1 << 31) + (1 << 28))
"""As signed numbers; Dataverse tells -2147220969 for 0x80040217."""
_COMMON = (
    "text/html text/plain text/xml text/csv application/json application/problem+json application/xml "
    "application/xhtml+xml application/octet-stream multipart/mixed"
)
_KINDS = frozenset(_COMMON.split())
_LONG_WAIT = 86_400


def code_told(code: object) -> str:
    """Return an error's code: a small number, an HRESULT, one of Entra's, or a word made of harmless ones."""
    if isinstance(code, bool) or code in (None, ""):
        return NO_CODE
    if isinstance(code, int):
        return str(code) if abs(code) < _SMALL or code in _FAILED_HRESULTS else UNTOLD_CODE
    if not isinstance(code, str) or len(code) > _LONGEST_CODE or without_secrets(code) != code:
        return UNTOLD_CODE
    if _HRESULT.fullmatch(code) or _AADSTS.fullmatch(code):
        return code
    if re.fullmatch("-?[0-9]{1,10}", code):
        return code_told(int(code))
    return code if _WORD.fullmatch(code) and is_of_harmless_words(code) else UNTOLD_CODE


def is_of_harmless_words(code: str) -> bool:
    """Tell whether a code such as ``InvalidArgument`` or ``email_too_long`` holds listed words alone."""
    parts = [part.lower() for part in _PARTS.findall(code)]
    digits = sum(map(str.isdigit, code))
    is_listed = bool(parts) and frozenset(parts) <= JOINING | TELLING | OF_SERVICES
    return is_listed and digits <= 3 and not (len(parts) == 1 and parts[0] in ALSO_NAMES)


def id_told(found: object) -> str:
    """Return an id of a job or request: a number or GUID, a word before it or not; else what it isn't."""
    is_one = isinstance(found, str) and _ID.fullmatch(found) and without_secrets(found) == found
    return str(found) if is_one else "whose id is not repeated here"


def request_id_told(found: object) -> str:
    """Return `` (request id …)`` for a message, where a service names its request by a GUID; else ""."""
    is_one = isinstance(found, str) and _GUID.fullmatch(found) and without_secrets(found) == found
    return f" (request id {found})" if is_one else ""


def kind_told(content_type: str | None) -> str:
    """Return what a ``Content-Type`` says, where it is a common kind."""
    if not content_type:
        return "no content type"
    kind = content_type.split(";")[0].strip().lower()
    return kind if kind in _KINDS else "another content type"


def wait_told(seconds: float) -> str:
    """Return the seconds that a server asks to wait; a number of many digits may be another's."""
    return f"{seconds:,.0f} s" if seconds <= _LONG_WAIT else "more than a day"
