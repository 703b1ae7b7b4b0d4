"""The groq SDK."""

from __future__ import annotations

from .. import stainless
from ..model import Adapter
from ..wire.openai_chat import CHAT

FORMATS = {"/openai/v1/chat/completions": CHAT}
"""URL path of a request: its wire format."""

ADAPTER = Adapter(
    name="groq",
    requires="groq >= 0.13, < 2",
    targets=stainless.targets("groq", FORMATS, "groq"),
)
