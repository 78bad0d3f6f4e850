"""Extract one segment of 100,000 members out of 1,000,000 profiles through Dataverse (issue C, must-show 4).

Usage: dataverse_read.py RESULT WORKDIR ADDRESSES, the last being the JSON line that
``python -m segment_emulators.customer_insights`` prints. The source is asked for its snapshot first, so
that every library is loaded (sign-in included) before memory is counted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.ours.definition import write_dataverse_definition
from benchmarks.ours.one_step import forget_peak
from benchmarks.peers.measured import measured, memory_mb
from segment_exports.definition import load_definition
from segment_exports.extracting.extract_unit import extract_unit
from segment_exports.records.staging import RunFiles, Store
from segment_exports.refresh.snapshot_choice import choose_snapshots
from segment_exports.sources.dataverse.source import DataverseSource
from segment_exports.sources.web.connections import AppRegistration, DataverseConnection


def main() -> None:
    folder, known = Path(sys.argv[2]), json.loads(sys.argv[3])
    definition = load_definition(write_dataverse_definition(folder / "exports"))
    app = AppRegistration(
        known["tenant"], known["client_id"], known["client_secret"], known["authority"], known["ca_bundle"]
    )
    source = DataverseSource(DataverseConnection(app, known["environment_url"]), spill_folder=folder)
    files = RunFiles(Store.local(folder / "staging"), "bench")
    chosen = choose_snapshots(source, definition.segment_names)
    forget_peak()
    with measured(sys.argv[1]) as facts:
        before = memory_mb("VmRSS")
        units = source.read_units(chosen)
        read = [extract_unit(source, unit, definition, files) for unit in units]
        facts["above_mb"] = round(memory_mb() - before, 1)
        facts["members"] = sum(told["read"] for one in read for told in one["segments"].values())


if __name__ == "__main__":
    main()
