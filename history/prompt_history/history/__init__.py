"""The reading side: finds records in the embedded history, also those that still wait in the spool.

from prompt_history.history import Filters, History
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would take longer than all the rest of `prompt-history --version`
if TYPE_CHECKING:
    from typing import Any

    from .filters import Filters
    from .reading import Ambiguous, Found, History, NotFound, Statistics

__all__ = ["Ambiguous", "Filters", "Found", "History", "NotFound", "Statistics"]


def __getattr__(name: str) -> Any:
    """Loads what is asked for only then: `prompt-history --version` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import filters, reading

    return getattr(filters if name == "Filters" else reading, name)
