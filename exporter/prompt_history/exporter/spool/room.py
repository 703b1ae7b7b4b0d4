"""How much the spool may still hold, and the space that it keeps back for a full disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prompt_history.exporter.spool.reader import SUFFIX

DEFAULT_BYTES: Final = 10 * 1024**3
RESERVE_BYTES: Final = 16 * 1024 * 1024
"""What records without content may take beyond the cap, and the size of the file that is given up on a full disk."""
_STEP: Final = 4 * 1024 * 1024
_PAUSE_SECONDS: Final = 0.1


class NoRoom(Exception):
    """The record does not fit. `args[0]` is the reason for the count."""


class Room:
    """The space of one spool directory. Other processes use it too, so it is measured every few megabytes."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._reserve = directory / "reserve"
        self._cap = max_bytes
        self._measure_at = 0.0
        self.left = 0
        """Bytes that may be written before the next look at the directory; negative beyond the cap."""
        self.segments = 0
        """How many segments there were at the last look."""

    def cap(self) -> int:
        """How many bytes all segments together may have. Raises `OSError` without the directory."""
        if self._cap == 0:
            system = os.statvfs(self._directory)
            self._cap = min(DEFAULT_BYTES, system.f_blocks * system.f_frsize // 5)
        return self._cap

    def look_again(self) -> None:
        """The next `fits` measures."""
        self.left = 0
        self._measure_at = 0.0

    def fits(self, size: int, beyond: int, now: float) -> bool:
        """Whether `size` bytes may be written, if need be up to `beyond` bytes over the cap."""
        if now >= self._measure_at:
            free = self.cap() - self._used()
            self.left = free if free < _STEP else max(_STEP, min(free, size))
            if size > self.left:
                self._measure_at = now + _PAUSE_SECONDS  # a full spool must not cost a look for each record
        return size <= self.left + beyond

    def keep_reserve(self) -> None:
        """Sets the reserve aside if there is none. Raises `OSError`, and then leaves none."""
        try:
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return
        try:
            _allocate(descriptor, RESERVE_BYTES)
        except OSError:
            self.give_up_reserve()
            raise
        finally:
            os.close(descriptor)

    def give_up_reserve(self) -> None:
        """Frees the reserve, if it is still there."""
        with suppress(OSError):
            self._reserve.unlink()

    def _used(self) -> int:
        total = count = 0
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    with suppress(FileNotFoundError):
                        total += entry.stat().st_size
                        count += 1
        self.segments = count
        return total


def _write_zeros(descriptor: int, size: int) -> None:
    block = bytes(1024 * 1024)
    for _ in range(size // len(block)):
        os.write(descriptor, block)


def _allocate(descriptor: int, size: int) -> None:
    allocate: Callable[[int, int, int], None] | None = getattr(os, "posix_fallocate", None)
    if allocate is None:  # macOS
        _write_zeros(descriptor, size)
    else:
        allocate(descriptor, 0, size)
