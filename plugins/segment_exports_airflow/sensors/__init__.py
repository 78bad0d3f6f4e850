"""Sensors: steps that may have to wait, and hold no worker slot meanwhile."""
