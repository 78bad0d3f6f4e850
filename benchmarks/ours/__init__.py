"""This project on the benchmark's work: its definition, its engine in one process, its steps one by one."""

from __future__ import annotations
