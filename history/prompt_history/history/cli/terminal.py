"""Tables and lines for a terminal: the only module that imports rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..queries import Found
from . import facts
from .output import neutral

if TYPE_CHECKING:
    from ..snippet import Snippet


def console() -> Console:
    """Text is printed as it is: no markup, no emoji codes, no highlighting."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=False)


WIDE = 100
"""Columns of a terminal from which on models, users and outcomes have room; below, the prompt gets what there is."""


def log_table(found: list[Found], *, utc: bool, width: int) -> Table:
    """The list of `prompt-history log`, for a terminal of `width` columns."""
    zone = facts.zone(found, utc=utc)
    wide = width >= WIDE
    table = Table(box=box.SIMPLE_HEAD if wide else None, show_edge=False, pad_edge=False, expand=True)
    table.padding = (0, 1)
    table.add_column("ID", no_wrap=True, style="cyan")
    table.add_column(f"WHEN {zone}".strip(), no_wrap=True)
    for name, narrow in (("USER", 8), ("MODEL", 10)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=20 if wide else narrow)
    for name in ("TOKENS", "TIME"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("OUTCOME", no_wrap=True, overflow="ellipsis", max_width=20 if wide else 9)
    table.add_column("PROMPT", no_wrap=True, overflow="ellipsis", ratio=1, min_width=12)
    for one in found:
        record = one.record
        table.add_row(
            facts.short_id(one),
            facts.when(one, utc=utc, with_zone=not zone),
            Text(facts.attribute(record, "user.id")),
            Text(facts.model(record)),
            facts.tokens(record),
            facts.latency(record),
            Text(facts.outcome(record), style="red" if facts.failed(record) else "green"),
            Text(facts.preview(record)),
        )
    return table


def heading(found: Found, *, utc: bool) -> Text:
    """One record in one line."""
    record = found.record
    line = Text(facts.short_id(found), style="cyan", no_wrap=True, overflow="ellipsis")
    rest = [facts.when(found, utc=utc, with_zone=True), facts.attribute(record, "user.id"), facts.model(record)]
    line.append("  " + "  ".join(part for part in rest if part), style="default")
    if facts.failed(record):
        line.append("  " + facts.outcome(record), style="red")
    return line


def tail_line(found: Found, *, utc: bool) -> Text:
    """One record in one line, with what was asked."""
    line = heading(found, utc=utc)
    line.append("  " + facts.preview(found.record), style="default")
    return line


def hit(found: Found, snippet: Snippet | None, *, utc: bool) -> Text:
    """A search result: the record, and below it the text around the hit."""
    text = heading(found, utc=utc)
    text.no_wrap = False
    if snippet is None:
        text.append("\n  " + facts.preview(found.record), style="default")
        return text
    text.append(f"\n  {snippet.field}: ", style="dim")
    at = 0
    for begin, end in snippet.hits:
        text.append(neutral(snippet.text[at:begin]), style="default")
        text.append(neutral(snippet.text[begin:end]), style="bold yellow")
        at = end
    text.append(neutral(snippet.text[at:]), style="default")
    return text
