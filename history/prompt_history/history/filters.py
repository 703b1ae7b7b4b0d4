"""What to look for in the history, apart from words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Filters:
    """All that is set must hold."""

    user: str | None = None
    session: str | None = None
    conversation: str | None = None
    model: str | None = None
    """As requested or as answered."""
    provider: str | None = None
    service: str | None = None
    operation: str | None = None
    outcome: str | None = None
    error: bool = False
    """Only calls that failed."""
    prompt: str | None = None
    """Name of a prompt, or `NAME@VERSION`."""
    tool: str | None = None
    """Name of a tool that the response calls."""
    slow: float | None = None
    """Seconds that the call took at least."""
    since: int | None = None
    """Milliseconds since the epoch, included."""
    until: int | None = None
    """Milliseconds since the epoch, not included."""

    def where(self) -> tuple[str, list[Any]]:
        """An SQL condition over the columns of `record`, and its parameters."""
        conditions = [(f"{name} = ?", getattr(self, name)) for name in _EQUAL]
        conditions += [("? IN (model, response_model)", self.model), ("ms >= ?", self.since), ("ms < ?", self.until)]
        conditions.append(("EXISTS (SELECT 1 FROM json_each(tools_called) WHERE value = ?)", self.tool))
        if self.slow is not None:
            conditions.append(("duration >= ?", round(self.slow * 1e9)))
        if self.prompt is not None:
            name, _, version = self.prompt.rpartition("@") if "@" in self.prompt else (self.prompt, "", "")
            conditions += [("prompt = ?", name), ("prompt_version = ?", version or None)]
        given = [(condition, value) for condition, value in conditions if value is not None]
        texts = [condition for condition, _ in given] + (["outcome = 'error'"] if self.error else [])
        return " AND ".join(texts) or "1", [value for _, value in given]


_EQUAL = ("user", "session", "conversation", "provider", "service", "operation", "outcome")
