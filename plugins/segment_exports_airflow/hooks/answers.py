"""What Airflow's button *Test* answers: whether a connection can be used, and if not, why and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationUnreachableError,
    WrongRegionError,
    own_words,
)
from segment_exports.transport.retrying import RetrySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.sources.web.http_reading import AsksService

S = TypeVar("S", bound="AsksService")

_FORBIDDEN = 403
BRIEF = RetrySettings(max_attempts=2, throttle_patience=10.0)
"""How a destination is asked while a person waits: a delivery has a quarter of an hour for its rate."""


def answer_of(check: Callable[[], str]) -> tuple[bool, str]:
    """Return whether a check finds all well, and what it found, as a sentence."""
    try:
        return True, _sentence(check())
    except WrongRegionError as error:
        return False, f"Wrong region: {error}"
    except CredentialsRefusedError as error:
        why = "Closed to this key" if error.status == _FORBIDDEN else "Wrong key"
        return False, f"{why}: {error}"
    except DestinationUnreachableError as error:
        return False, f"Unreachable: {error}"
    except Exception as error:  # noqa: BLE001 - Airflow would show its words
        return False, _sentence(str(own_words(error)))


def asked_briefly(source: S) -> S:
    """Return a source that is asked with the patience of a person who waits, not with that of a reading."""
    from segment_exports.sources.web.patience import Patience

    source.reader.patience = Patience(tries=2, throttled_seconds=10.0, timeout=30.0)
    return source


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
