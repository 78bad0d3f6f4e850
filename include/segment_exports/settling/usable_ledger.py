"""Which ledger counts: not one that is older than what was settled, or of another secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import LedgerError
from segment_exports.records.ledger import Ledger, LedgerFolder
from segment_exports.records.notes.losses import Loss, open_losses
from segment_exports.settings.names import LEDGER_SECRET
from segment_exports.settling.history import operations_after

if TYPE_CHECKING:
    from segment_exports.records.keyed_hash import KeyedHasher
    from segment_exports.records.plan import RunOptions
    from segment_exports.records.staging import Store

_MAKE_ANEW = (
    "trigger a run of all segments, without a sample, with full_resync, which sends every contact again, and "
    "with reconcile, which takes off the lists who gives no permission: without that, who withdrew meanwhile "
    "would stay on them"
)


def usable_ledger(
    export: Store, name: str, account: str, hasher: KeyedHasher, options: RunOptions
) -> tuple[Ledger, Loss | None]:
    """Return the ledger of an export that counts, and the loss where it is made anew or was an older one.

    :param name: of the export.
    :param account: id of the destination's connection.
    :raises LedgerError: nobody confirmed that.
    """
    folder = LedgerFolder(export, name, account)
    if folder.is_lost() and not options.makes_anew:
        raise LedgerError(
            f"the ledger of export {name} for {account} is lost: an earlier run wrote one below "
            f"{export.root}/ledger and none is there. Restore it, or {_MAKE_ANEW}"
        )
    ledger, loss = folder.latest(), Loss.of_ledger(account)
    if ledger.info is None:
        return ledger, loss if options.makes_anew else None
    if ledger.info.secret_fingerprint != hasher.fingerprint:
        if not options.full_resync:
            raise LedgerError(
                f"the ledger of export {name} was written with another {LEDGER_SECRET} than the present "
                f"one ({hasher.in_words}). Restore that key; or start a new ledger: {_MAKE_ANEW}"
            )
        return Ledger(ledger.store, None, None), loss
    newer = _settled_since(export, account, ledger)
    if newer is None:
        return ledger, None
    if not options.makes_anew:
        raise LedgerError(
            f"{ledger.store.path(ledger.name or '')} is not the newest ledger of export {name} for "
            f"{account}: run {newer} was settled after it, and its files are purged. Was an older ledger "
            f"restored, or the newest one removed? Restore the newest, or {_MAKE_ANEW}"
        )
    return ledger, loss


def _settled_since(export: Store, account: str, ledger: Ledger) -> str | None:
    """Return a run that wrote a newer ledger than the newest that is there.

    One whose files are lost before it was settled is told by itself.
    """
    lost = {one.name for one in open_losses(export, account)}
    runs = operations_after(export, account, ledger.sequence)
    return next((run_id for run_id in runs if Loss.of_run(run_id).name not in lost), None)
