"""The file that a process appends to."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path


def make_directory(directory: Path) -> None:
    """Creates the spool directory and the data directory around it, for this user alone. Raises `OSError`."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


class Segment:
    """A file that is locked as long as it is open: the lock tells the shipper that the writer lives."""

    __slots__ = ("_identity", "descriptor", "path", "size", "spoiled")

    def __init__(self, path: Path) -> None:
        """Creates the file. Raises `OSError`."""
        # Under its final name an unlocked empty file would be a finished segment, and the shipper would remove it.
        new = path.with_suffix(".new")
        self.path = path
        self.descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.size = 0
        self.spoiled = False
        """Nothing more may be appended."""
        status = os.fstat(self.descriptor)
        self._identity = (status.st_dev, status.st_ino)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(path)
        except OSError:
            os.close(self.descriptor)
            with suppress(OSError):
                new.unlink()
            raise

    def append(self, head: bytes, payload: bytes) -> None:
        """Writes one frame. Raises `OSError`; the file then ends where it ended before, or is spoiled."""
        size = len(head) + len(payload)
        written = 0
        try:
            written = os.writev(self.descriptor, (head, payload))
            if written != size:
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            self._take_back(written)
            raise
        self.size += size

    def intact(self) -> bool:
        """Whether the file is still in its directory and the descriptor still ours: the application may close any."""
        try:
            status = os.fstat(self.descriptor)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity and status.st_nlink > 0

    def close(self) -> None:
        """Seals the segment. Leaves a descriptor alone that is another file's by now. Never raises."""
        with suppress(OSError):
            status = os.fstat(self.descriptor)
            if (status.st_dev, status.st_ino) == self._identity:
                os.close(self.descriptor)

    def _take_back(self, written: int) -> None:
        """Cuts off the last `written` bytes."""
        try:
            # The position, not `size`: a signal handler may have raised between a write and its accounting.
            end = os.lseek(self.descriptor, 0, os.SEEK_CUR) - written
            os.ftruncate(self.descriptor, end)
            os.lseek(self.descriptor, end, os.SEEK_SET)
        except OSError:
            self.spoiled = True
