"""Options that verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ..filters import Filters
from .times import moment, seconds

Command = Callable[..., Any]


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return seconds(value)
        except ValueError as error:
            self.fail(f"{value!r} is no duration: {error}.", param, ctx)


as_json = click.option(
    "--json/--table", "as_json", default=None, help="One JSON record a line, as when piped, or text as on a terminal."
)
utc = click.option("--utc", is_flag=True, help="Show, and read, times in UTC instead of local time.")


def count(default: int) -> Callable[[Command], Command]:
    return click.option(
        "-n", "limit", type=click.IntRange(min=1), default=default, show_default=True, help="How many at most."
    )


_FILTERS = (
    click.option("--since", metavar="WHEN", help="From then on: 2h (ago), 2026-11-24, or a time as in RFC 3339."),
    click.option("--until", metavar="WHEN", help="Up to then; a date is included."),
    click.option("--user", metavar="ID"),
    click.option("--session", metavar="ID"),
    click.option("--conversation", metavar="ID"),
    click.option("--model", metavar="NAME", help="As requested or as answered."),
    click.option("--provider", metavar="NAME"),
    click.option("--service", metavar="NAME"),
    click.option("--operation", metavar="NAME", help="chat, embeddings, …"),
    click.option("--prompt", metavar="NAME[@VERSION]"),
    click.option("--tool", metavar="NAME", help="The response calls this tool."),
    click.option("--slow", metavar="DURATION", type=_Seconds(), help="It took at least so long: 2s, 500ms."),
    click.option("--outcome", metavar="NAME", help="ok, error, cancelled, abandoned or interrupted."),
    click.option("--error", is_flag=True, help="Only calls that failed."),
)
_NAMES = ("user", "session", "conversation", "model", "provider", "service", "operation", "prompt", "tool", "slow")


def filtered(command: Command) -> Command:
    """Adds the filter options and `--utc`; the command gets `filters` and `utc`."""

    @functools.wraps(command)
    def with_filters(since: str | None, until: str | None, utc: bool, **given: Any) -> Any:
        names = (*_NAMES, "outcome", "error")
        filters = Filters(
            **{name: given.pop(name) for name in names},
            since=_moment("--since", since, utc=utc),
            until=_moment("--until", until, utc=utc, end=True),
        )
        return command(filters=filters, utc=utc, **given)

    wrapped: Command = utc(with_filters)
    for option in reversed(_FILTERS):
        wrapped = option(wrapped)
    return wrapped


def _moment(option: str, text: str | None, *, utc: bool, end: bool = False) -> int | None:
    if text is None:
        return None
    try:
        return moment(text, utc=utc, end=end)
    except ValueError as error:
        raise click.UsageError(f"{option} {text!r} is no time: {error}.", click.get_current_context()) from None
