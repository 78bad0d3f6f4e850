"""Dataverse, Customer Insights' REST API and Entra's token endpoint, with a generated tenant behind them.

No recording of these services is public. What is here is **constructed from the documented shapes**
(Microsoft's client library 1.0.8, its pages on OData and on Dataverse's Web API); what those leave
open is a switch in :class:`Switches`.
"""

from __future__ import annotations

from segment_emulators.customer_insights.state import (
    CustomerInsights,
    Faults,
    ListShape,
    NextPage,
    Switches,
)

__all__ = ["CustomerInsights", "Faults", "ListShape", "NextPage", "Switches"]
