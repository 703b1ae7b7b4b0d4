"""The attributes of a record: name, type in a store, meaning. docs/reference/record.md is made from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Field(NamedTuple):
    kind: str
    """`[]` marks a list; `text` is what is searched by word, `JSON` text that holds JSON."""
    meaning: str


FIELDS: Mapping[str, Field] = {
    "gen_ai.operation.name": Field("keyword", "chat, embeddings, …"),
    "gen_ai.provider.name": Field("keyword", "openai, azure.ai.openai, anthropic, groq, …"),
    "gen_ai.request.model": Field("keyword", "The model that was asked for."),
    "gen_ai.response.model": Field("keyword", "The model that answered."),
    "gen_ai.response.id": Field("keyword", "The provider's id of the response."),
    "gen_ai.response.finish_reasons": Field(
        "keyword[]", "One per choice: stop, length, tool_call, content_filter, error, …"
    ),
    "gen_ai.response.time_to_first_chunk": Field("double", "Seconds from the request to the first chunk of a stream."),
    "gen_ai.input.messages": Field("JSON", "The full prompt: messages with parts, provider keys kept beside them."),
    "gen_ai.output.messages": Field("JSON", "The full response, one message per choice."),
    "gen_ai.system_instructions": Field("JSON", "System instructions, where the API has a field of its own for them."),
    "gen_ai.tool.definitions": Field("JSON", "The tools that the model could call."),
    "gen_ai.request.temperature": Field("double", ""),
    "gen_ai.request.top_p": Field("double", ""),
    "gen_ai.request.top_k": Field("long", ""),
    "gen_ai.request.max_tokens": Field("long", ""),
    "gen_ai.request.frequency_penalty": Field("double", ""),
    "gen_ai.request.presence_penalty": Field("double", ""),
    "gen_ai.request.stop_sequences": Field("keyword[]", ""),
    "gen_ai.request.seed": Field("long", ""),
    "gen_ai.request.choice.count": Field("long", "Where it is not 1."),
    "gen_ai.request.stream": Field("boolean", "True for a streamed call, else absent."),
    "gen_ai.request.reasoning.level": Field("keyword", "As sent."),
    "gen_ai.request.previous_response.id": Field("keyword", "The response that this call continues."),
    "gen_ai.request.encoding_formats": Field("keyword[]", "Of embeddings."),
    "gen_ai.embeddings.dimension.count": Field("long", ""),
    "gen_ai.output.type": Field("keyword", "text, json, image, speech."),
    "gen_ai.usage.input_tokens": Field("long", "Cached tokens included."),
    "gen_ai.usage.output_tokens": Field("long", ""),
    "gen_ai.usage.cache_read.input_tokens": Field("long", "Of the input tokens."),
    "gen_ai.usage.cache_write.input_tokens": Field("long", "Of the input tokens."),
    "gen_ai.usage.reasoning.output_tokens": Field("long", "Of the output tokens."),
    "gen_ai.conversation.id": Field("keyword", "As the application gives it."),
    "gen_ai.prompt.name": Field("keyword", "Of a hosted prompt."),
    "gen_ai.prompt.version": Field("keyword", "Of a hosted prompt."),
    "user.id": Field("keyword", "As the request, allowed baggage or the environment says."),
    "session.id": Field("keyword", "As the request, allowed baggage or the environment says."),
    "server.address": Field("keyword", "Host of the API."),
    "server.port": Field("long", ""),
    "error.type": Field("keyword", "Class of the exception that ended the call."),
    "openai.api.type": Field("keyword", "chat_completions, responses."),
    "openai.request.service_tier": Field("keyword", "Where it is not auto."),
    "openai.response.service_tier": Field("keyword", ""),
    "openai.response.system_fingerprint": Field("keyword", ""),
    "prompt_history.schema": Field("long", "Version of this table."),
    "prompt_history.kind": Field("keyword", "call, retrieval, tool, agent."),
    "prompt_history.outcome": Field("keyword", "ok, error, cancelled, abandoned, interrupted."),
    "prompt_history.tries": Field("long", "HTTP requests made for this one call, retries of the SDK included."),
    "prompt_history.request.format": Field("keyword", "Wire format: openai.chat, openai.responses, …"),
    "prompt_history.request.extra": Field("JSON", "Every request parameter without an attribute of its own."),
    "prompt_history.input.complete": Field("boolean", "False when the provider holds part of the prompt."),
    "prompt_history.input.text": Field(
        "text", "What is new in this call: after the last answer, and what no earlier record of the process has."
    ),
    "prompt_history.output.text": Field("text", "The response, tool calls included."),
    "prompt_history.input.preview": Field("keyword", "First 300 characters of the input text."),
    "prompt_history.output.preview": Field("keyword", "First 300 characters of the output text."),
    "prompt_history.system.text": Field(
        "text", "System instructions, where no earlier record of the process has them."
    ),
    "prompt_history.system.hash": Field("keyword", "First 16 hex digits of SHA-256: a prompt version for free."),
    "prompt_history.tools.hash": Field("keyword", "The same for the tool definitions."),
    "prompt_history.thread.head": Field(
        "keyword", "Hash of the messages up to and including the last answer in the input."
    ),
    "prompt_history.thread.tail": Field(
        "keyword", "Hash of input and output: the next call's head, if it continues this."
    ),
    "prompt_history.tools.called": Field("keyword[]", "Names of the tools that the response calls."),
    "prompt_history.refusal": Field("boolean", "True when the model refused."),
    "prompt_history.content.bytes": Field("long", "Of the four content fields as stored."),
    "prompt_history.content.sha256": Field(
        "keyword", "Of the four content fields in fixed order, each after its length."
    ),
    "prompt_history.content.truncated": Field("boolean", "True when content was cut or left out for its size."),
    "prompt_history.redaction.count": Field("long", "How many values were removed or replaced."),
    "prompt_history.redaction.kinds": Field("keyword[]", "What they were."),
    "prompt_history.redaction.tokens": Field("keyword[]", "The tokens that stand for them."),
    "prompt_history.redaction.withheld": Field("boolean", "True when redaction failed and content was withheld."),
    "prompt_history.stream.complete": Field(
        "boolean", "False when the application did not read the stream to its end."
    ),
    "prompt_history.dialect": Field("keyword", "Whose convention a foreign span had: semconv."),
    "prompt_history.recorded": Field("boolean", "On spans only: the call is in the history."),
}
