"""`prompt-history show`."""

from __future__ import annotations

import click

from prompt_history.exporter.config import Config

from ..reading import History
from . import options, output


@click.command("show")
@click.argument("name", metavar="ID", default="@")
@click.option("--raw", is_flag=True, help="The record itself, as it is stored.")
@options.utc
@options.as_json
def command(name: str, raw: bool, utc: bool, as_json: bool | None) -> None:
    """Show one call: what was sent, what came back.

    ID is the beginning of an id, @ for the last call, or @~2 for the one two before it.
    """
    with History.open(Config.from_env()) as history:
        found = history.get(name)
    people = output.for_people(as_json)
    if raw or not people:
        click.echo(output.json_line(found, indent=raw and people, with_id=not raw))
        return
    from .page import page
    from .terminal import console

    console().print(page(found, utc=utc))
