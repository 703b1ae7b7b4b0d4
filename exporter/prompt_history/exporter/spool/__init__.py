"""Append-only files that hold records until the store has confirmed them. Format: docs/reference/spool-format.md."""

from prompt_history.exporter.spool.frame import DAMAGED, RECORD, START, UNKNOWN, Frame
from prompt_history.exporter.spool.losses import read_losses
from prompt_history.exporter.spool.reader import confirmed, in_use, pending, read, scan, segments, unconfirmed
from prompt_history.exporter.spool.writer import Spool

__all__ = [
    "DAMAGED",
    "RECORD",
    "START",
    "UNKNOWN",
    "Frame",
    "Spool",
    "confirmed",
    "in_use",
    "pending",
    "read",
    "read_losses",
    "scan",
    "segments",
    "unconfirmed",
]
