"""The run report for people: the sums that must add up, and what was refused."""

from __future__ import annotations

from typing import Any

PROFILES = ("invalid", "withheld", "merged", "over_limit")
CONTACTS = ("unchanged", "delivered", "rejected", "suppressed", "failed", "not_sent")
OPERATIONS = ("delivered", "rejected", "suppressed", "failed", "not_sent")


def identities_hold(report: dict[str, Any]) -> bool:
    """Tell whether the three identities of the report hold."""
    profiles, contacts = report["profiles"], report["contacts"]
    return (
        profiles["read"] == sum(profiles[name] for name in PROFILES) + contacts["total"]
        and contacts["total"] == sum(contacts[name] for name in CONTACTS)
        and all(
            counts["planned"] == sum(counts[name] for name in OPERATIONS)
            for counts in report["operations"].values()
        )
    )


def report_text(report: dict[str, Any]) -> str:
    """Return the report as a page for the terminal."""
    profiles, contacts, requests = report["profiles"], report["contacts"], report["requests"]
    lines = [
        "",
        f"Run report of {report['export']}: {report['state']}{', red' if report['red'] else ''}",
        "",
        f"  profiles read {profiles['read']:>8,} = {_sum(profiles, PROFILES)}"
        f" + {contacts['total']:,} contacts",
        f"  contacts      {contacts['total']:>8,} = {_sum(contacts, CONTACTS)}",
    ]
    lines += [
        f"  {name + 's':14}{counts['planned']:>8,} = {_sum(counts, OPERATIONS)}"
        for name, counts in report["operations"].items()
    ]
    segments = ", ".join(f"{name} {told['read']:,}" for name, told in report["segments"].items())
    lines += [
        *_lists(report["lists"]),
        "",
        f"  segments      {segments}",
        *_refresh(report),
        f"  snapshot      {report['snapshot']}",
        f"  requests      {requests['total']:,} (least possible {requests['least'] or 0:,}), "
        f"{requests['throttled']} throttled, {requests['retried']} retried",
        f"  membership    {report['membership']}",
        "  seconds       " + ", ".join(f"{name} {value:.1f}" for name, value in report["seconds"].items()),
        f"  limit         {report['limit']['used']:,} of {report['limit']['allowed']:,} profiles",
    ]
    lines += [*_approval(report["approval"]), *_erasures(report["erasures"])]
    for text, advice in zip(report["red_reasons"], report["what_to_do"], strict=True):
        lines += [f"  red because   {text}", f"  what to do    {advice}"]
    lines += [f"  note          {text}" for text in report["warnings"]]
    return "\n".join(lines)


def _approval(approval: dict[str, Any] | None) -> list[str]:
    if approval is None:
        return []
    who = f" by {approval['by']}" if approval["by"] else ""
    return [f"  approval      {approval['decision'].replace('_', ' ')}{who}: {'; '.join(approval['guards'])}"]


def _erasures(told: dict[str, int]) -> list[str]:
    if not told["tombstones"]:
        return []
    return [
        f"  erased        {told['tombstones']:,} addresses and ids ({told['new']:,} new), "
        f"{told['withheld']:,} held back; {told['left']:,} of {told['leaving']:,} people on lists left them"
    ]


def _lists(lists: dict[str, Any]) -> list[str]:
    now = {title: one["held_after"] for title, one in lists.items()}
    return [
        f"  list          {title}: {one['joins']:,} joined, {one['leaves']:,} left, of ours there are "
        f"{one['held_before'] if now[title] is None else now[title]:,} on it (before: {one['held_before']:,})"
        for title, one in lists.items()
    ]


def _refresh(report: dict[str, Any]) -> list[str]:
    waited = report["refresh"]
    if waited is None:
        return []
    return [f"  refresh       {waited['state']} after {waited['seconds']:.0f} s: {waited['text']}"]


def _sum(counts: dict[str, Any], names: tuple[str, ...]) -> str:
    return " + ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in names)
