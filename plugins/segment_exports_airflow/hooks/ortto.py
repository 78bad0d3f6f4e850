"""Connection to an Ortto account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from segment_exports_airflow.hooks.destination import DestinationHook

if TYPE_CHECKING:
    from segment_exports.destinations.ortto.client import OrttoClient


class OrttoHook(DestinationHook):
    """A connection of type ``ortto``.

    A single call from a DAG of your own: ``OrttoHook().run("/tags/get", json={}).json()``. Refused ones count
    towards the ban of the machine's address, and these are not counted.

    :param ortto_conn_id: Airflow connection of the account.
    :param method: HTTP method of :meth:`run`; nearly every call is a POST.
    """

    conn_name_attr = "ortto_conn_id"
    default_conn_name = "ortto_default"
    conn_type = "ortto"
    hook_name = "Ortto"
    default_host = "https://api.ap3api.com/v1"

    def __init__(self, ortto_conn_id: str = default_conn_name, method: str = "POST", **kwargs: Any) -> None:
        super().__init__(ortto_conn_id, method, **kwargs)
        self.ortto_conn_id = ortto_conn_id

    def client(self) -> OrttoClient:
        """Return a client of the account. Raises as in every :class:`.DestinationHook`."""
        return cast("OrttoClient", super().client())
