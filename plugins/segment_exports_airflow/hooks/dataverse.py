"""Connection to a Dataverse environment that Customer Insights writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from segment_exports.errors import SourceError
from segment_exports_airflow.connections import connection_of, fields_of, url_of
from segment_exports_airflow.hooks.answers import answer_of, asked_briefly
from segment_exports_airflow.hooks.app_registration import app_registration, named_in_errors

if TYPE_CHECKING:
    from segment_exports.definition import DataverseSource as DataverseSettingsOfDefinition
    from segment_exports.records.staging import Store
    from segment_exports.sources.dataverse.source import DataverseSource


class DataverseHook(BaseHook):
    """Resolves a connection of type ``dataverse``; the source itself is part of the core.

    :param connection_id: Airflow connection: host is the environment's URL, login the client id,
        password the client secret, extra holds tenant, scope and authority.
    """

    conn_name_attr = "connection_id"
    default_conn_name = "dataverse_default"
    conn_type = "dataverse"
    hook_name = "Dataverse (Customer Insights)"

    def __init__(self, connection_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    def source(
        self, settings: DataverseSettingsOfDefinition | None = None, export: Store | None = None
    ) -> DataverseSource:
        """Return the source of this environment.

        :param export: where the export keeps its files: which column each attribute was is remembered there.
        :raises SourceError: there is no such connection, it is of another type, or a field is missing or
            malformed.
        """
        from segment_exports.sources.dataverse.settings import DataverseSettings
        from segment_exports.sources.dataverse.source import DataverseSource
        from segment_exports.sources.seen_columns import SeenColumns
        from segment_exports.sources.web.connections import DataverseConnection

        connection = connection_of(
            self.connection_id, conn_type=self.conn_type, name=self.hook_name, refusal=SourceError
        )
        given = fields_of(connection, SourceError)
        with named_in_errors(connection):
            reached = DataverseConnection(
                app=app_registration(connection, given),
                environment_url=url_of(connection, SourceError),
                scope=given.text("scope"),
                allow_clear_text=given.switch("allow_clear_text", default=False),
            )
        return DataverseSource(
            reached, DataverseSettings.of(settings) if settings else None, seen=SeenColumns(export)
        )

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether both tables can be read, and if not what to do."""
        return answer_of(lambda: asked_briefly(self.source()).check())
