"""The schema, and the custom fields of people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.fields import CUSTOM, PREFIXES, SELECTS, FieldNameTakenError
from segment_emulators.ortto.routing import Call, RefusedError, answered, are_texts, error, route

if TYPE_CHECKING:
    from segment_emulators.account_api.answers import Answer


@route("POST", "/instance-schema/get", reads=True)
def get_schema(call: Call) -> Answer:
    """Read the fields by namespace: all, or those named; one without fields is absent."""
    wanted = call.body.get("namespaces") or []
    if not isinstance(wanted, list):
        raise call.malformed("namespaces must be an array")
    spaces = call.account.fields.schema()
    return answered({"namespaces": {key: one for key, one in spaces.items() if not wanted or key in wanted}})


@route("POST", "/person/custom-field/get", reads=True)
def get_fields(call: Call) -> Answer:
    """Read the custom fields; null where there is none."""
    fields = call.account.fields.custom()
    shown = [{"field": one.to_json(), "tracked_value": one.tracked} for one in fields]
    return answered({"fields": shown or None})


@route("POST", "/person/custom-field/create")
def create_field(call: Call) -> Answer:
    """Make a custom field; its id is only known from the answer."""
    body, switches = call.body, call.switches
    name, kind, values = body.get("name"), body.get("type"), body.get("values")
    if not isinstance(name, str) or not name.strip() or kind not in PREFIXES:
        raise call.malformed("name and a known type are required")
    if (kind in SELECTS) is not bool(values) or not are_texts(values or []):
        raise call.malformed("values are required for, and only for, selects")
    if len(call.account.fields.custom()) >= switches.field_limit:
        raise RefusedError(error(switches.full_fields, f"{call.config.instance}: too many custom fields"))
    try:
        made = call.account.fields.make(
            name, kind, tuple(values or ()), tracked=body.get("track_changes") is True
        )
    except FieldNameTakenError as taken:
        refused = error(switches.existing_field, f"{call.config.instance}: field already exists")
        raise RefusedError(refused) from taken
    told: dict[str, Any] = {"name": made.name, "field_id": made.field_id, "display_type": made.display_type}
    return answered({**told, "values": list(made.values)} if made.values else told)


@route("PUT", "/person/custom-field/update")
def update_field(call: Call) -> Answer:
    """Change the options of a select and whether changes are tracked; name and type stay."""
    body, book = call.body, call.account.fields
    found = book.made.get(str(body.get("field_id")))
    if found is None or found.namespace != CUSTOM:
        raise RefusedError(error(404, f"{call.config.instance}: {body.get('field_id')}: Object not found"))
    values = list(found.values)
    for key in ("replace_values", "add_values", "remove_values"):
        given = body.get(key) or []
        if not are_texts(given) or (given and found.display_type not in SELECTS):
            raise call.malformed(f"{key} must be an array of texts, of a select")
        if key == "replace_values":
            values = list(given) or values
        elif key == "add_values":
            values += [one for one in given if one not in values]
        else:
            values = [one for one in values if one not in given]
    tracked = body.get("track_changes", found.tracked) is True
    book.made[found.field_id] = replace(found, values=tuple(values), tracked=tracked)
    return answered({"field_id": found.field_id, "values": values or None, "track_changes": tracked})
