"""Write the JSON Schemas that ``docs/`` publishes, or check that they are current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from segment_exports.definition import schema as definition
from segment_exports.records import report

DOCS = Path(__file__).resolve().parent.parent / "docs"
SCHEMAS = {
    "export-definition.schema.json": definition.schema_text,
    "run-report.schema.json": report.schema_text,
}


def main() -> int:
    """Write or compare the files; answer the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if one is out of date")
    check = parser.parse_args().check
    stale = [
        name
        for name, text in SCHEMAS.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text()
    ]
    if check:
        if stale:
            print(f"Out of date in docs/: {', '.join(stale)}. Run: make schema", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(SCHEMAS[name](), encoding="utf-8")
        print(f"docs/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
