"""The subcommands of ``segment-exports``: those of the core, led to what this Airflow knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from segment_exports_airflow.accounts import open_account, told_of_account
from segment_exports_airflow.cli.this_airflow import is_joined
from segment_exports_airflow.source_access import open_source
from segment_exports_airflow.staging_root import staging_at, variable

if TYPE_CHECKING:
    from segment_exports.commands.checking.check_result import ToldOfRun
    from segment_exports.definition import ExportDefinition


def check(arguments: list[str]) -> int:
    """Hold export definitions against their sources."""
    from segment_exports.commands.checking import export_check

    return export_check.main(arguments, opener=open_source, told_of=_told_of, open_staging=staging_at)


def _told_of(export: ExportDefinition) -> ToldOfRun:
    """Return what is to be told of an export's account, and of the secret of its ledger.

    Nothing of what isn't here where Airflow's database can't be asked: it may be there.
    """
    from segment_exports.commands.checking.check_result import ToldOfRun
    from segment_exports.errors import DestinationError, LedgerError
    from segment_exports.settings.ledger_secret import ledger_secret, told_of_ledger_secret
    from segment_exports.settings.names import connection_variable

    account = export.destination.connection
    is_known = is_joined() or connection_variable(account) in os.environ
    problems, notes = list[str](), list[str]()
    try:
        notes += told_of_account(account, export.destination.type) if is_known else []
    except DestinationError as error:
        problems.append(str(error))
    try:
        if is_joined():
            ledger_secret(variable)
        notes += told_of_ledger_secret(variable)
    except LedgerError as error:
        problems.append(str(error))
    return ToldOfRun(tuple(problems), tuple(notes))


def segments(arguments: list[str]) -> int:
    """Show what a source has to export."""
    from segment_exports.commands import new_export

    return new_export.segments(arguments, opener=open_source)


def new_export(arguments: list[str]) -> int:
    """Write a first definition."""
    from segment_exports.commands import new_export

    return new_export.main(arguments, opener=open_source)


def look_up(arguments: list[str]) -> int:
    """Tell what is known of a person."""
    from segment_exports.commands.looking_up import look_up as in_this_staging

    return in_this_staging.main(arguments, open_staging=staging_at, look_up=variable)


def erase(arguments: list[str]) -> int:
    """Hold erased people back."""
    from segment_exports.commands.erasing import erasure

    return erasure.main(arguments, open_staging=staging_at, look_up=variable, open_account=open_account)


def move(arguments: list[str]) -> int:
    """Keep whoever may not be mailed by one account from being mailed by another."""
    from segment_exports.commands.moving import command

    return command.main(arguments, open_staging=staging_at, look_up=variable, open_account=open_account)


def purge(arguments: list[str]) -> int:
    """Purge the files of old runs."""
    from segment_exports.commands import purge as of_all_exports

    return of_all_exports.main(arguments, open_staging=staging_at)
