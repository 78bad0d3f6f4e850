"""The form of the secret that staging was written with (a line end was counted to it once); a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.tombstones import secrets_of_tombstones
from segment_exports.settings import bounds
from segment_exports.settings.names import LEDGER_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.records.staging import Store
    from segment_exports.settings.ledger_secret import LedgerSecret


def hasher_in_use(staging: Store, secret: LedgerSecret, exports: Sequence[str] | None = None) -> KeyedHasher:
    """Return the hasher of that form of a secret which tombstones or ledgers were written with.

    The secret itself where none was, so that another secret is told as that.

    :param exports: whose ledgers are looked at; those of all by default.
    :raises LedgerError: the secret is too short, or a ledger can't be read.
    """
    return KeyedHasher(_form_in_use(staging, secret, exports) or secret.text, secret.in_words)


def require_long_if_new(staging: Store, secret: LedgerSecret) -> None:
    """Refuse a short secret that nothing here was written with: it is a new one.

    :raises LedgerError: it is one, or a ledger can't be read.
    """
    if secret.is_short and _form_in_use(staging, secret, None) is None:
        raise LedgerError(
            f"{LEDGER_SECRET} is short ({secret.in_words}), and no ledger in {staging.path('')} was written "
            f"with it: a new one must have at least {bounds.SECRET_CHARACTERS}. Make one with `openssl rand "
            f"-hex 32`; or restore the one that the ledgers were written with"
        )


def _form_in_use(staging: Store, secret: LedgerSecret, exports: Sequence[str] | None) -> str | None:
    forms = {KeyedHasher.name_of(form): form for form in secret.forms}
    return next((forms[name] for name in _in_use(staging, exports) if name in forms), None)


def _in_use(staging: Store, exports: Sequence[str] | None) -> Iterator[str]:
    yield from secrets_of_tombstones(staging)
    names = staging.names() if exports is None else exports
    for name in (one for one in names if not one.startswith("_")):
        for ledger in newest_ledgers(staging.sub(name), name):
            if ledger.info is not None:
                yield ledger.info.secret_fingerprint
