"""Wire formats by the name that a record has for them. A module is imported when its format is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from ..model import WireFormat

_PLACES = {
    "openai.chat": ("openai_chat", "CHAT"),
    "openai.responses": ("openai_responses", "RESPONSES"),
    "openai.embeddings": ("openai_embeddings", "EMBEDDINGS"),
    "anthropic.messages": ("anthropic_messages", "MESSAGES"),
}


class _Formats(Mapping[str, WireFormat]):
    def __getitem__(self, name: str) -> WireFormat:
        module, constant = _PLACES[name]
        found: WireFormat = getattr(import_module(f"{__name__}.{module}"), constant)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


FORMATS: Mapping[str, WireFormat] = _Formats()
"""`prompt_history.request.format`: the wire format. Raises KeyError for one that is not known."""
