"""Every attribute that the engine or a wire format can give a span or a record, with the type that a store gives it.

The names follow open-telemetry/semantic-conventions-genai (of which no release exists yet), as `opentelemetry.semconv`
is frozen at older ones; those of our own are explained in docs/reference/record.md. Literal strings elsewhere; a
contract test compares them with the record's table.
"""

from __future__ import annotations

from collections.abc import Mapping

PROMPT_VARIABLE = "gen_ai.prompt.variable."
"""Prefix: the rest of the name is the key of the variable. The value is text."""

CONTENT_FIELDS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "prompt_history.input.text",
    "prompt_history.system.text",
    "prompt_history.request.extra",
)
"""Content: kept off spans with `PROMPT_HISTORY_CONTENT=record`, and out of a record that has no room."""

_TYPES: Mapping[str, tuple[str, ...]] = {
    "keyword": (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.conversation.id",
        "gen_ai.output.type",
        "gen_ai.prompt.name",
        "gen_ai.prompt.version",
        "gen_ai.request.model",
        "gen_ai.request.previous_response.id",
        "gen_ai.request.reasoning.level",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "openai.api.type",
        "openai.request.service_tier",
        "openai.response.service_tier",
        "openai.response.system_fingerprint",
        "error.type",
        "server.address",
        "session.id",
        "user.id",
        "prompt_history.kind",
        "prompt_history.outcome",
        "prompt_history.request.format",
    ),
    "keyword[]": (
        "gen_ai.request.encoding_formats",
        "gen_ai.request.stop_sequences",
        "gen_ai.response.finish_reasons",
        "prompt_history.redaction.kinds",
        "prompt_history.redaction.tokens",
    ),
    "text": (
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "prompt_history.input.text",
        "prompt_history.request.extra",
        "prompt_history.system.text",
    ),
    "long": (
        "gen_ai.embeddings.dimension.count",
        "gen_ai.request.choice.count",
        "gen_ai.request.max_tokens",
        "gen_ai.request.seed",
        "gen_ai.request.top_k",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "server.port",
        "prompt_history.redaction.count",
        "prompt_history.schema",
        "prompt_history.tries",
    ),
    "double": (
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.temperature",
        "gen_ai.request.top_p",
        "gen_ai.response.time_to_first_chunk",
    ),
    "boolean": (
        "gen_ai.request.stream",
        "prompt_history.input.complete",
        "prompt_history.recorded",
        "prompt_history.redaction.withheld",
        "prompt_history.refusal",
        "prompt_history.stream.complete",
    ),
}

ATTRIBUTES: Mapping[str, str] = {name: kind for kind, names in _TYPES.items() for name in names}
"""Attribute: its type in a store. `[]` marks a list, `text` what is searched by word."""
