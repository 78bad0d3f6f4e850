"""What ``map_profiles`` must do, in plain Python over dictionaries, and dirty rows to try it with.

Each dirty value stands in a table beside what must become of it, written by hand.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from segment_exports.definition import ExportDefinition

Row = dict[str, str | None]


@dataclass(frozen=True)
class Refused:
    reason: str


EMPTY = None
TOO_LONG = "x" * (32 * 1024 + 1)

EMAILS: dict[str | None, str | Refused] = {
    "ana@example.com": "ana@example.com",
    " Ana@Example.COM\u00a0": "ana@example.com",
    "bob@example.com": "bob@example.com",
    "\tBOB@EXAMPLE.COM": "bob@example.com",
    "zoë@müller.de": "zoë@müller.de",
    "ZOË@xn--mller-kva.DE": "zoë@müller.de",
    "carl+news@example.org": "carl+news@example.org",
    "": Refused("missing"),
    None: Refused("missing"),
    "unknown": Refused("no_at_sign"),
    "dora@": Refused("bad_domain"),
    TOO_LONG: Refused("too_long"),
}
NAMES: dict[str | None, Any] = {
    "Ana": "Ana",
    ' "B\\o"b\n😀 ': ' "B\\o"b\n😀 ',
    "": EMPTY,
    "  ": EMPTY,
    None: EMPTY,
    "nul\0": Refused("nul_character"),
    TOO_LONG: Refused("too_long"),
}
POINTS: dict[str | None, Any] = {
    "12": 12,
    " 012.0 ": 12,
    "-9007199254740991": -(2**53) + 1,
    "9007199254740993": Refused("out_of_range"),
    "": EMPTY,
    None: EMPTY,
    "many": Refused("not_an_integer"),
}
INCOMES: dict[str | None, Any] = {"1.50": 1.5, "1e3": 1000.0, None: EMPTY, "1,5": Refused("not_a_number")}
ACTIVE: dict[str | None, Any] = {"Yes": True, "0": False, None: EMPTY, "perhaps": Refused("not_a_boolean")}
BIRTHDAYS: dict[str | None, Any] = {
    "2001-02-03": "2001-02-03T00:00:00.000Z",
    "2001-02-03T04:05:06.7891234+01:00": "2001-02-03T03:05:06.789Z",
    None: EMPTY,
    "2001-02-29": Refused("not_a_date"),
}
CONSENTS: dict[str | None, str | None] = {
    "Yes": None,
    " yes ": None,
    "true": None,
    "No": "permission_refused",
    "nobody knows": "permission_refused",
    "": "permission_empty",
    None: "permission_empty",
}
REASONS = [
    None,
    "permission_unjudged",
    "permission_refused_earlier",
    "permission_empty",
    "permission_refused",
    "erased",
]
"""Why an address is withheld, from weak to strong."""
RECENCIES: dict[str | None, float | None] = {
    "1970-01-01T00:00:02Z": 2000.0,
    "1970-01-01T01:00:02+01:00": 2000.0,
    "1970-01-02": 86_400_000.0,
    "3000": 3000.0,
    "yesterday": None,
    "": None,
    None: None,
}
CUSTOMERS: dict[str | None, str | None] = {"c1": "c1", " c2 ": "c2", "c3": "c3", "": None, None: None}
PREVIOUS: dict[str | None, list[str]] = {"p1; p2": ["p1", "p2"], "p3;": ["p3"], "": [], None: []}

COLUMNS: dict[str, dict[str | None, Any]] = {
    "EMail": EMAILS,
    "Name": NAMES,
    "Points": POINTS,
    "Income": INCOMES,
    "Active": ACTIVE,
    "Born": BIRTHDAYS,
    "Consent": CONSENTS,
    "Updated": RECENCIES,
    "CustomerId": CUSTOMERS,
    "PreviousCustomerId": PREVIOUS,
}
MAPPED = {
    "FirstName": "Name",
    "boolean--Active": "Active",
    "date--Born": "Born",
    "float--Income": "Income",
    "integer--Points": "Points",
}
SEGMENTS = ("Gold", "Silver", "Bronze")

DEFINITION = ExportDefinition.model_validate(
    {
        "name": "reference",
        "source": {"type": "lake", "path": "lake"},
        "segments": SEGMENTS,
        "mapping": {
            "Email": "EMail",
            "FirstName": "Name",
            "custom": {target: attribute for target, attribute in MAPPED.items() if "--" in target},
        },
        "permission": {"attribute": "Consent", "equals": ("YES", "true"), "when_nobody": "withhold"},
        "recency": "Updated",
    }
)


def mostly(table: dict[str | None, Any], refused_to_good: int = 4) -> st.SearchStrategy[str | None]:
    """Values of a table, good ones more often, so that most rows of several columns survive."""
    good = [value for value, outcome in table.items() if not isinstance(outcome, Refused)]
    return st.sampled_from([*list(table), *good * refused_to_good])


ROWS = st.fixed_dictionaries(
    {name: mostly(table) for name, table in COLUMNS.items()}
    | {
        "Consent": st.sampled_from([*CONSENTS, *["Yes"] * 30]),
    }
)
TENANTS = st.fixed_dictionaries({name: st.lists(ROWS, max_size=8) for name in SEGMENTS})


@dataclass
class Expected:
    """What must come out; ``contacts``, ``withheld`` and ``customers`` by address.

    ``customers`` are those of the rows that count for the address, be it only by speaking against it.
    """

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    customers: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    invalid: list[tuple[str, int, str | None, str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def stops(tenant: dict[str, list[Row]], segments: tuple[str, ...] = SEGMENTS, sample: int = 1000) -> bool:
    """Whether nobody of a segment has an address, or no recency that the run's rows have can be read."""
    rows = [row for name in segments for row in tenant[name][:sample]]
    dated = [row["Updated"] for row in rows if (row["Updated"] or "").strip()]
    given = {name: [(row["EMail"] or "").strip() for row in tenant[name]] for name in segments}
    return any(emails and not any(emails) for emails in given.values()) or (
        bool(dated) and all(RECENCIES[one] is None for one in dated)
    )


