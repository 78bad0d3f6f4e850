"""The home of an Airflow of this repository: its ``airflow.cfg``, and the variables that lead to it.

All of Airflow's own settings stand in the file, none in the environment: whoever opens a second terminal and
names the home has the same database with its time-out, the same DAGs and plugins.
"""

from __future__ import annotations

import base64
import configparser
import io
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
SECONDS_FOR_A_LOCK = 60
"""How long every process waits while another writes to the SQLite file."""
_SETTING = "AIRFLOW__"
_KEPT = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
_HEAD = """\
# Written whenever this Airflow is started, for its processes and for commands in a second terminal:
#   AIRFLOW_HOME={home} {command} …
# What is added here stays; what the start sets itself is set again.

"""


class LocalAirflowError(Exception):
    """Airflow did not start or did not do what it was asked; the text says why or where its log lies."""


def airflow_environment(home: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that make any Airflow process use this repository and this home.

    Airflow's own variables of the caller are left out, but for connections and variables.

    :param settings: variables on top; Airflow's own (``AIRFLOW__…``) are :func:`write_config`'s.
    """
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW_") or name.startswith(_KEPT)
    }
    given = {name: value for name, value in (settings or {}).items() if not name.startswith(_SETTING)}
    return mine | {
        "AIRFLOW_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "plugins")]),
        **given,
    }


def write_config(home: Path, settings: Mapping[str, str]) -> None:
    """Write a home's ``airflow.cfg``, for its owner alone, whole or not at all.

    What stands in it and isn't set here stays, above all the key that the database's connections are
    encrypted with; a home without one gets one.

    :param settings: named as Airflow's variables are (``AIRFLOW__SECTION__KEY``); others are passed over.
    :raises LocalAirflowError: what stands there can't be read.
    """
    file = home / "airflow.cfg"
    config = _read(file)
    for name, value in (_of_any_airflow(home) | dict(settings)).items():
        if name.startswith(_SETTING):
            section, _, key = name.removeprefix(_SETTING).lower().partition("__")
            _set(config, section, key, value)
    if not config.get("core", "fernet_key", fallback=""):
        _set(config, "core", "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    text = io.StringIO(_HEAD.format(home=home, command=Path(sys.executable).with_name("airflow")))
    text.seek(0, io.SEEK_END)
    config.write(text)
    write_private(file, text.getvalue())


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partly = file.with_name(f"{file.name}.part")
    partly.unlink(missing_ok=True)
    partly.touch(mode=0o600)
    partly.write_text(text, encoding="utf-8")
    partly.replace(file)


def _of_any_airflow(home: Path) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
            f"sqlite:///{home / 'airflow.db'}?timeout={SECONDS_FOR_A_LOCK}"
        ),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def _read(file: Path) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser()
    try:
        if file.exists():
            config.read_string(file.read_text(encoding="utf-8"), str(file))
    except (configparser.Error, UnicodeDecodeError) as error:
        where = getattr(error, "lineno", None)
        raise LocalAirflowError(
            f"{file}{f', line {where}' if where else ''}: this is no configuration that Airflow could read. "
            "Correct it. Without it the connections made in the UI can't be decrypted (fernet_key)."
        ) from None
    return config


def _set(config: configparser.RawConfigParser, section: str, key: str, value: str) -> None:
    if not config.has_section(section):
        config.add_section(section)
    config.set(section, key, value.replace("%", "%%"))
