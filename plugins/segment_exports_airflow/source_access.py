"""Opens the source of an export with the credentials of its Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.definition import ApiSource, DataverseSource, LakeSource
from segment_exports.errors import SourceError, StagingError
from segment_exports_airflow.staging_root import staging_root

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition
    from segment_exports.records.staging import Store
    from segment_exports.sources import Source
    from segment_exports.sources.web.patience import Patience


def open_source(definition: ExportDefinition, patience: Patience | None = None) -> Source:
    """Return the source that a definition reads from.

    :param patience: with a service's troubles, instead of the long one that reading has; a lake has none.
    :raises SourceError: its connection is missing, malformed or of another type, or its file system isn't
        installed.
    """
    from segment_exports.sources.web.http_reading import AsksService

    source = _opened(definition)
    if patience is not None and isinstance(source, AsksService):
        source.reader.patience = patience
    return source


def _opened(definition: ExportDefinition) -> Source:
    export = staging_root().sub(definition.name)
    match definition.source:
        case LakeSource() as lake:
            return _open_lake(lake, export)
        case DataverseSource() as dataverse:
            from segment_exports_airflow.hooks.dataverse import DataverseHook

            return DataverseHook(dataverse.connection).source(dataverse, export)
        case ApiSource() as api:
            from segment_exports_airflow.hooks.customer_insights import CustomerInsightsHook

            return CustomerInsightsHook(api.connection).source(api, export)


def _open_lake(lake: LakeSource, export: Store) -> Source:
    from fsspec.implementations.local import LocalFileSystem

    from segment_exports.sources.opening import lake_location, open_lake
    from segment_exports_airflow.staging_root import object_store

    if not lake.is_url:
        return open_lake(lake, LocalFileSystem(), lake_location(lake), export)
    try:
        store = object_store(lake_location(lake), lake.connection, "source.path")
    except StagingError as error:
        raise SourceError(str(error)) from error
    return open_lake(lake, store.fs, store.root, export)
