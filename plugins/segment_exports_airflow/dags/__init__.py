"""The DAGs of all exports, for a DAG file of two lines.

    from segment_exports_airflow.dags import export_dags

    globals().update(export_dags())

export_dag  the graph of an export, and of a broken definition
dag_ids     the ids of DAGs
dag_docs    the page of a DAG
"""

from __future__ import annotations

from segment_exports_airflow.dags.export_dag import export_dags

__all__ = ["export_dags"]
