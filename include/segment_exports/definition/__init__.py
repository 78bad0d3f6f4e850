"""Export definitions: the files that say which segments go where, and the model they must fit."""

from __future__ import annotations

from segment_exports.definition.field_mapping import (
    STANDARD_FIELDS,
    FieldMapping,
    FieldType,
    MappedField,
    field_of,
)
from segment_exports.definition.loading import (
    DEFINITIONS_VARIABLE,
    LoadedDefinition,
    definitions_folder,
    load_definition,
    load_definitions,
)
from segment_exports.definition.model import (
    Destination,
    ExportDefinition,
    Guards,
    Limit,
    LimitScope,
    ListTarget,
    Membership,
    Permission,
    SegmentTarget,
    WhenOver,
    WhenTripped,
)
from segment_exports.definition.refresh_settings import Refresh, WaitForRefresh, Weekday
from segment_exports.definition.schema import json_schema
from segment_exports.definition.source_settings import ApiSource, DataverseSource, LakeSource, SegmentChecks

__all__ = [
    "DEFINITIONS_VARIABLE",
    "STANDARD_FIELDS",
    "ApiSource",
    "DataverseSource",
    "Destination",
    "ExportDefinition",
    "FieldMapping",
    "FieldType",
    "Guards",
    "LakeSource",
    "Limit",
    "LimitScope",
    "ListTarget",
    "LoadedDefinition",
    "MappedField",
    "Membership",
    "Permission",
    "Refresh",
    "SegmentChecks",
    "SegmentTarget",
    "WaitForRefresh",
    "Weekday",
    "WhenOver",
    "WhenTripped",
    "definitions_folder",
    "field_of",
    "json_schema",
    "load_definition",
    "load_definitions",
]
