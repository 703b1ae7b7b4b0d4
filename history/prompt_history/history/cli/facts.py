"""What people want to know of a record, in words: for tables, lines and `show`. Knows nothing of terminals."""

from __future__ import annotations

from typing import Any

from prompt_history.exporter.stores import Record
from prompt_history.exporter.stores.rows import instant

from ..ids import SHORT
from ..queries import Found
from .output import neutral
from .times import local, offset


def short_id(found: Found) -> str:
    """The beginning of the span id."""
    return found.key[2][:SHORT]


def zone(found: list[Found], *, utc: bool) -> str:
    """The one offset of all their times; empty when they differ, as over a change of the clocks."""
    offsets = {offset(local(one.key[0], utc=utc)) for one in found}
    return offsets.pop() if len(offsets) == 1 else ""


def when(found: Found, *, utc: bool, with_zone: bool = False) -> str:
    moment = local(found.key[0], utc=utc)
    return f"{moment:%m-%d %H:%M:%S}" + (f" {offset(moment)}" if with_zone else "")


def exact_time(record: Record, *, utc: bool) -> str:
    ms, _ = instant(record["@timestamp"])
    moment = local(ms, utc=utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ms % 1000:03d} {offset(moment)}"


def attribute(record: Record, name: str) -> str:
    """An attribute as one line of text; empty when absent."""
    value = record["attributes"].get(name)
    if value is None:
        return ""
    if isinstance(value, list):
        return neutral(", ".join(map(str, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return neutral(" ".join(str(value).split()))


def service(record: Record) -> str:
    name = record.get("resource", {}).get("attributes", {}).get("service.name")
    return neutral(str(name)) if name is not None else ""


def model(record: Record) -> str:
    """The model that answered, else the one that was asked."""
    return attribute(record, "gen_ai.response.model") or attribute(record, "gen_ai.request.model")


def latency(record: Record) -> str:
    return duration(record.get("duration", 0) / 1e9)


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 100 else f"{seconds / 60:.1f}min"


def tokens(record: Record) -> str:
    """`25→7`: in and out."""
    asked, said = (record["attributes"].get(f"gen_ai.usage.{side}_tokens") for side in ("input", "output"))
    if asked is None and said is None:
        return ""
    return f"{'?' if asked is None else asked}→{'?' if said is None else said}"


def outcome(record: Record) -> str:
    """`ok`, or what went wrong."""
    error = attribute(record, "error.type")
    return (
        error
        if error and attribute(record, "prompt_history.outcome") == "error"
        else (attribute(record, "prompt_history.outcome"))
    )


def failed(record: Record) -> bool:
    return record["attributes"].get("prompt_history.outcome") not in ("ok", None)


def preview(record: Record) -> str:
    """What was asked, or said where nothing was asked."""
    return (
        attribute(record, "prompt_history.input.preview")
        or attribute(record, "prompt_history.output.preview")
        or neutral(str(record.get("name", "")))
    )


def size(count: float) -> str:
    """Bytes for reading."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def parameters(record: Record) -> list[tuple[str, Any]]:
    """Request parameters that have an attribute, and the rest as JSON."""
    prefix = "gen_ai.request."
    found = [
        (name.removeprefix(prefix), attribute(record, name))
        for name in record["attributes"]
        if name.startswith(prefix) and name not in (prefix + "model", prefix + "stream")
    ]
    extra = attribute(record, "prompt_history.request.extra")
    return found + ([("extra", extra)] if extra else [])
