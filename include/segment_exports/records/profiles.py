"""Columns that every segment of ``profiles/`` has or may have, whatever its attributes."""

from __future__ import annotations

CUSTOMER_ID = "CustomerId"
PREVIOUS_CUSTOMER_ID = "PreviousCustomerId"
"""Ids that merged into this customer, separated by semicolons; read where the source has it."""
