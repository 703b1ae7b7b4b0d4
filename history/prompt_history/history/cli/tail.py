"""`prompt-history tail`."""

from __future__ import annotations

import sys

import click

from prompt_history.exporter.config import Config

from ..filters import Filters
from ..reading import History
from . import options, output


@click.command("tail")
@click.option("-n", "last", type=click.IntRange(min=0), default=10, show_default=True, help="How many to begin with.")
@options.filtered
@options.as_json
def command(filters: Filters, last: int, utc: bool, as_json: bool | None) -> None:
    """Follow the calls as they come, until interrupted."""
    try:
        with History.open(Config.from_env()) as history:
            if not output.for_people(as_json):
                for found in history.tail(filters, last):
                    click.echo(output.json_line(found))
                    sys.stdout.flush()
                return
            from .terminal import console, tail_line

            screen = console()
            for found in history.tail(filters, last):
                screen.print(tail_line(found, utc=utc))
    except KeyboardInterrupt:
        return
