"""What the shipper cannot send is kept here: dead letters, and bytes that are no frame."""

from __future__ import annotations

import base64
import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from prompt_history.exporter.spool.frame import Frame

DEAD_LETTERS = "dead-letters.ndjson"
QUARANTINE = "quarantine"


def add_dead_letter(directory: Path, segment: str, offset: int, payload: bytes, reason: str) -> None:
    """Appends a line `{reason, segment, offset, record}` to the dead letters; for what is no JSON `raw`, in base64.

    Raises `OSError`, and then leaves the file as it was.
    """
    letter: dict[str, Any] = {"reason": reason, "segment": segment, "offset": offset}
    try:
        line = orjson.dumps({**letter, "record": orjson.loads(payload)})
    except ValueError:
        line = orjson.dumps({**letter, "raw": base64.b64encode(payload).decode()})
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(directory / DEAD_LETTERS, flags, 0o600)
    try:
        end = os.fstat(descriptor).st_size
        if os.write(descriptor, line + b"\n") != len(line) + 1:
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, "short write")
    finally:
        os.close(descriptor)


def quarantine(directory: Path, segment: str, frame: Frame) -> None:
    """Copies the raw bytes of `frame` to a file of their own, once. Raises `OSError`, and then leaves none."""
    place = directory / QUARANTINE
    place.mkdir(mode=0o700, exist_ok=True)
    path = place / f"{segment}.{frame.offset}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        if os.write(descriptor, frame.payload) != len(frame.payload):
            raise OSError(errno.ENOSPC, "short write")
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)
