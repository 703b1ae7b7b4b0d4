"""Keeps records on the application's thread: one `writev` each, no lock between processes."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from prompt_history.exporter.spool import losses
from prompt_history.exporter.spool.frame import HEADER_BYTES, MAX_PAYLOAD, RECORD, header
from prompt_history.exporter.spool.reader import SUFFIX
from prompt_history.exporter.spool.room import RESERVE_BYTES, NoRoom, Room
from prompt_history.exporter.spool.segment import Segment, make_directory
from prompt_history.exporter.spool.sync import Flusher, sync, sync_directory

_LOST: Final = ("dropped", "without content")
SEGMENT_BYTES: Final = 64 * 1024 * 1024
SEGMENT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0
_BLOCK_STEP_SECONDS: Final = 0.005
_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Spool:
    """The writing side of a spool directory, for all threads of a process and for its forks."""

    _segment: Segment | None

    def __init__(
        self,
        directory: Path,
        *,
        durability: Literal["process", "host", "record"] = "process",
        max_bytes: int = 0,
        when_full: Literal["metadata", "drop", "block"] = "metadata",
        block_ms: int = 0,
    ) -> None:
        """Touches nothing yet: directory and files come with the first record.

        `max_bytes` is what all segments may have together; 0 is 10 GiB, at most a fifth of the file system.
        """
        self.counts: Counter[str] = Counter()
        """What this process did: `spooled`, `without content: REASON`, `dropped: REASON`, `not synced: REASON`, …"""
        self._directory = directory
        self._durability = durability
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._block_seconds = block_ms / 1000
        self._stamp = 0
        self._begin()
        _spools.add(self)

    def append(self, payload: bytes, kind: int = RECORD, fallback: Callable[[], bytes] | None = None) -> bool:
        """Whether the record is kept: once true, it survives `kill -9`, and more with a higher durability.

        `payload` is UTF-8 text. `fallback` gives the record without content, for a full spool. Never raises; what is
        not kept is counted with its reason.
        """
        try:
            try:
                self._put(payload, kind, 0)
            except NoRoom as full:
                return self._append_without_room(payload, kind, fallback, full)
            return True
        except Exception as error:
            self._count(f"dropped: {reason(error)}")
            return False

    def close(self) -> None:
        """Seals the active segment; the next record opens another. Never raises."""
        with self._lock:
            segment, self._segment = self._segment, None
            self._look_at = 0.0
            if segment is not None:
                self._let_go(segment)

    def _begin(self) -> None:
        """The state of a process that has written nothing."""
        self._pid = os.getpid()
        self._writer = f"{self._pid}-{os.urandom(4).hex()}"
        # Reentrant, as a signal handler or a finaliser can record a call while this thread appends another.
        self._lock = threading.RLock()
        self._busy = False
        self._segment = None
        self._segment_bytes = SEGMENT_BYTES
        self._until = 0.0
        self._look_at = 0.0
        self._room = Room(self._directory, self._max_bytes)
        self._flusher = Flusher(self._not_synced) if self._durability == "host" else None

    def _forked(self) -> None:
        """Leaves the segment to the parent: its lock would live as long as our copy of the descriptor."""
        if self._pid == os.getpid():
            return
        if self._segment is not None:
            self._segment.close()
        if self._flusher is not None:
            self._flusher.abandon()
        self.counts.clear()
        self._begin()

    def _put(self, payload: bytes, kind: int, beyond: int) -> None:
        """Appends one frame, up to `beyond` bytes over the cap. Raises `NoRoom` and `OSError`."""
        if len(payload) > MAX_PAYLOAD:
            raise NoRoom("too large")
        head = header(kind, payload)
        if self._pid != os.getpid():
            self._forked()
        if sys.is_finalizing():  # a daemon thread may have been stopped for ever with the lock in its hands
            self._put_aside(head, payload)
            self.counts["spooled"] += 1
            return
        with self._lock:
            if self._busy:
                self._put_aside(head, payload)
            else:
                self._busy = True
                try:
                    self._put_in_segment(head, payload, beyond)
                finally:
                    self._busy = False
            self.counts["spooled"] += 1

    def _put_in_segment(self, head: bytes, payload: bytes, beyond: int) -> None:
        now = time.monotonic()
        segment = self._segment
        if segment is None or now >= self._look_at or segment.size >= self._segment_bytes:
            segment = self._usable_segment(now)
        size = HEADER_BYTES + len(payload)
        if size > self._room.left and not self._room.fits(size, beyond, now):
            raise NoRoom("full")
        try:
            segment.append(head, payload)
        except OSError as error:
            segment = self._append_again(segment, head, payload, error)
        self._room.left -= size
        if self._flusher is not None:
            self._flusher.written(segment)
        elif self._durability == "record":
            try:
                sync(segment)
            except OSError:
                segment.spoiled = True
                self._look_at = 0.0
                raise

    def _append_again(self, segment: Segment, head: bytes, payload: bytes, error: OSError) -> Segment:
        """Once more, after making room on a full disk, or else in a new segment; returns the segment written to."""
        if error.errno in _DISK_FULL:
            self._room.give_up_reserve()
        if error.errno not in _DISK_FULL or segment.spoiled:
            segment.spoiled = True
            segment = self._usable_segment(time.monotonic())
        try:
            segment.append(head, payload)
        except OSError as again:
            if segment.spoiled:
                self._look_at = 0.0
            if again.errno in _DISK_FULL:
                raise NoRoom(reason(again)) from None
            raise
        return segment

    def _put_aside(self, head: bytes, payload: bytes) -> None:
        """A segment for one frame, as the active one may be in the middle of a frame."""
        segment = self._create_segment()
        try:
            segment.append(head, payload)
            if self._durability != "process":
                sync(segment)
        finally:
            segment.close()

    def _append_without_room(
        self, payload: bytes, kind: int, fallback: Callable[[], bytes] | None, full: NoRoom
    ) -> bool:
        why = full.args[0]
        if self._when_full == "block" and why != "too large" and self._wait_for_room(payload, kind):
            return True
        if self._when_full != "drop" and fallback is not None:
            try:
                self._put(fallback(), kind, RESERVE_BYTES)
            except NoRoom as still:
                why = still.args[0]
            else:
                self._count(f"without content: {why}")
                return True
        self._count(f"dropped: {why}")
        return False

    def _wait_for_room(self, payload: bytes, kind: int) -> bool:
        if _on_event_loop():
            return False
        deadline = time.monotonic() + self._block_seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(_BLOCK_STEP_SECONDS, left))
            try:
                self._put(payload, kind, 0)
            except NoRoom:
                continue
            return True
        return False

    def _usable_segment(self, now: float) -> Segment:
        """The active segment, or a new one where that is full, old, spoiled or gone. Raises `OSError`."""
        segment = self._segment
        if segment is None or segment.spoiled or not segment.intact():
            self._look_at = 0.0
            segment = self._next_segment(now)
        elif segment.size and (segment.size >= self._segment_bytes or now >= self._until):
            try:
                segment = self._next_segment(now)
            except OSError as error:
                self._count(f"not rolled: {reason(error)}")
        self._look_at = now + _LOOK_SECONDS
        return segment

    def _next_segment(self, now: float) -> Segment:
        """Opens a segment and only then seals the one before, so that this writer never looks dead."""
        before, segment = self._segment, self._create_segment()
        self._segment = segment
        if before is not None:
            self._let_go(before)
        self._room.look_again()
        # An active segment cannot be removed: it must not be what fills a small spool.
        self._segment_bytes = min(SEGMENT_BYTES, self._room.cap() // 8)
        # The more segments wait for the store, the longer each gets: looking through them must stay cheap.
        self._until = now + SEGMENT_SECONDS * max(1.0, self._room.segments / 100)
        try:
            self._room.keep_reserve()
        except OSError as error:
            self._count(f"no reserve: {reason(error)}")
        return segment

    def _create_segment(self) -> Segment:
        self._stamp = max(time.time_ns(), self._stamp + 1)  # in order also when the clock is set back
        path = self._directory / f"{self._stamp:020d}-{self._writer}{SUFFIX}"
        try:
            make_directory(self._directory)
            segment = Segment(path)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            self._room.give_up_reserve()
            segment = Segment(path)
        if self._durability == "record":
            sync_directory(self._directory)
        return segment

    def _let_go(self, segment: Segment) -> None:
        if self._flusher is not None:
            self._flusher.sealed(segment)
        else:
            segment.close()

    def _not_synced(self, error: OSError) -> None:
        self._count(f"not synced: {reason(error)}")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
            count = self.counts[what]
        if what.startswith(_LOST):
            losses.note(self._directory, self._writer, what, count)


def reason(error: BaseException) -> str:
    """The error's type, and for one of the system its name (`OSError ENOSPC`): never its text, which can quote."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"OSError {errno.errorcode.get(error.errno, error.errno)}"
    return type(error).__name__


def _on_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool._forked()


os.register_at_fork(after_in_child=_after_fork)
