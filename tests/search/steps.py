"""What may happen to an export, one small step after the other; a course is any list of them.

Steps are plain values: a course that hypothesis found can be pasted into a test as it was printed. A step
that makes no sense at its place (a contact that isn't there is deleted) does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from hypothesis import strategies as st

PEOPLE = ("ann", "ben", "cem", "dan")
SEGMENTS = ("Gold", "Churn")
LISTS = {"Gold": "Gold", "Churn": "Win-back"}
ADDRESSES = (
    *(f"{person}@example.com" for person in PEOPLE),
    *(f"{person}@new.example.com" for person in PEOPLE[:3]),
)
NO_ADDRESS = ("", "ann at example.com")


class Told:
    """Prints as it would be written by hand: what is as by default is left out."""

    def __repr__(self) -> str:
        """Return the call that makes it."""
        told = [(one.name, getattr(self, one.name), one.default) for one in fields(self)]  # type: ignore[arg-type]
        given = ", ".join(f"{name}={value!r}" for name, value, default in told if value != default)
        return f"{type(self).__name__}({given})"


@dataclass(frozen=True, repr=False)
class Says(Told):
    """At the source: the consent of a person is this from now on."""

    person: str
    consent: str


@dataclass(frozen=True, repr=False)
class Has(Told):
    """At the source: a person has this address from now on, which may be another's, or none."""

    person: str
    address: str


@dataclass(frozen=True, repr=False)
class IsIn(Told):
    """At the source: a person is in these segments from now on."""

    person: str
    segments: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class MergesInto(Told):
    """At the source: a person's profile is merged into another's, which names it as PreviousCustomerId."""

    person: str
    other: str


@dataclass(frozen=True, repr=False)
class Changes(Told):
    """At the source: a person's name, so that something is due for them."""

    person: str


@dataclass(frozen=True, repr=False)
class Silenced(Told):
    """At the source: the column of consent is empty for everybody of a segment, until it is not."""

    segment: str
    silent: bool = True


@dataclass(frozen=True, repr=False)
class Erased(Told):
    """The command of erasure: a person's present address, their CustomerId, or both."""

    person: str
    address: bool = True
    customer: bool = True


@dataclass(frozen=True, repr=False)
class Corrected(Told):
    """At the destination: staff give the contact of an address another one."""

    address: str
    to: str


@dataclass(frozen=True, repr=False)
class Unsubscribed(Told):
    """At the destination: the contact of an address unsubscribed."""

    address: str


@dataclass(frozen=True, repr=False)
class SignsUp(Told):
    """At the destination: somebody becomes a contact by themselves, on no list of ours, if none is there."""

    address: str


@dataclass(frozen=True, repr=False)
class Deleted(Told):
    """At the destination: staff delete the contact of an address."""

    address: str


@dataclass(frozen=True, repr=False)
class TakenOff(Told):
    """At the destination: staff take the contact of an address off a list."""

    address: str
    segment: str


@dataclass(frozen=True, repr=False)
class Refuses(Told):
    """At the destination: contacts of this address are refused, until they are not."""

    address: str
    refuses: bool = True


@dataclass(frozen=True, repr=False)
class Run(Told):
    """A run of the export; a refresh of the source comes before it, if something changed there.

    ``back`` is how many snapshots before the newest are read. ``approved`` is the answer where a person is
    asked. ``erased`` is somebody who is erased between the plan and the upload.
    """

    segments: tuple[str, ...] = ()
    sample: int | None = None
    back: int = 0
    force: bool = False
    dry_run: bool = False
    full_resync: bool = False
    reconcile: bool = False
    retry_rejected: bool = False
    approved: bool = True
    erased: str | None = None
    settled: bool = True


@dataclass(frozen=True, repr=False)
class Cleared(Told):
    """The uploads of the last run are cleared and done again."""


@dataclass(frozen=True, repr=False)
class Lost(Told):
    """The ledger, or files of a run that was not settled, are gone; then comes what the message asks for.

    ``segments`` are those of a first try at the repair, which is a part of what is asked for.
    """

    what: str = "ledger"
    segments: tuple[str, ...] = ()


Step = (
    Says | Has | IsIn | MergesInto | Changes | Silenced | Erased | Corrected | Unsubscribed | Deleted
    | SignsUp | TakenOff | Refuses | Run | Cleared | Lost
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Rules(Told):
    """The part of the definition that a course is run with."""

    leavers: str = "remove"
    emails: str = "add"
    withdrawn: str = "remove"
    guards: str = "lenient"
    membership: str = "list"


def rules() -> st.SearchStrategy[Rules]:
    """Every way of setting what decides; guards are ``lenient`` (none trips), ``stop`` or ``ask``."""
    return st.builds(
        Rules,
        st.sampled_from(["remove", "keep"]),
        st.sampled_from(["add", "move"]),
        st.sampled_from(["remove", "unsubscribe"]),
        st.sampled_from(["lenient", "lenient", "stop", "ask"]),
        st.sampled_from(["list", "list", "bulk", "field"]),
    )


_people = st.sampled_from(PEOPLE)
_addresses = st.sampled_from(ADDRESSES)
_segments = st.sampled_from([(), ("Gold",), ("Churn",), SEGMENTS])

runs = st.one_of(
    st.just(Run()),
    st.just(Run()),
    st.builds(Run, segments=st.sampled_from([(one,) for one in SEGMENTS])),
    st.builds(Run, sample=st.integers(1, 2)),
    st.builds(Run, back=st.integers(1, 2), force=st.just(True)),
    st.builds(Run, full_resync=st.just(True)),
    st.builds(
        Run,
        segments=st.sampled_from([(), (), *((one,) for one in SEGMENTS)]),
        back=st.sampled_from([0, 0, 1]),
        force=st.booleans(),
        dry_run=st.booleans(),
        full_resync=st.booleans(),
        reconcile=st.booleans(),
        retry_rejected=st.booleans(),
        approved=st.booleans(),
        erased=st.none() | _people,
        settled=st.booleans(),
    ),
)

at_the_source = st.one_of(
    st.builds(Says, _people, st.sampled_from(["No", "Yes", ""])),
    st.builds(Has, _people, st.sampled_from([*ADDRESSES, *NO_ADDRESS])),
    st.builds(IsIn, _people, _segments),
    st.builds(Changes, _people),
    st.builds(MergesInto, _people, _people),
    st.builds(Silenced, st.sampled_from(SEGMENTS), st.booleans()),
)

by_hand = st.one_of(
    st.builds(Corrected, _addresses, _addresses),
    st.builds(Unsubscribed, _addresses),
    st.builds(Deleted, _addresses),
    st.builds(SignsUp, _addresses),
    st.builds(TakenOff, _addresses, st.sampled_from(SEGMENTS)),
    st.builds(Refuses, _addresses, st.booleans()),
    st.builds(Erased, _people, st.booleans(), st.booleans()),
    st.just(Cleared()),
    st.builds(Lost, st.sampled_from(["ledger", "run"]), st.sampled_from([(), *((one,) for one in SEGMENTS)])),
)

steps: st.SearchStrategy[Step] = st.one_of(runs, at_the_source, runs, at_the_source, by_hand)


def courses(most: int) -> st.SearchStrategy[list[Step]]:
    """Lists of up to so many steps."""
    return st.lists(steps, min_size=1, max_size=most)
