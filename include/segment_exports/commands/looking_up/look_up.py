"""The command line of ``segment-exports look-up``: what is known of a person, for who asks for it.

The address is asked for, or read from a file or standard input (``-``), one a line: on the command line it
would stay in the shell's history, and stand in the list of processes. What is found goes to standard output
and nowhere else.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from segment_exports.commands.given import add_staging
from segment_exports.commands.looking_up.search import search
from segment_exports.commands.looking_up.told import as_json, told_of_search
from segment_exports.commands.named_people import lines_of
from segment_exports.commands.terminal import complain, say
from segment_exports.errors import StagingError, own_words
from segment_exports.records.secret_in_use import hasher_in_use
from segment_exports.settings.ledger_secret import ledger_secret

if TYPE_CHECKING:
    from segment_exports.commands.given import LookUp, OpenStaging

_NOT_WHOLE, _INTERRUPTED = 3, 130


def main(arguments: list[str], *, open_staging: OpenStaging, look_up: LookUp) -> int:
    """Look people up, and tell what is known of them.

    :return: 0, also where nothing is known; 1 where nobody was looked up; 3 where not all could be looked
        through; 130 where it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="segment-exports look-up",
        description="Tell what is known of a person: lists, what was sent and what became of it, refusals, "
        "erasure. Without a file it asks for the address. Nothing is changed.",
    )
    add_staging(parser)
    parser.add_argument("--emails", metavar="FILE", help="one address a line; - for standard input")
    parser.add_argument("--customer-ids", metavar="FILE", help="one CustomerId a line; - for standard input")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    chosen, others = parser.parse_known_args(arguments)
    if others:
        # Not repeated: it may be somebody's address.
        parser.error(
            "an address or CustomerId doesn't belong on the command line, where the shell keeps it: leave it "
            "out, and you are asked for it; or name a file with --emails or --customer-ids"
        )
    try:
        staging = open_staging(chosen.staging)
        hasher = hasher_in_use(staging, ledger_secret(look_up))
        emails, customer_ids = lines_of(chosen.emails), lines_of(chosen.customer_ids)
        if chosen.emails is None and chosen.customer_ids is None:
            emails, customer_ids = _asked()
        found = search(staging, hasher, emails=emails, customer_ids=customer_ids)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    say(as_json(found) if chosen.json else told_of_search(found))
    return 0 if found.is_whole else _NOT_WHOLE


def _asked() -> tuple[list[str], list[str]]:
    """Return what a person types, or what is piped in: one a line, addresses by their @."""
    if sys.stdin.isatty():
        complain("Address or CustomerId, one a line; an empty line ends it:")
        typed = list(iter(_line, ""))
    else:
        typed = lines_of("-")
    named = [one for one in typed if one.strip()]
    if not named:
        raise StagingError("nobody was looked up: no address and no CustomerId was given")
    return [one for one in named if "@" in one], [one for one in named if "@" not in one]


def _line() -> str:
    return sys.stdin.readline().strip()
