"""What Airflow's button *Test* answers: whether a connection can be used, and if not, why and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import (
    CredentialsRefusedError,
    DestinationUnreachableError,
    WrongRegionError,
    own_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_FORBIDDEN = 403


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


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
