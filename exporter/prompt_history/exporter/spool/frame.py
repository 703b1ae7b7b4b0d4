"""One frame of a segment: 16 bytes of header, then the payload."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from zlib import crc32

MAGIC: Final = b"\xf5PHS"
"""The first byte cannot occur in UTF-8, so it occurs in no payload: where it stands, a frame begins."""
VERSION: Final = 1
RECORD: Final = 1
"""A finished call."""
START: Final = 2
"""A call under way: it counts when its writer died before it wrote the record."""
DAMAGED: Final = -1
"""In what `scan` yields: bytes between two frames that are no frame."""
UNKNOWN: Final = -2
"""In what `scan` yields: a whole frame of a version, kind or flag that this reader does not know."""
MAX_PAYLOAD: Final = 64 * 1024 * 1024
"""A length above it is a damaged header."""
HEADER_BYTES: Final = 16

_HEAD = struct.Struct("<4sBBHI")
_CHECK = struct.Struct("<I")


class Frame(NamedTuple):
    """What stands in a segment from `offset` to `end_offset`."""

    kind: int
    """`RECORD` or `START`; from `scan` also `DAMAGED` or `UNKNOWN`, whose payload is the raw bytes, header included."""
    payload: bytes
    end_offset: int
    """Where the next frame begins: the cursor once this one is confirmed."""
    offset: int


def header(kind: int, payload: bytes) -> bytes:
    """The 16 bytes that stand before `payload`."""
    head = _HEAD.pack(MAGIC, VERSION, kind, 0, len(payload))
    return head + _CHECK.pack(crc32(payload, crc32(head)))


def length_at(head: bytes) -> int | None:
    """How long the payload behind `head` claims to be, or `None` when `head` is no header."""
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
        return None
    length = _HEAD.unpack_from(head)[4]
    return length if length <= MAX_PAYLOAD else None


def parse(raw: bytes, offset: int) -> Frame | None:
    """The frame whose header and payload are exactly `raw`, which stands at `offset`; `None` when its check fails."""
    _, version, kind, flags, _ = _HEAD.unpack_from(raw)
    (check,) = _CHECK.unpack_from(raw, _HEAD.size)
    payload = raw[HEADER_BYTES:]
    if crc32(payload, crc32(raw[: _HEAD.size])) != check:
        return None
    end = offset + len(raw)
    if version != VERSION or flags or kind not in (RECORD, START):
        return Frame(UNKNOWN, raw, end, offset)
    return Frame(kind, payload, end, offset)
