"""Write the JSON Schema of definitions: ``python -m segment_exports.definition --write-schema FILE``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from segment_exports.definition.schema import schema_text


def main(arguments: list[str] | None = None) -> int:
    """Write the schema to the file, or print it."""
    parser = argparse.ArgumentParser(prog="python -m segment_exports.definition", description=__doc__)
    parser.add_argument("--write-schema", metavar="FILE", type=Path, help="file to write the JSON Schema to")
    chosen = parser.parse_args(arguments)
    if chosen.write_schema:
        chosen.write_schema.write_text(schema_text(), encoding="utf-8")
    else:
        sys.stdout.write(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