def segments_unjudged(tenant: dict[str, list[Row]], segments: tuple[str, ...]) -> set[str]:
    """Where nobody gives a permission, or an answer at all."""
    said = {name: [CONSENTS[row["Consent"]] for row in tenant[name]] for name in segments}
    if not any(None in answers for answers in said.values()):
        return set(segments)
    return {name for name, answers in said.items() if answers and set(answers) == {"permission_empty"}}


def map_plainly(
    tenant: dict[str, list[Row]],
    segments: tuple[str, ...] = SEGMENTS,
    erased: frozenset[str] = frozenset(),
    refused: frozenset[str] = frozenset(),
    sample: int = 1000,
    *,
    believes_nobody: bool = True,
) -> Expected:
    """Map rows the slow way; those after the first ``sample`` of a segment only speak against somebody.

    :param believes_nobody: ``permission.when_nobody: withhold``.
    """
    unjudged = set() if believes_nobody else segments_unjudged(tenant, segments)
    expected = Expected()
    good: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    verdicts: dict[str, int] = defaultdict(int)
    for place, segment in enumerate(segments):
        for number, row in enumerate(tenant[segment], 1):
            customer = CUSTOMERS[row["CustomerId"]]
            previous = PREVIOUS[row["PreviousCustomerId"]]
            email = EMAILS[row["EMail"]]
            values = {"Email": email} | {
                target: COLUMNS[attribute][row[attribute]] for target, attribute in MAPPED.items()
            }
            if isinstance(email, str):
                known = {email, customer, *previous}
                earlier = "permission_refused_earlier" if refused & known else None
                held_back = "erased" if erased & known else earlier
                said = "permission_unjudged" if segment in unjudged else CONSENTS[row["Consent"]]
                refusal = max(map(REASONS.index, (said, held_back)))
                verdicts[email] = max(verdicts[email], refusal)
            bad = next(((key, value) for key, value in values.items() if isinstance(value, Refused)), None)
            is_own = number <= sample
            if isinstance(email, str) and (refusal or (is_own and not bad)):
                expected.customers[email] |= {customer, *previous}
            if not is_own:
                continue
            if bad:
                is_erased = erased & {email, customer, *previous}
                told = None if is_erased else customer
                expected.invalid.append((segment, number, told, bad[0], bad[1].reason))
                continue
            recency = RECENCIES[row["Updated"]]
            rank = (
                place,
                -recency if recency is not None else float("inf"),
                (customer is None, customer),
                json.dumps(values, sort_keys=True),
            )
            good[str(email)].append((rank, segment, customer, previous, values))
    expected.withheld = {email: str(REASONS[verdict]) for email, verdict in verdicts.items() if verdict}
    counts = dict.fromkeys(["withheld", "merged_same_customer", "merged_same_address"], 0)
    for email, rows in good.items():
        if email in expected.withheld:
            counts["withheld"] += len(rows)
            continue
        named = {one[2] for one in rows if one[2] is not None}
        customers = len(named) + sum(one[2] is None for one in rows)
        counts["merged_same_customer"] += len(rows) - customers
        counts["merged_same_address"] += customers - 1
        best = min(one[0][:3] for one in rows)
        expected.contacts[email] = {
            "segments": [name for name in segments if any(one[1] == name for one in rows)],
            "winners": [one[2:] for one in rows if one[0][:3] == best],
            "ids": {one for row in rows for one in (row[2], *row[3]) if one is not None},
        }
    expected.counts = counts | {
        "read": sum(min(len(tenant[name]), sample) for name in segments),
        "invalid": len(expected.invalid),
        "merged": counts["merged_same_customer"] + counts["merged_same_address"],
        "contacts": len(expected.contacts),
    }
    return expected
