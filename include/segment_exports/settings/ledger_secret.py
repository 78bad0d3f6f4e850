"""The secret that the ledgers are hashed with: where it is found, and what is said where it is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.settings.names import LEDGER_SECRET, LEDGER_SECRET_VARIABLE

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
    def in_words(self) -> str:
        """How it looks, without giving it away."""
        space = ", and white space around it, which is none of it" if self.given != self.text else ""
        return f"{len(self.text)} characters{space}"


def ledger_secret(look_up: Callable[[str], str | None]) -> LedgerSecret:
    """Return the secret that Airflow has.

    :param look_up: gives the value of one of Airflow's Variables, None where there is none.
    :raises LedgerError: it is missing or empty.
    """
    if secret := _secret(look_up(LEDGER_SECRET)):
        return secret
    raise LedgerError(
        f"the Airflow Variable {LEDGER_SECRET} is missing: the ledger holds no address, only hashes under "
        f"this secret. Make one with `openssl rand -hex 32`, keep it for ever, and give it to Airflow as "
        f"the environment variable {LEDGER_SECRET_VARIABLE} or through its secrets backend"
    )


def ledger_secret_without_airflow(environ: Mapping[str, str] = os.environ) -> LedgerSecret:
    """Return the secret for a command line, which can't ask Airflow for its Variable.

    :raises LedgerError: neither variable of the environment holds it.
    """
    if secret := _secret(environ.get(LEDGER_SECRET)) or _secret(environ.get(LEDGER_SECRET_VARIABLE)):
        return secret
    raise LedgerError(f"set {LEDGER_SECRET} to the secret that the ledgers are hashed with")


def ledger_secret_given_to_airflow(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret that an Airflow started here takes from the environment; None if there is none."""
    secret = _secret(environ.get(LEDGER_SECRET_VARIABLE))
    return secret.given if secret else None


def _secret(given: str | None) -> LedgerSecret | None:
    secret = LedgerSecret(given or "")
    return secret if secret.text else None
