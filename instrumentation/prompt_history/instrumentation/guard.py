"""Keeps our failures out of the application without hiding them."""

from __future__ import annotations

import logging
import os
import traceback
from collections import Counter
from types import TracebackType

log = logging.getLogger("prompt_history")
failures: Counter[str] = Counter()
"""How often this process could not do what, by what we were doing."""
_seen: set[tuple[str, str]] = set()


def failed(doing: str, error: BaseException) -> None:
    """Counts our failure, logs it once per place as a warning and then for debugging.

    The log has the type and the place but not the text of an error, which can quote a prompt.
    With `PROMPT_HISTORY_STRICT` set, as in our tests, the error is raised.
    """
    if os.environ.get("PROMPT_HISTORY_STRICT"):
        raise error
    failures[doing] += 1
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    level = logging.DEBUG if (doing, place) in _seen else logging.WARNING
    _seen.add((doing, place))
    log.log(
        level,
        "Could not %s: %s at %s. The application's call is unaffected.",
        doing,
        type(error).__name__,
        place,
    )


class guard:
    """`with guard("do this"):` keeps what is raised inside from the application.

    A class, because a generator-based context manager costs more than a microsecond on the way of every call.
    """

    __slots__ = ("doing",)

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        failed(self.doing, error)
        return True
