"""What ``make up`` opens: the caller's own exports where the environment speaks of them, else the demo."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from airflow_home import ROOT
from segment_exports.definition import LakeSource, definitions_folder, delivered_in, load_definitions
from segment_exports.errors import SegmentExportError, SourceError
from segment_exports.records.staging import Store
from segment_exports.settings.environment import read_settings
from segment_exports.settings.ledger_secret import ledger_secret_given_to_airflow
from segment_exports.settings.names import DEFINITIONS, LEDGER_SECRET_VARIABLE, STAGING, connection_variable
from segment_exports.sources.opening import lake_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.definition import ExportDefinition, LoadedDefinition

CONNECTION = "AIRFLOW_CONN_AUTOPILOT_DEFAULT"
OWN_FOLDER = ROOT / ".airflow"
_TO_ACCOUNTS = ("AIRFLOW_CONN_AUTOPILOT", "AIRFLOW_CONN_ORTTO")


def why_own(environment: Mapping[str, str], loaded: Iterable[LoadedDefinition]) -> str | None:
    """Return why the caller's own exports are meant, in the words of a message; None for the demo.

    :param loaded: the definitions; the variable of any connection that they use is a reason.
    """
    if read_settings(DEFINITIONS, environ=environment).definitions:
        return f"{DEFINITIONS} is set"
    of_definitions = {connection_variable(one) for each in _usable(loaded) for one in _connections(each)}
    for name in sorted(environment):
        if (name.startswith(_TO_ACCOUNTS) or name in of_definitions) and environment[name]:
            return f"{name} is set"
    return None


def what_is_opened(environment: Mapping[str, str], loaded: Iterable[LoadedDefinition]) -> str:
    """Return lines that tell the caller's exports, those that are broken, and where accounts come from."""
    loaded = list(loaded)
    good = [one.name for one in _usable(loaded)]
    broken = [one.stem for one in loaded if one.definition is None]
    accounts = sorted({one.destination.connection for one in _usable(loaded)})
    unset = [name for name in accounts if not environment.get(connection_variable(name))]
    lines = [f"   {definitions_folder()}: {', '.join(good) or 'no export'}"]
    lines += [f"   Broken, so that they do nothing (make check says why): {', '.join(broken)}"] * bool(broken)
    if unset:
        lines.append(
            f"   Not in the environment, so taken from Airflow's UI, Admin > Connections: {', '.join(unset)}"
        )
    return "\n".join(lines)


def own_definitions() -> tuple[LoadedDefinition, ...]:
    """Return the definitions of the folder that is set.

    :raises DefinitionError: the folder isn't there.
    """
    return load_definitions(definitions_folder(), delivered_in(_own_store))


def own_settings() -> dict[str, str]:
    """Return the variables of an Airflow with the caller's exports: all paused, state in ``.airflow``.

    The secret of the ledgers is among them where it was made here. One that the caller's environment gives is
    passed on with it, and written down nowhere.
    """
    OWN_FOLDER.mkdir(exist_ok=True)
    settings = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True", STAGING: own_staging()}
    if not ledger_secret_given_to_airflow():
        settings[LEDGER_SECRET_VARIABLE] = _kept_ledger_key()
    return settings


def nothing_is_set(environment: Mapping[str, str]) -> bool:
    """Tell whether all is as in a fresh clone: neither an account nor the data of any definition is there."""
    try:
        if why_own(environment, own_definitions()) or (OWN_FOLDER / "airflow" / "airflow.db").exists():
            return False
        return not any(map(_may_have_data, own_definitions()))
    except SegmentExportError:
        return False


def _may_have_data(loaded: LoadedDefinition) -> bool:
    if loaded.definition is None or not isinstance(loaded.definition.source, LakeSource):
        return True
    try:
        return bool(lake_location(loaded.definition.source))
    except SourceError:
        return False


def own_staging() -> str:
    """Return the staging root: the one that is set, else that of ``make up``."""
    return read_settings(STAGING).staging or str(OWN_FOLDER / "staging")


def _own_store() -> Store:
    place = own_staging()
    return Store.at(place) if "://" in place else Store.local(place)


def own_settings_of_commands() -> dict[str, str]:
    """Return the variables of a command that looks at the caller's exports; nothing is made by it."""
    file = OWN_FOLDER / "ledger.key"
    kept = file.read_text().strip() if file.exists() else None
    secret = ledger_secret_given_to_airflow() or kept
    return {STAGING: own_staging()} | ({LEDGER_SECRET_VARIABLE: secret} if secret else {})


def _kept_ledger_key() -> str:
    """Return the secret that is made once and kept beside the ledger."""
    file = OWN_FOLDER / "ledger.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
        print(f"   Made a secret for the ledger: {file.relative_to(ROOT)}. Keep it.")
    return file.read_text().strip()


def _usable(loaded: Iterable[LoadedDefinition]) -> Iterator[ExportDefinition]:
    return (one.definition for one in loaded if one.definition is not None)


def _connections(definition: ExportDefinition) -> Iterator[str]:
    yield definition.destination.connection
    if definition.source.connection is not None:
        yield definition.source.connection
