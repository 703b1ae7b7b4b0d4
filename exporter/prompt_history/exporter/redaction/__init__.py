"""What is removed or replaced before anything leaves the process."""

from __future__ import annotations

from typing import Any

from prompt_history.instrumentation.contract import Redacted


def keep_content(field: str, value: Any) -> Redacted:
    """The redactor of a process without a policy: leaves everything as it is."""
    return Redacted(value)
