"""What an adapter is made of. Data and pure functions: nothing here patches, traces or imports an SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .exchange import Exchange

Body: TypeAlias = Mapping[str, Any]
"""A JSON object of a provider's API: a request, a response, or one chunk of a streamed response."""

Message: TypeAlias = dict[str, Any]
"""A message of the GenAI semantic conventions: `{"role": ..., "parts": [...]}`. Provider keys stay beside them."""

Part: TypeAlias = dict[str, Any]
"""A part of a message: `{"type": ..., ...}`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A request parameter that has an attribute of its own."""

    attribute: str
    paths: tuple[str, ...]
    """Dotted paths in the request that mean it. It is written back at the first one."""
    type: type | tuple[type, ...]
    """A value of another type stays in `prompt_history.request.extra`. `list` means a list of strings."""
    only: Any = None
    """The one value that becomes an attribute (`True` for `stream`); any other stays in the extra."""
    never: Any = None
    """The one value that does not become an attribute (1 for `n`)."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How the JSON of one API operation becomes a record, and how a record becomes that JSON again."""

    name: str
    """`prompt_history.request.format`: openai.chat, openai.responses, anthropic.messages, …"""
    operation: str
    """`gen_ai.operation.name`."""
    parameters: Sequence[Parameter]
    response: Mapping[str, str]
    """Attribute: dotted path of its value in the response."""
    messages: str
    """Key of the request that holds the messages (or the input)."""
    read_messages: Callable[[Any], list[Message]]
    """What stands under `messages` as semconv messages. Raises on a shape that it cannot give back exactly."""
    write_messages: Callable[[list[Message]], Any]
    """Inverse of `read_messages`."""
    read_message: Callable[[Any], Message] | None = None
    """One item of `messages`, where that is a list whose items become one message each: lets the engine remember
    messages that it has seen. `read_messages` is then `[read_message(item) for item in items]`."""
    write_message: Callable[[Message], Any] | None = None
    """Inverse of `read_message`."""
    output_messages: Callable[[Body], list[Message]] = lambda response: []
    """The messages of a response, one for each choice."""
    assemble: Callable[[Iterable[Body]], Body] | None = None
    """The response that the same call, not streamed, would have returned. `None`: the operation does not stream."""
    system: str | None = None
    """Key of the request that holds the system instructions, where the API has one."""
    read_system: Callable[[Any], list[Part]] = lambda value: []
    write_system: Callable[[list[Part]], Any] = lambda parts: None
    tools: str | None = None
    """Key of the request that holds the tool definitions."""
    read_tools: Callable[[Any], list[dict[str, Any]]] = lambda value: []
    write_tools: Callable[[list[dict[str, Any]]], Any] = lambda tools: None
    finish_reasons: Callable[[Body], list[str]] = lambda response: []
    """One for each choice, in the words of the semantic conventions."""
    constant: Mapping[str, Any] = field(default_factory=dict)
    """Attributes that every call of this operation has (`openai.api.type`)."""
    usage: Callable[[Body], Mapping[str, int]] = lambda response: {}
    """Usage that is no plain path: sums and differences."""
    derived: Callable[[Body], Mapping[str, Any]] = lambda request: {}
    """Attributes of a request beyond `parameters` (`user.id`, `gen_ai.conversation.id`, `gen_ai.output.type`,
    `prompt_history.input.complete`). What they are read from also stays in the extra: they are never written back."""


@dataclass(slots=True)
class Invocation:
    """A call of a patched method, before it runs. `kwargs` is ours to change."""

    instance: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(slots=True)
class Request:
    """What an invocation asks of a model."""

    wire: WireFormat
    body: Body
    provider: str
    """`gen_ai.provider.name`."""
    address: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A method to patch as soon as the application imports its module."""

    module: str
    method: str
    read: Callable[[Invocation], Request | None] | None = None
    """What the invocation asks, or `None` for one that is no LLM operation."""
    observe: Callable[[Invocation, Exchange, Any], Any] | None = None
    """For a method that runs inside the request method: shows the exchange the response, returns what the
    application gets."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One SDK."""

    name: str
    """Package name; the scope of the spans ends with it."""
    requires: str
    """Supported versions, as a requirement: `openai >= 1.40, < 4`."""
    targets: Sequence[Target]
    own_tracing: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that switch off the spans that the SDK makes by itself."""


def dig(body: object, path: str) -> Any:
    """The value at the dotted `path`, or `None`."""
    for key in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body
