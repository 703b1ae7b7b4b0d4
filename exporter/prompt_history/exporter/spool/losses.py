"""What writers could not keep, told to whoever asks later: the process that counted it may be gone."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

LOSSES: Final = "losses.ndjson"
_EVERY: Final = 100


def note(directory: Path, writer: str, what: str, count: int) -> None:
    """Notes that `writer` has now counted `what` `count` times: each of the first hundred, then each hundredth.

    One small line, for which a full disk often still has room. Never raises.
    """
    if count > _EVERY and count % _EVERY:
        return
    line = json.dumps({"writer": writer, "what": what, "count": count}) + "\n"
    with suppress(OSError):
        descriptor = os.open(directory / LOSSES, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def read_losses(directory: Path) -> dict[str, int]:
    """`dropped: REASON` and `without content: REASON`, at least so often, over all writers. Empty for none."""
    highest: dict[tuple[str, str], int] = {}
    try:
        lines = (directory / LOSSES).read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            key = (str(found["writer"]), str(found["what"]))
            highest[key] = max(highest.get(key, 0), int(found["count"]))
    sums: Counter[str] = Counter()
    for (_, what), count in highest.items():
        sums[what] += count
    return dict(sums)
