"""Brings segments to the disk, so that records survive power loss."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prompt_history.exporter.spool.segment import Segment

INTERVAL_SECONDS: Final = 0.05

_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


def sync_directory(directory: Path) -> None:
    """Makes names in `directory` survive power loss. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(segment: Segment) -> None:
    """Makes the content of `segment` survive power loss. Raises `OSError`."""
    _sync(segment.descriptor)


class Flusher:
    """Syncs what was written within 50 ms, on a daemon thread that sleeps while nothing is written.

    It alone closes the segments that it is given: a descriptor is never closed while the thread syncs it.
    """

    def __init__(self, failed: Callable[[OSError], None]) -> None:
        """`failed` is told what could not be synced."""
        self._failed = failed
        self._current: Segment | None = None
        self._entered: Segment | None = None
        self._sealed: list[Segment] = []
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None

    def written(self, segment: Segment) -> None:
        """`segment` has something new."""
        self._current = segment
        self._wake()

    def sealed(self, segment: Segment) -> None:
        """`segment` is written to no more: sync it a last time and close it."""
        with self._lock:
            self._sealed.append(segment)
            if self._current is segment:
                self._current = None
        self._wake()

    def abandon(self) -> None:
        """In the child of a fork, where the thread is not: lets go of the segments, which are the parent's."""
        for segment in self._sealed:
            segment.close()

    def _wake(self) -> None:
        if not self._work.is_set():
            self._work.set()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="prompt-history-sync", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter exits
                self._flush()
            else:
                self._thread = thread

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            self._flush()
            time.sleep(INTERVAL_SECONDS)

    def _flush(self) -> None:
        with self._lock:
            current, sealed = self._current, list(self._sealed)
        for segment in sealed:
            self._bring_to_disk(segment)
            with self._lock:
                segment.close()
                self._sealed.remove(segment)
        if current is not None:
            self._bring_to_disk(current)

    def _bring_to_disk(self, segment: Segment) -> None:
        try:
            if segment is not self._entered:
                sync_directory(segment.path.parent)
                self._entered = segment
            sync(segment)
        except OSError as error:
            self._failed(error)
