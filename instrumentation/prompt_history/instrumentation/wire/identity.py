"""Who and what a request says that it is for: the same keys in all of OpenAI's operations, and Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Body


def identity(request: Body) -> dict[str, Any]:
    """`user.id` and `session.id`, where the request gives them as text."""
    found: dict[str, Any] = {}
    metadata = request.get("metadata")
    if not isinstance(metadata, Mapping):
        metadata = {}
    user = text(request.get("safety_identifier")) or text(request.get("user")) or text(metadata.get("user_id"))
    if user is not None:
        found["user.id"] = user
    session = text(metadata.get("session_id"))
    if session is not None:
        found["session.id"] = session
    return found


def text(value: Any) -> str | None:
    """`value` if it is text and not empty."""
    return value if isinstance(value, str) and value else None


def output_type(format: Any) -> dict[str, Any]:
    """`gen_ai.output.type`, from the object that says which format the answer shall have."""
    kind = format.get("type") if isinstance(format, Mapping) else None
    if kind == "text":
        return {"gen_ai.output.type": "text"}
    return {"gen_ai.output.type": "json"} if kind in ("json_object", "json_schema") else {}
