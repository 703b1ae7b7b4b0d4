"""Moves records from the spool to the store: one shipper leads per spool directory, and confirms what the store has."""

from prompt_history.exporter.shipper.application import ApplicationShipper, start_thread
from prompt_history.exporter.shipper.process import run_process, shipper_of, spawn
from prompt_history.exporter.shipper.progress import read_ledger
from prompt_history.exporter.shipper.ship import Shipper

__all__ = [
    "ApplicationShipper",
    "Shipper",
    "read_ledger",
    "run_process",
    "shipper_of",
    "spawn",
    "start_thread",
]
