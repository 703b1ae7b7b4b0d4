"""`prompt-history path`."""

from __future__ import annotations

import click

from prompt_history.exporter.config import Config


@click.command("path")
@click.option("--database", "which", flag_value="database", help="The file of the embedded history.")
@click.option("--spool", "which", flag_value="spool", help="The directory of what is not in the store yet.")
def command(which: str | None) -> None:
    """Print the data directory, or what is asked for in it."""
    config = Config.from_env()
    click.echo({"database": config.database, "spool": config.spool}.get(which or "", config.dir))
