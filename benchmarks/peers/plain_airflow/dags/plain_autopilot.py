"""The DAG that most would write for this job: read the CSV, cut it into hundreds, map HttpOperator.

One request is one task; the bodies travel through XCom; retries are the operator's. It has no diff,
no receipts and no account of who was refused. 100,000 contacts are 1,000 mapped tasks, just within
Airflow's ``max_map_length`` of 1,024.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import Param, dag, task

FIELDS = {
    "EMail": "Email",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "CompanyName": "Company",
    "JobTitle": "Title",
    "Telephone": "Phone",
    "City": "MailingCity",
    "StateOrProvince": "MailingState",
    "PostalCode": "MailingPostalCode",
    "CountryOrRegion": "MailingCountry",
}
BATCH = 100


@dag(schedule=None, params={"folder": Param("", type="string")}, tags=["bench"])
def plain_autopilot():
    @task
    def cut(params: dict[str, str]) -> list[str]:
        import pandas as pd

        files = sorted(Path(params["folder"]).glob("*.csv"))
        profiles = pd.concat(pd.read_csv(file, dtype=str, usecols=list(FIELDS)) for file in files)
        contacts = profiles.rename(columns=FIELDS).to_dict("records")
        return [json.dumps({"contacts": contacts[at : at + BATCH]}) for at in range(0, len(contacts), BATCH)]

    HttpOperator.partial(
        task_id="upload",
        http_conn_id="autopilot_http",
        endpoint="v1/contacts",
        method="POST",
        headers={"Content-Type": "application/json"},
        retries=3,
        retry_delay=timedelta(seconds=5),
    ).expand(data=cut())


plain_autopilot()
