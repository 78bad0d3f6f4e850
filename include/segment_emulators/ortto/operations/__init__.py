"""Ortto's REST API below ``/v1``, one function per operation.

Statuses, bodies and texts are those that were documented or recorded (see the project's facts on the
API), where any were; other texts are the emulator's own.

activities     what happened to people
merge_people   making and changing people
read_people    listing people, reading them by id
people_fields  the schema and the custom fields
people_away    the archive, deleting, and the suppression list
permissions    tags, audiences, and who may be mailed
organizations  the organizations, of which there are none

What others read is answered, but for campaigns, their reports and assets, articles of the knowledge base, and
organizations by id: nothing of a segment stands in them.
"""

from __future__ import annotations

from segment_emulators.ortto.operations import (
    activities,
    merge_people,
    organizations,
    people_away,
    people_fields,
    permissions,
    read_people,
)

__all__ = [
    "activities",
    "merge_people",
    "organizations",
    "people_away",
    "people_fields",
    "permissions",
    "read_people",
]
