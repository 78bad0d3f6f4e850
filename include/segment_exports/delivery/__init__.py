"""Delivery of one chunk: batches, splitting, retries, pacing, receipts and resume."""
