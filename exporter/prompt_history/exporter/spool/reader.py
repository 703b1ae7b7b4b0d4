"""Reads segments, also while their writers append to them. Takes no lock that a writer could notice."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from prompt_history.exporter.spool.frame import (
    DAMAGED,
    HEADER_BYTES,
    MAGIC,
    RECORD,
    UNKNOWN,
    Frame,
    length_at,
    parse,
)

CURSOR = "cursor.json"
SUFFIX = ".seg"
_WINDOW = 256 * 1024


def segments(directory: Path) -> list[str]:
    """Names of the segments in `directory`, oldest first; empty when there is no such directory."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
    except FileNotFoundError:
        return []


def writer_of(name: str) -> str:
    """Who wrote the segment: the same text in the names of all segments of one process."""
    return name.partition("-")[2].removesuffix(SUFFIX)


def in_use(path: Path) -> bool:
    """Whether the segment's writer lives and has it open."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read(path: Path, offset: int = 0) -> Iterator[Frame]:
    """The whole frames of known kind from `offset` on.

    Stops before a frame that is not complete yet, steps over damage. Raises `OSError`, `FileNotFoundError` included.
    """
    return (frame for frame in scan(path, offset) if frame.kind not in (DAMAGED, UNKNOWN))


def scan(path: Path, offset: int = 0, *, sealed: bool = False) -> Iterator[Frame]:
    """Like `read`, and tells what else stands there: frames of kind `DAMAGED` and `UNKNOWN`.

    `sealed` says that the segment has no writer any more: damage at its end is then told as well. A torn last frame
    and zero bytes at the end are neither: the first was never acknowledged, the second never written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield from _scan(_Window(descriptor), offset, sealed)
    finally:
        os.close(descriptor)


def confirmed(directory: Path) -> dict[str, int]:
    """How far each segment is confirmed by the store, in bytes. Empty when unknown: records are then sent again."""
    try:
        cursor = json.loads((directory / CURSOR).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(cursor, dict):
        return {}
    return {name: offset for name, offset in cursor.items() if isinstance(offset, int) and offset >= 0}


def pending(directory: Path) -> Iterator[tuple[str, Frame]]:
    """Segment name and frame of everything that the store has not confirmed, oldest segment first.

    Read the spool before the store, and drop what both have: a record that is shipped meanwhile is then in one of
    them at least. Segments that vanish meanwhile are shipped, and skipped.
    """
    cursor = confirmed(directory)
    for name in segments(directory):
        try:
            for frame in read(directory / name, cursor.get(name, 0)):
                yield name, frame
        except FileNotFoundError:
            continue


def unconfirmed(directory: Path) -> bool:
    """Whether a finished call waits for the store."""
    return any(frame.kind == RECORD for _, frame in pending(directory))


class _Window:
    """A part of a file in memory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start = 0
        self._data = b""

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer at the end of the file."""
        begin = offset - self._start
        if begin < 0 or begin + size > len(self._data):
            self._start, begin = offset, 0
            self._data = self._read(offset, max(size, _WINDOW))
        return self._data[begin : begin + size]

    def forget(self) -> None:
        """What is asked for next comes from the file."""
        self._data = b""

    def _read(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size and (more := os.pread(self._descriptor, size - len(data), offset + len(data))):
            data += more
        return data


def _scan(window: _Window, offset: int, sealed: bool) -> Iterator[Frame]:
    while True:
        frame = _frame_at(window, offset)
        if frame is None:
            following = _next_frame(window, offset + 1)
            # A writer that could not finish a frame takes it back and puts the next one in its place. Now that a
            # frame stands behind it, this place is final: look once more before calling it damage.
            window.forget()
            frame = _frame_at(window, offset)
            if frame is None and following is None:
                if sealed and (rest := _damage_at_end(window, offset)):
                    yield Frame(DAMAGED, rest, offset + len(rest), offset)
                return
            if frame is None and following is not None:
                frame = Frame(DAMAGED, window.bytes_at(offset, following - offset), following, offset)
        if frame is not None:
            yield frame
            offset = frame.end_offset


def _frame_at(window: _Window, offset: int) -> Frame | None:
    length = length_at(window.bytes_at(offset, HEADER_BYTES))
    if length is None:
        return None
    raw = window.bytes_at(offset, HEADER_BYTES + length)
    return parse(raw, offset) if len(raw) == HEADER_BYTES + length else None


def _next_frame(window: _Window, offset: int) -> int | None:
    """Where the first whole frame at or behind `offset` begins."""
    while len(chunk := window.bytes_at(offset, _WINDOW)) >= len(MAGIC):
        found = chunk.find(MAGIC)
        if found < 0:
            offset += len(chunk) - len(MAGIC) + 1  # the magic may lie across two chunks
            continue
        if _frame_at(window, offset + found) is not None:
            return offset + found
        offset += found + 1
    return None


def _damage_at_end(window: _Window, offset: int) -> bytes:
    """The bytes from `offset` to the end of the file, or none when they are a torn frame or zeros."""
    rest = b""
    while chunk := window.bytes_at(offset + len(rest), _WINDOW):
        rest += chunk
    length = length_at(rest[:HEADER_BYTES])
    torn = MAGIC.startswith(rest[:4]) if len(rest) < HEADER_BYTES else length is not None
    if torn and (length is None or len(rest) < HEADER_BYTES + length):
        return b""
    return rest if rest.strip(b"\0") else b""
