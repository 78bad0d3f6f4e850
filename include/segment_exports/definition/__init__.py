"""Export definitions: the files that say which segments go where, and the model they must fit.

model                 the strict model: every key, its default and its rules
source_settings       ``source``
destination_settings  ``destination``
segment_targets       ``segments``
field_mapping         ``mapping``
refresh_settings      ``refresh`` and ``wait_for_refresh``
strict                types of values: nothing is coerced
yaml_text             YAML as plain values, with lines
yaml_causes           why a text can't be read as YAML
yaml_lines            its lines: indents, and what one lacks
yaml_traces           what other programs left in it
loading               files of a folder
clashes               which of them go on where two claim the same
problems              what is wrong, in plain sentences
meant                 what a wrong value was meant for
schema                the JSON Schema for editors
"""

from __future__ import annotations

from segment_exports.definition.clashes.delivered import Evidence, delivered_in, in_time
from segment_exports.definition.destination_settings import (
    DEFAULT_DESTINATION,
    AutopilotSettings,
    DestinationSettings,
    Membership,
    NewPeople,
    OrttoSettings,
)
from segment_exports.definition.field_mapping import FieldMapping
from segment_exports.definition.loading import (
    LoadedDefinition,
    definitions_folder,
    load_definition,
    load_definitions,
    load_export,
)
from segment_exports.definition.model import (
    ExportDefinition,
    FirstRun,
    Guards,
    Limit,
    LimitScope,
    Permission,
    WhenOver,
    WhenTripped,
)
from segment_exports.definition.refresh_settings import Refresh, WaitForRefresh, Weekday
from segment_exports.definition.schema import json_schema
from segment_exports.definition.segment_targets import ListTarget, SegmentTarget
from segment_exports.definition.source_settings import ApiSource, DataverseSource, LakeSource, SegmentChecks

__all__ = [
    "DEFAULT_DESTINATION",
    "ApiSource",
    "AutopilotSettings",
    "DataverseSource",
    "DestinationSettings",
    "Evidence",
    "ExportDefinition",
    "FieldMapping",
    "FirstRun",
    "Guards",
    "LakeSource",
    "Limit",
    "LimitScope",
    "ListTarget",
    "LoadedDefinition",
    "Membership",
    "NewPeople",
    "OrttoSettings",
    "Permission",
    "Refresh",
    "SegmentChecks",
    "SegmentTarget",
    "WaitForRefresh",
    "Weekday",
    "WhenOver",
    "WhenTripped",
    "definitions_folder",
    "delivered_in",
    "in_time",
    "json_schema",
    "load_definition",
    "load_definitions",
    "load_export",
]
