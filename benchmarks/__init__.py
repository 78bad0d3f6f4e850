"""Speed and size of the project, measured side by side with what a user would pick instead.

``python -m benchmarks.run --short|--medium|--full`` runs the cases of :mod:`benchmarks.cases`, writes
one JSON file and ``docs/performance.md`` and prints the targets. Everything it makes lies in
``.bench/``.
"""

from __future__ import annotations
