"""The openai SDK, for OpenAI, Azure OpenAI and everybody who speaks their API."""

from __future__ import annotations

from typing import Any

from .. import stainless
from ..model import Adapter
from ..wire.openai_chat import CHAT
from ..wire.openai_embeddings import EMBEDDINGS
from ..wire.openai_responses import RESPONSES

_providers: dict[type, str] = {}


def provider(client: Any) -> str:
    """`gen_ai.provider.name` of a client: Azure's clients are classes of their own."""
    kind = type(client)
    if kind not in _providers:
        azure = any(base.__name__.endswith("AzureOpenAI") for base in kind.__mro__)
        _providers[kind] = "azure.ai.openai" if azure else "openai"
    return _providers[kind]


FORMATS = {"/chat/completions": CHAT, "/responses": RESPONSES, "/embeddings": EMBEDDINGS}
"""URL path of a request: its wire format."""

ADAPTER = Adapter(
    name="openai",
    requires="openai >= 1.40, < 4",
    targets=stainless.targets("openai", FORMATS, provider),
)
