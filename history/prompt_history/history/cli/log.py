"""`prompt-history log`."""

from __future__ import annotations

import click

from prompt_history.exporter.config import Config

from ..filters import Filters
from ..reading import History
from . import options, output


@click.command("log")
@options.count(20)
@options.filtered
@click.option("--before", metavar="ID", help="Continue a list behind this call.")
@options.as_json
def command(filters: Filters, limit: int, before: str | None, utc: bool, as_json: bool | None) -> None:
    """List the newest calls."""
    with History.open(Config.from_env()) as history:
        key = history.get(before).key if before else None
        if not output.for_people(as_json):
            output.print_json(history.log(filters, limit, key))
            return
        from .terminal import console, log_table

        found = history.log(filters, limit, key, content=False)
        if not found:
            click.echo("No calls. `prompt-history doctor` tells whether any are recorded.", err=True)
            return
        terminal = console()
        terminal.print(log_table(found, utc=utc, width=terminal.width))
        if len(found) == limit:
            click.echo(f"Older ones: --before {found[-1].key[2][:12]}", err=True)
