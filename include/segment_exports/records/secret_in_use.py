"""The secret that staging was written with: its form (a line end was counted to it once), a new, another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.lease import holder
from segment_exports.records.ledger import newest_ledgers
from segment_exports.records.plan import planned
from segment_exports.records.staging import RunFiles
from segment_exports.records.tombstones import other_tombstones, secrets_of_tombstones
from segment_exports.settings import bounds
from segment_exports.settings.names import LEDGER_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_exports.records.ledger import Ledger
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


def ledgers_in_use(staging: Store) -> dict[str, list[Ledger]]:
    """Return the ledgers that count, by export."""
    names = (name for name in staging.names() if not name.startswith("_"))
    return {name: newest_ledgers(staging.sub(name), name) for name in names}


def written_under_another(
    staging: Store, hasher: KeyedHasher, ledgers: Mapping[str, Sequence[Ledger]]
) -> list[str]:
    """Tell what was written under another secret: nobody in it is found under this one.

    A run under way is asked too: at the first delivery there is no ledger before it ends.
    """
    found = [f"the tombstones {folder}" for folder in other_tombstones(staging, hasher)]
    for export, newest in ledgers.items():
        found += [
            f"the ledger {ledger.store.path(ledger.name or '')} of export {export}"
            for ledger in newest
            if ledger.info is not None and ledger.info.secret_fingerprint != hasher.fingerprint
        ]
        if _secret_under_way(staging.sub(export)) not in (None, hasher.fingerprint):
            found.append(f"the run under way of export {export}")
    return found


def _secret_under_way(export: Store) -> str | None:
    lease = holder(export)
    run = lease and RunFiles(export, lease.run_id).store
    return planned(run).secret_fingerprint if run and run.exists(RunFiles.PLAN) else None


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
