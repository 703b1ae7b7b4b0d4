"""The anthropic SDK."""

from __future__ import annotations

from .. import stainless
from ..model import Adapter
from ..wire.anthropic_messages import MESSAGES

FORMATS = {"/v1/messages": MESSAGES}
"""URL path of a request: its wire format."""

ADAPTER = Adapter(
    name="anthropic",
    requires="anthropic >= 0.50, < 3",
    targets=stainless.targets("anthropic", FORMATS, "anthropic"),
    # Since 1.14 it makes a span of its own for each call, without the prompt: docs/adr/0004.
    own_tracing={"ANTHROPIC_OPEN_TELEMETRY": "false"},
)
