"""`prompt-history search`."""

from __future__ import annotations

import click

from prompt_history.exporter.config import Config

from ..filters import Filters
from ..reading import History
from . import options, output


@click.command("search")
@click.argument("words", nargs=-1, required=True, metavar="WORDS...")
@options.count(20)
@options.filtered
@options.as_json
def command(words: tuple[str, ...], filters: Filters, limit: int, utc: bool, as_json: bool | None) -> None:
    """Find calls by their words, newest first.

    A call is found when every word was said in it: in what was new in its prompt, or in its response. Latin words are
    matched whole, Japanese, Chinese and Korean ones anywhere; upper and lower case and widths are the same. A phrase
    in quotation marks, given as one argument, must stand as it is.
    """
    text = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    if not "".join(words).strip():
        raise click.UsageError("WORDS is empty: give at least one word.", click.get_current_context())
    with History.open(Config.from_env()) as history:
        found = history.search(text, filters, limit)
    if not output.for_people(as_json):
        output.print_json(found)
        return
    from ..snippet import snippet
    from .terminal import console, hit

    if not found:
        click.echo("Nothing found.", err=True)
    screen = console()
    for one in found:
        screen.print(hit(one, snippet(one.record, text), utc=utc))
