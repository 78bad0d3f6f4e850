"""The core of segment exports: plain Python over Arrow that imports no Airflow.

Segments of Dynamics 365 Customer Insights become contacts and list membership in Autopilot.
``docs/architecture.md`` says which module does what and what the files between the steps hold.
"""

from __future__ import annotations

import os

# Arrow's own allocator keeps what it frees: at 1,000,000 contacts the peak of a task was 25 to 65 MB higher
# with it, and no faster. Arrow reads this once, when it is imported first; a caller's own choice stays.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
