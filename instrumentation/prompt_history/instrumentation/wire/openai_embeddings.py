"""OpenAI's embeddings: each input is a part of one message. Vectors are not kept.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from typing import Any

from ..model import Body, Message, Parameter, Part, WireFormat
from .identity import identity


def read_input(given: Any) -> list[Message]:
    """One message with a part for each input: text, or `generic` for tokens. Raises TypeError for other shapes."""
    if isinstance(given, str):
        return [{"role": "user", "parts": [_part(given)]}]
    if not isinstance(given, (list, tuple)) or not given:
        raise TypeError("the input is a string or a list")
    if all(type(token) is int for token in given):
        return [{"role": "user", "parts": [{"type": "generic", "value": given}]}]
    return [{"role": "user", "parts": [_part(item) for item in given], "content_form": "list"}]


def write_input(messages: list[Message]) -> Any:
    """Inverse of `read_input`."""
    message = messages[0]
    given = [part["content"] if part["type"] == "text" else part["value"] for part in message["parts"]]
    return given if message.get("content_form") == "list" else given[0]


def _part(item: Any) -> Part:
    return {"type": "text", "content": item} if isinstance(item, str) else {"type": "generic", "value": item}


def derived(request: Body) -> dict[str, Any]:
    """Who the request is for. Never raises."""
    return {**identity(request), "prompt_history.input.complete": True}


EMBEDDINGS = WireFormat(
    name="openai.embeddings",
    operation="embeddings",
    parameters=(
        Parameter("gen_ai.request.model", ("model",), str),
        Parameter("gen_ai.request.encoding_formats", ("encoding_format",), list),
        Parameter("gen_ai.embeddings.dimension.count", ("dimensions",), int),
    ),
    response={
        "gen_ai.response.id": "id",
        "gen_ai.response.model": "model",
        "gen_ai.usage.input_tokens": "usage.prompt_tokens",
    },
    messages="input",
    read_messages=read_input,
    write_messages=write_input,
    derived=derived,
)
