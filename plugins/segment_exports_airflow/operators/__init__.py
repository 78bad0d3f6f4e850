"""Operators: one per step of an export."""
