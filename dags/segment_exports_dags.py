"""The DAGs of all exports: ``include/exports/newsletter.yaml`` becomes ``export_newsletter``.

All that an Airflow needs beside the installed package. The two words airflow and dag have to stand here:
Airflow looks into no other file.
"""

from __future__ import annotations

from segment_exports_airflow.dags import export_dags

globals().update(export_dags())
