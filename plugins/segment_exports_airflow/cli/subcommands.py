"""The subcommands of ``segment-exports``: those of the core, led to what this Airflow knows."""

from __future__ import annotations

from segment_exports_airflow.accounts import open_account
from segment_exports_airflow.source_access import open_source


def check(arguments: list[str]) -> int:
    """Hold export definitions against their sources."""
    from segment_exports.commands.checking import export_check

    return export_check.main(arguments, opener=open_source)


def segments(arguments: list[str]) -> int:
    """Show what a source has to export."""
    from segment_exports.commands import new_export

    return new_export.segments(arguments, opener=open_source)


def new_export(arguments: list[str]) -> int:
    """Write a first definition."""
    from segment_exports.commands import new_export

    return new_export.main(arguments, opener=open_source)


def erase(arguments: list[str]) -> int:
    """Hold erased people back."""
    from segment_exports.commands.erasing import erasure

    return erasure.main(arguments, open_account=open_account)


def move(arguments: list[str]) -> int:
    """Keep whoever may not be mailed by one account from being mailed by another."""
    from segment_exports.commands.moving import command

    return command.main(arguments, open_account=open_account)


def purge(arguments: list[str]) -> int:
    """Purge the files of old runs."""
    from segment_exports.commands import purge as of_all_exports

    return of_all_exports.main(arguments)
