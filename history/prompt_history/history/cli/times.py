"""Times as people type and read them."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def seconds(text: str) -> float:
    """`1.5s`, `200ms`, `2m`, … in seconds. Raises `ValueError`."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("write 200ms, 2s, 5m, 3h, 2d or 1w")
    return float(match[1]) * (0.001 if match[2] == "ms" else _UNITS[match[2]])


def moment(text: str, *, utc: bool, end: bool = False) -> int:
    """Milliseconds since the epoch of `2h` (ago), `2026-11-24` or an RFC 3339 time.

    Local unless `utc`, or the text has an offset. A date is its first moment, or with `end` the first one behind it.
    Raises `ValueError`.
    """
    text = text.strip()
    if _SPAN.fullmatch(text.lower()):
        return round((time.time() - seconds(text)) * 1000)
    try:
        # Python 3.10 does not read the Z.
        when = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
        if end and _DATE.fullmatch(text):
            when += timedelta(days=1)
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc) if utc else when.astimezone()
        return round(when.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise ValueError("write 2h, 2026-11-24 or 2026-11-24T09:30:00+09:00") from None


def local(ms: int, *, utc: bool) -> datetime:
    """The moment in the zone to show it in."""
    when = datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=ms)
    return when if utc else when.astimezone()


def offset(when: datetime) -> str:
    """`+09:00`, or `UTC`."""
    text = when.strftime("%z")
    return "UTC" if text == "+0000" else f"{text[:3]}:{text[3:5]}"
