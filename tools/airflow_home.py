"""The home of an Airflow of this repository: its settings, and the variables that lead there.

All of Airflow's own settings stand in its ``airflow.cfg``, none in the environment, and the variables that
``make`` sets stand beside: whoever opens a second terminal and names the home has the same database and waits
for its lock, the same DAGs, plugins, exports and staging.
"""

from __future__ import annotations

import base64
import configparser
import io
import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from segment_exports.settings.names import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
SECONDS_FOR_A_LOCK = 60
"""How long every process waits while another writes to the SQLite file."""
_SETTING = "AIRFLOW__"
_KEPT = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
_LOCAL_SETTINGS = "airflow_local_settings.py"
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

    :param settings: variables on top; Airflow's own (``AIRFLOW__…``) are :func:`write_home`'s.
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


def write_home(home: Path, settings: Mapping[str, str]) -> None:
    """Write ``airflow.cfg`` and what any process of the home does first, for the home's owner alone.

    What stands in the file and isn't set here stays, above all the key that the database's connections are
    encrypted with; a home without one gets one. Of the caller's environment the settings of this project are
    written down, no connection and no Variable.

    :param settings: those of Airflow, named as its variables are (``AIRFLOW__SECTION__KEY``), and variables.
    :raises LocalAirflowError: what stands in ``airflow.cfg`` can't be read.
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
    variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    variables |= {name: value for name, value in settings.items() if not name.startswith(_SETTING)}
    write_private(_variables_of(home), json.dumps(variables, indent=2))
    first = Path(__file__).with_name(_LOCAL_SETTINGS).read_text(encoding="utf-8")
    write_private(home / "config" / _LOCAL_SETTINGS, first)


def forget_variables(home: Path) -> None:
    """Take away what :func:`write_home` wrote down of variables, once the Airflow isn't open any more."""
    _variables_of(home).unlink(missing_ok=True)


def write_private(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partly = file.with_name(f"{file.name}.part")
    partly.unlink(missing_ok=True)
    partly.touch(mode=0o600)
    partly.write_text(text, encoding="utf-8")
    partly.replace(file)


def _variables_of(home: Path) -> Path:
    return home / "config" / "environment.json"


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
