"""docs/reference/cli.md, from the commands' own help."""

from __future__ import annotations

import click

from .exits import COMMAND_NOT_FOUND, MEANING
from .group import VERBS, cli

_WIDTH = 100


def reference() -> str:
    """The page as it must stand in the docs."""
    parts = [
        "# The command line",
        "<!-- Made by prompt_history.history.cli.reference from the commands' help. Do not edit. -->",
        _help(cli, "prompt-history"),
    ]
    with click.Context(cli, info_name="prompt-history") as context:
        for verb in VERBS:
            found = cli.get_command(context, verb)
            assert found is not None
            parts += [f"## {verb}", _help(found, verb, context)]
    codes = [f"| {code} | {meaning} |" for code, meaning in MEANING.items()]
    codes.append(f"| {COMMAND_NOT_FOUND} | `run`: the command to run is not there |")
    parts += ["## Exit codes", "\n".join(["| code | meaning |", "|---|---|", *codes])]
    parts.append("`run` ends with the exit code of the command. What goes wrong is one sentence on stderr.")
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command, name: str, parent: click.Context | None = None) -> str:
    settings = {**command.context_settings, "help_option_names": ["-h", "--help"]}
    context = click.Context(command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH)
    context.help_option_names = settings["help_option_names"]
    return f"```text\n{command.get_help(context)}\n```"


if __name__ == "__main__":
    print(reference(), end="")
