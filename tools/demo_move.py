"""``make demo-move``: move an export from an emulated Autopilot to an emulated Ortto, and compare them.

Generated people fill the old account; from some mail comes back, some complained, some unsubscribed. The
command of ``make move`` does the rest, in a process of its own, first without writing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from airflow_home import LocalAirflowError, airflow_environment, write_home
from demo import FOLDER, demo_settings, generate_lake
from demo_accounts import AUTOPILOT, DEFINITION, EXPORT, ORTTO, RATE, emulated_account
from ending import end_on_signals
from folder_lock import FolderInUseError, only_one_in
from plain_reading import read_plainly
from segment_exports.commands.terminal import complain, say

if TYPE_CHECKING:
    from demo_accounts import Emulator
    from segment_emulators.account_api.control_client import EmulatorControl

CONTACTS = 1_500
UNSUBSCRIBED, CAME_BACK, COMPLAINED = 7, 50, 90
"""Every so many of them."""


def main() -> int:
    """Fill, move, compare; answer 0 if nobody who refused at the one may be mailed at the other."""
    end_on_signals()
    try:
        return demo_move()
    except KeyboardInterrupt:
        say("\nEnded.\n")
        return 130
    except (LocalAirflowError, FolderInUseError) as error:
        complain(f"\n{error}")
        return 1


def demo_move() -> int:
    """Move the demo's export; answer the exit code."""
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(only_one_in(FOLDER))
        generate_lake()
        say("▸ Starting an emulated Autopilot and an emulated Ortto\n")
        old = stack.enter_context(emulated_account(FOLDER, AUTOPILOT))
        new = stack.enter_context(emulated_account(FOLDER, ORTTO))
        settings = demo_settings(FOLDER, old) | {ORTTO.variable: new.connection(RATE)}
        refused = _fill(old.control, _addresses())
        (FOLDER / "staging").mkdir()
        write_home(FOLDER / "airflow", settings)
        for options in ([], ["--apply"]):
            say(f"▸ make move EXPORT={EXPORT} TO={ORTTO.connection}{' APPLY=yes' if options else ''}\n")
            if code := _move(settings, options):
                return code
        return _told(old, new, refused, time.monotonic() - started)


def _addresses() -> list[str]:
    """Return addresses of the generated tenant."""
    return sorted(read_plainly(DEFINITION, FOLDER / "lake").contacts)[:CONTACTS]


def _fill(account: EmulatorControl, emails: list[str]) -> set[str]:
    """Make the contacts of the old account, and return who refused."""
    refused = set()
    for number, email in enumerate(emails):
        fields = {"mail_hardbounced": {"0001": 1_600_000_000_000}} if number % CAME_BACK == 0 else {}
        if number % COMPLAINED == 0:
            fields["mail_complained"] = {"0002": 1_600_000_000_000}
        is_unsubscribed = number % UNSUBSCRIBED == 0
        account.add_contact(email, unsubscribed=is_unsubscribed or None, fields=fields)
        if is_unsubscribed or number % COMPLAINED == 0:
            refused.add(email)
    return refused


def _move(settings: dict[str, str], options: list[str]) -> int:
    """Run the command, as a person would, and return its exit code."""
    command = [sys.executable, "-m", "segment_exports_airflow.cli", "move", EXPORT]
    environment = airflow_environment(FOLDER / "airflow", settings)
    done = subprocess.run([*command, ORTTO.connection, *options], env=environment, check=False)
    return done.returncode


def _told(old: Emulator, new: Emulator, refused: set[str], seconds: float) -> int:
    """Say whether the two accounts agree, and answer the exit code."""
    there, all_there = new.control.unsubscribed(), set(new.control.contacts())
    good = there == refused == all_there and old.control.unsubscribed() <= refused
    say(
        f"\nAutopilot: {len(old.control.contacts()):,} contacts, {len(refused):,} of them refused. "
        f"Ortto: {len(all_there):,} people, {len(there):,} of them unsubscribed: "
        f"{'the same people' if good else 'NOT the same people'}.\n"
        f"\n{'Green' if good else 'RED'} after {seconds:.0f} s.\n"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
