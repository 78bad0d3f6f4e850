"""Connection to the REST API of a Customer Insights instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from segment_exports.errors import SourceError
from segment_exports_airflow.connections import connection_of, fields_of, url_of
from segment_exports_airflow.hooks.answers import answer_of, asked_briefly
from segment_exports_airflow.hooks.app_registration import app_registration, named_in_errors

if TYPE_CHECKING:
    from segment_exports.definition import ApiSource as ApiSettingsOfDefinition
    from segment_exports.records.staging import Store
    from segment_exports.sources.ci_api.source import CiApiSource


class CustomerInsightsHook(BaseHook):
    """Resolves a connection of type ``customer_insights``; the source itself is part of the core.

    :param connection_id: Airflow connection: host is the API's address, login the client id, password
        the client secret, extra holds tenant, instance_id, subscription_api_key, scope and
        authority.
    """

    conn_name_attr = "connection_id"
    default_conn_name = "customer_insights_default"
    conn_type = "customer_insights"
    hook_name = "Customer Insights API"

    def __init__(self, connection_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    def source(
        self, settings: ApiSettingsOfDefinition | None = None, export: Store | None = None
    ) -> CiApiSource:
        """Return the source of this instance.

        :param export: where the export keeps its files: which column each attribute was is remembered there.
        :raises SourceError: there is no such connection, it is of another type, or a field is missing or
            malformed.
        """
        from segment_exports.sources.ci_api.source import CiApiSettings, CiApiSource
        from segment_exports.sources.seen_columns import SeenColumns
        from segment_exports.sources.web.connections import CI_API_SCOPE, CI_API_URL, CiApiConnection

        connection = connection_of(
            self.connection_id, conn_type=self.conn_type, name=self.hook_name, refusal=SourceError
        )
        given = fields_of(connection, SourceError)
        key = given.text("subscription_api_key")
        mask_secret(key)
        with named_in_errors(connection):
            reached = CiApiConnection(
                app=app_registration(connection, given),
                instance_id=given.text("instance_id"),
                subscription_key=key,
                base_url=url_of(connection, SourceError) or CI_API_URL,
                scope=given.text("scope") or CI_API_SCOPE,
                allow_clear_text=given.switch("allow_clear_text", default=False),
            )
        return CiApiSource(
            reached, CiApiSettings.of(settings) if settings else None, seen=SeenColumns(export)
        )

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the instance answers, and if not what to do."""
        return answer_of(lambda: asked_briefly(self.source()).check())
