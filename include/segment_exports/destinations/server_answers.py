"""What every destination's error answers have in common: how they are told, without a word about people."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_exports.errors import ServerWords
from segment_exports.settings import bounds
from segment_exports.sieve.sifting import sift

if TYPE_CHECKING:
    from collections.abc import Collection

_KNOWN_BY_HEART = (400, 401, 403, 404, 408, 409, 429)


def named_status(status: int) -> str:
    """Return a status, with its name where it is one that few know by heart."""
    if status in _KNOWN_BY_HEART or status >= 500:
        return str(status)
    known = {one.value: one.phrase for one in HTTPStatus}
    return f"{status} ({known[status]})" if status in known else str(status)


def refusal_told(
    label: str,
    status: int,
    message: str,
    instead: str | None,
    *,
    about_people: bool,
    names: Collection[str],
) -> tuple[str, ServerWords | None]:
    """Return the text of an error answer, and its words where they may quote somebody.

    :param message: what the API says in its own form; empty where it says nothing.
    :param instead: in our words what came instead of that form.
    :param about_people: then the words stand in no text.
    :param names: words of the API that are kept.
    """
    words = ServerWords(message) if about_people and message else None
    text = f"{label} was answered {named_status(status)}"
    if instead is not None:
        text += f": {instead}"
    if words is None and (
        kept := sift(message[: bounds.REASON_CHARACTERS], names=frozenset(names), of_service=True)
    ):
        text += f": {kept}"
    return text.removesuffix("."), words
