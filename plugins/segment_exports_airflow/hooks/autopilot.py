"""Connection to an Autopilot account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from segment_exports_airflow.hooks.destination import DestinationHook

if TYPE_CHECKING:
    from segment_exports.destinations.autopilot.client import AutopilotClient


class AutopilotHook(DestinationHook):
    """A connection of type ``autopilot``.

    A single call from a DAG of your own: ``AutopilotHook(method="GET").run("/lists").json()``.

    :param autopilot_conn_id: Airflow connection of the account.
    :param method: HTTP method of :meth:`run`.
    """

    conn_name_attr = "autopilot_conn_id"
    default_conn_name = "autopilot_default"
    conn_type = "autopilot"
    hook_name = "Autopilot"
    default_host = "https://api2.autopilothq.com/v1"

    def __init__(
        self, autopilot_conn_id: str = default_conn_name, method: str = "POST", **kwargs: Any
    ) -> None:
        super().__init__(autopilot_conn_id, method, **kwargs)
        self.autopilot_conn_id = autopilot_conn_id

    def client(self) -> AutopilotClient:
        """Return a client of the account. Raises as in every :class:`.DestinationHook`."""
        return cast("AutopilotClient", super().client())
