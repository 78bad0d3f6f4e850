"""The logs of the libraries that talk to servers for us: they stay silent while this process holds secrets.

At level DEBUG they tell URLs with their queries, headers, bodies and what a server said; some do at WARNING.
What matters of it comes as an error, which is told in words of ours.
"""

from __future__ import annotations

import logging

LIBRARIES = (
    "adal",
    "adlfs",
    "aiobotocore",
    "aiohttp",
    "azure",
    "boto3",
    "botocore",
    "charset_normalizer",
    "fsspec",
    "gcsfs",
    "google",
    "msal",
    "requests",
    "s3fs",
    "s3transfer",
    "urllib3",
)
"""Names of their uppermost loggers; those below are silent with them."""

_SILENT = logging.CRITICAL + 1


def quiet_clients() -> None:
    """Silence these libraries in this process, from now on; called before a secret is handed to one.

    A logger below one may have a level of its own, so nothing is handed up from here either.
    """
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(_SILENT)
        logger.propagate = False
        if not logger.handlers:  # else the last resort would print warnings
            logger.addHandler(logging.NullHandler())
