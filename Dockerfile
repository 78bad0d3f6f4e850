# The image of docker-compose.yaml: the locked requirements and this project, on Debian's Python.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --home-dir /opt/airflow --uid 50000 --shell /bin/bash airflow \
    && install --directory --owner airflow --group airflow --mode 0700 /opt/airflow/staging \
    && install --directory --owner airflow --group airflow /opt/airflow/logs /opt/airflow/state

ENV AIRFLOW_HOME=/opt/airflow \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /opt/project
COPY requirements-docker.txt ./
RUN pip install --require-hashes -r requirements-docker.txt

COPY pyproject.toml requirements.in README.md LICENSE NOTICE ./
COPY plugins plugins
COPY include include
RUN pip install --no-deps .

USER airflow
WORKDIR /opt/airflow
CMD ["airflow", "version"]
