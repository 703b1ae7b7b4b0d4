"""Today's GenAI semantic conventions, with the names that they had until version 1.41."""

from __future__ import annotations

from typing import Any

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from ..record import legal

KINDS = {
    "retrieval": "retrieval",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "agent",
    "plan": "agent",
}
"""`gen_ai.operation.name`: `prompt_history.kind`. Any other operation, known to us or not, is a call."""
RENAMED = {
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "gen_ai.usage.cache_write.input_tokens",
}
CONTENT = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.documents",
)
"""JSON text by our hand; here and there, with newer SDKs, structured values by others'."""


def read(span: ReadableSpan) -> dict[str, Any] | None:
    given = span.attributes or {}
    operation = given.get("gen_ai.operation.name")
    if not isinstance(operation, str):
        return None
    found: dict[str, Any] = {}
    for name, value in given.items():
        target = RENAMED.get(name, name)
        if target != name and target in given:
            continue
        if name in CONTENT and not isinstance(value, str):
            found[target] = orjson.dumps(value, default=_default).decode()
        elif (value := legal(value)) is not None:
            found[target] = value
    failed = span.status.status_code is StatusCode.ERROR
    found["prompt_history.kind"] = KINDS.get(operation, "call")
    found["prompt_history.dialect"] = "semconv"
    found.setdefault("prompt_history.outcome", "error" if failed or "error.type" in given else "ok")
    return found


def _default(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else list(value) if isinstance(value, (tuple, set)) else str(value)
