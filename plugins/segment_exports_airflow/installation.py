"""Whether Airflow can know this package: as one that is installed, not only files on its path."""

from __future__ import annotations

from importlib.metadata import entry_points

from segment_exports.errors import SettingsError
from segment_exports.sieve.foreign import error_told

_GROUP, _NAME = "airflow.plugins", "segment_exports"


def require_plugin(pool: str) -> None:
    """Make sure that what makes a pool is found by Airflow, here and so wherever the same is installed.

    :param pool: of the uploads; without it they would wait for ever.
    :raises SettingsError: it isn't installed, or can't be loaded.
    """
    found = tuple(entry_points(group=_GROUP, name=_NAME))
    waits = f"so nothing makes the pool {pool}, and uploads would wait for it for ever"
    if not found:
        raise SettingsError(
            f"the package segment-exports isn't installed here, only its files are on Python's path, and "
            f"Airflow doesn't find its plugin: {waits}. Install it with pip where Airflow's scheduler, DAG "
            f"processor and workers run"
        )
    try:
        found[0].load()
    except Exception as error:  # noqa: BLE001 - whatever a module raises when it is imported
        raise SettingsError(
            f"Airflow can't load the plugin of segment-exports ({error_told(error)}), {waits}. `airflow "
            f"plugins` says what is wrong; is this a version of Airflow that the package is made for?"
        ) from None
