"""The secret that the ledgers are hashed with: where it is found, and what is said where it is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.settings import bounds
from segment_exports.settings.names import (
    FORMER_LEDGER_SECRET,
    FORMER_LEDGER_SECRET_VARIABLE,
    LEDGER_SECRET,
    LEDGER_SECRET_VARIABLE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_LINE_ENDS = ("\n", "\r\n")
_BYTE_ORDER_MARK = "\ufeff"
_UNSEEN = f"{_BYTE_ORDER_MARK}\u200b\u2060"


@dataclass(frozen=True)
class LedgerSecret:
    """The secret as it was given.

    White space around it, such as a mounted file's line end or its byte order mark, is none of it.
    """

    given: str = field(repr=False)

    @property
    def text(self) -> str:
        """The secret."""
        return self.given.strip().strip(_UNSEEN).strip()

    @property
    def forms(self) -> tuple[str, ...]:
        """The secret, and all that it was taken for where a line end or a mark was counted to it."""
        ended = [self.text + end for end in _LINE_ENDS]
        marked = [_BYTE_ORDER_MARK + form for form in (self.text, *ended)]
        return tuple(dict.fromkeys((self.text, self.given, self.given.strip(), *ended, *marked)))

    @property
    def is_short(self) -> bool:
        """Whether it has fewer characters than a new one must have."""
        return len(self.text) < bounds.SECRET_CHARACTERS

    @property
    def in_words(self) -> str:
        """How it looks, without giving it away."""
        space = ", and white space around it, which is none of it" if self.given != self.text else ""
        return f"{len(self.text)} characters{space}"


def ledger_secret(look_up: Callable[[str], str | None]) -> LedgerSecret:
    """Return the secret that Airflow has, under its name or, where there is none, its former one.

    :param look_up: gives the value of one of Airflow's Variables, None where there is none.
    :raises LedgerError: it is missing or empty.
    """
    if secret := _found(look_up):
        return secret
    raise LedgerError(
        f"the Airflow Variable {LEDGER_SECRET} is missing: the ledger holds no address, only hashes under "
        f"this secret. Make one with `openssl rand -hex 32`, keep it for ever, and give it to Airflow as "
        f"the environment variable {LEDGER_SECRET_VARIABLE} or through its secrets backend"
    )


def told_of_ledger_secret(look_up: Callable[[str], str | None]) -> list[str]:
    """Return what a person should do about the secret: it has its former name, or is short.

    :param look_up: as for :func:`ledger_secret`.
    :raises LedgerError: it is set under both names, and they differ.
    """
    secret, former = _secret(look_up(LEDGER_SECRET)), _secret(look_up(FORMER_LEDGER_SECRET))
    if secret and former and secret.text != former.text:
        raise LedgerError(
            f"{LEDGER_SECRET} ({secret.in_words}) and {FORMER_LEDGER_SECRET}, its former name "
            f"({former.in_words}), are both set and differ. Give {LEDGER_SECRET} the one that the ledgers "
            f"were written with, and remove {FORMER_LEDGER_SECRET}"
        )
    told = []
    if former:
        first = "remove it" if secret else f"give its value to Airflow as {LEDGER_SECRET}, and remove it"
        told.append(
            f"the secret of the ledgers is set as {FORMER_LEDGER_SECRET}, its former name, which Airflow "
            f"does not mask: whoever may see its Variables sees it. {first[0].upper()}{first[1:]}"
        )
    present = secret or former
    if present and present.is_short:
        told.append(
            f"{LEDGER_SECRET} is short ({present.in_words}), so it may be guessed by whoever has a ledger; a "
            f"new one has {bounds.SECRET_CHARACTERS} at least. What was written with it goes on being read; "
            f"with another one everything has to be sent again"
        )
    return told


def look_up_given_to_airflow(environ: Mapping[str, str] = os.environ) -> Callable[[str], str | None]:
    """Return who looks up what an Airflow that is started here takes from the environment."""
    return lambda name: environ.get(f"AIRFLOW_VAR_{name}")


def ledger_secret_alone(secret: str) -> dict[str, str]:
    """Return the variables of an Airflow that has this secret, whatever the environment around it has."""
    return {LEDGER_SECRET_VARIABLE: secret, FORMER_LEDGER_SECRET_VARIABLE: ""}


def ledger_secret_given_to_airflow(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret that an Airflow started here takes from the environment; None if there is none."""
    secret = _found(look_up_given_to_airflow(environ))
    return secret.given if secret else None


def _found(look_up: Callable[[str], str | None]) -> LedgerSecret | None:
    return _secret(look_up(LEDGER_SECRET)) or _secret(look_up(FORMER_LEDGER_SECRET))


def _secret(given: str | None) -> LedgerSecret | None:
    secret = LedgerSecret(given or "")
    return secret if secret.text else None
