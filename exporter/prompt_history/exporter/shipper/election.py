"""Who leads: the holder of the lock on one file."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from prompt_history.exporter.spool.segment import make_directory

LOCK = "shipper.lock"


class Election:
    """One candidate. The system takes the lead back from a process that dies, `kill -9` included."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._descriptor: int | None = None
        self.term = 0
        """How often this candidate has become the leader."""
        _candidates.add(self)

    def lead(self) -> bool:
        """Whether this candidate leads, now that it has tried. Raises `OSError`."""
        if self._descriptor is not None:
            if self._valid(self._descriptor):
                return True
            self.resign()  # somebody removed the directory: another may lead in the new one
        make_directory(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._locked = descriptor, os.fstat(descriptor)
        self.term += 1
        return True

    def resign(self) -> None:
        """Lets another lead. In a forked child: lets go of the parent's lock without releasing it. Never raises."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and self._ours(descriptor):
            os.close(descriptor)

    def _valid(self, descriptor: int) -> bool:
        """Whether the lock is still the one that others try for: the application or a user may have removed it."""
        try:
            return self._ours(descriptor) and os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False

    def _ours(self, descriptor: int) -> bool:
        """Whether the descriptor is not another file's by now."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._locked)
        except OSError:
            return False


def somebody_leads(directory: Path) -> bool:
    """Whether a shipper leads in `directory`. Raises `OSError`."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


_candidates: weakref.WeakSet[Election] = weakref.WeakSet()


def _after_fork() -> None:
    for candidate in list(_candidates):
        candidate.resign()


os.register_at_fork(after_in_child=_after_fork)
