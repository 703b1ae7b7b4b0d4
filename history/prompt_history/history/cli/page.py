"""One record on a page: who, when, with what, how it went, and the conversation."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ..queries import Found
from . import facts
from .conversation import conversation
from .output import neutral

_STYLES = {"system": "magenta", "developer": "magenta", "tools": "magenta", "user": "green", "assistant": "blue"}


def page(found: Found, *, utc: bool) -> Group:
    """What `prompt-history show` prints."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(found, utc=utc):
        if value:
            style = "red" if name == "outcome" and facts.failed(found.record) else "default"
            table.add_row(name, Text(value, style=style))
    turns: list[Rule | Text] = []
    for turn in conversation(found.record):
        role = turn.role.partition(" ")[0]
        style = _STYLES.get(role, "yellow")
        turns.append(Rule(Text(turn.role, style=f"bold {style}"), align="left", style="dim"))
        turns.append(Text("\n".join(turn.lines)))
    return Group(table, *turns)


def _facts(found: Found, *, utc: bool) -> Iterator[tuple[str, str]]:
    record = found.record

    def attribute(name: str) -> str:
        return facts.attribute(record, name)

    yield "id", found.id
    yield "when", facts.exact_time(record, utc=utc)
    yield "service", facts.service(record)
    yield "user", attribute("user.id")
    yield "session", attribute("session.id")
    yield "conversation", attribute("gen_ai.conversation.id")
    yield "prompt", "@".join(filter(None, [attribute("gen_ai.prompt.name"), attribute("gen_ai.prompt.version")]))
    asked, answered = attribute("gen_ai.request.model"), attribute("gen_ai.response.model")
    models = asked if answered in ("", asked) else f"{asked} → {answered}"
    yield "model", "  ".join(filter(None, [models, attribute("gen_ai.provider.name"), attribute("server.address")]))
    yield "operation", attribute("gen_ai.operation.name")
    yield "parameters", "  ".join(f"{name}={value}" for name, value in facts.parameters(record))
    yield "outcome", "  ".join(filter(None, [facts.outcome(record), _ending(found)]))
    yield "tokens", _tokens(found)
    yield "latency", _latency(found)
    yield "redacted", _redacted(found)
    yield "trace", record["trace_id"]


def _ending(found: Found) -> str:
    """Why it ended so, and what the provider said to an error."""
    record = found.record
    reasons = facts.attribute(record, "gen_ai.response.finish_reasons")
    message = neutral(str(record.get("status", {}).get("message", "")))
    tries = record["attributes"].get("prompt_history.tries")
    return "  ".join(filter(None, [reasons, message, f"{tries} tries" if tries not in (None, 1) else ""]))


def _tokens(found: Found) -> str:
    record = found.record
    details = {"cached": "cache_read.input_tokens", "reasoning": "reasoning.output_tokens"}
    more = [f"{word} {facts.attribute(record, 'gen_ai.usage.' + name)}" for word, name in details.items()]
    cost = facts.attribute(record, "prompt_history.cost.usd")
    known = [part for part in more if not part.endswith(" ")] + ([f"${cost}"] if cost else [])
    return "  ".join([facts.tokens(record), *known]).strip()


def _latency(found: Found) -> str:
    first = found.record["attributes"].get("gen_ai.response.time_to_first_chunk")
    chunk = f"  first chunk after {facts.duration(first)}" if isinstance(first, (int, float)) else ""
    return facts.latency(found.record) + chunk


def _redacted(found: Found) -> str:
    count = found.record["attributes"].get("prompt_history.redaction.count")
    return f"{count}  {facts.attribute(found.record, 'prompt_history.redaction.kinds')}".rstrip() if count else ""
