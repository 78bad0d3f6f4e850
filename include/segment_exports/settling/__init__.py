"""From receipts to ledger, history, report and refused file."""
