"""What the capture engine asks of whoever keeps and redacts: two protocols, and the pair that is installed.

The engine knows nothing of records, spools or stores; the exporter knows nothing of SDKs. They meet here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

Media: TypeAlias = Literal["reference", "keep", "drop"]
"""What becomes of inline images, audio and files: size and hash, all of it, or nothing but the type."""


class Redacted(NamedTuple):
    """Content that may leave the process."""

    value: Any
    """Same shape as what was given: JSON values only."""
    counts: Mapping[str, int] = {}
    """Entity kind: how many values of it were removed or replaced."""
    tokens: tuple[str, ...] = ()
    """The searchable tokens that now stand in `value`."""


class Redact(Protocol):
    """Removes from content what must not leave the process."""

    def __call__(self, field: str, value: Any) -> Redacted:
        """`value` (parsed content: a message, a part list, a tool list, a text) without what the policy removes.

        `field` is the attribute that the content is for. May raise: the caller then withholds the content.
        """
        ...


@dataclass(slots=True)
class Call:
    """A finished call, content redacted and serialised: what one span and one record are made of."""

    span: Span
    """Not ended yet, or not recording: its context has the ids, its attributes what others put on it."""
    name: str
    start: int
    """Nanoseconds since the epoch."""
    duration: int
    """Nanoseconds, measured with a monotonic clock: never negative."""
    attributes: Mapping[str, AttributeValue]
    """Every attribute of ours, content included."""
    error: str | None
    """Status description of a failed call; `None` for one that did not fail."""
    scope: tuple[str, str]
    """Name and version of the instrumentation scope."""
    parent: Any = None
    """Span context of the parent, or `None`: for spans that do not tell (not recording)."""
    provider: Any = None
    """The tracer provider that the span came from, for its resource."""


class Recorder(Protocol):
    """Keeps finished calls."""

    def record(self, call: Call) -> bool:
        """Whether the call is kept: once true, it survives `kill -9`. Never raises, never blocks on a store."""
        ...


class Installed(NamedTuple):
    """What this process has: without a redactor no content is ever put on a span or given to the recorder."""

    recorder: Recorder | None = None
    redact: Redact | None = None
    content_on_spans: bool = True
    """False: content goes to the recorder alone."""
    media: Media = "reference"
    """What becomes of inline images, audio and files."""
    native_spans: bool = False
    """Whether spans that an SDK makes by itself are left on."""
    baggage_keys: tuple[str, ...] = ()
    """Baggage that becomes attributes of a call."""


_installed = Installed()


def installed() -> Installed:
    """Who keeps and redacts in this process now."""
    return _installed


def install(new: Installed) -> None:
    """Sets, for the whole process, who keeps finished calls and who redacts their content."""
    global _installed
    _installed = new
