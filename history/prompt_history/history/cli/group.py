"""The verbs, found by name and loaded when they are called, and the one place where failures become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from prompt_history.exporter.config import ConfigError
from prompt_history.exporter.stores import StoreUnreachable
from prompt_history.instrumentation import __version__

from .exits import FAILURE, INTERRUPTED, NOT_FOUND, OK, UNREACHABLE, USAGE, Exit

VERBS = {
    "run": "Run a command and record its LLM calls.",
    "log": "List the newest calls.",
    "show": "Show one call: what was sent, what came back.",
    "search": "Find calls by their words.",
    "tail": "Follow the calls as they come.",
    "ship": "Move records from the spool to the store.",
    "path": "Print where the data is.",
    "doctor": "Check that calls are recorded, and that none was lost.",
    "demo": "Record a sample application, and look at its history.",
}


class Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f".{name}", __package__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs and what they do, without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="prompt-history %(version)s")
def cli() -> None:
    """Every LLM call of your applications: recorded, and found again.

    Lists are tables on a terminal; piped, or with --json, one JSON record a line. A call is named by the beginning of
    its id, the last one by @, the one before it by @~1.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs the command line; returns the exit code. What goes wrong is one sentence on stderr."""
    try:
        # Not `cli.main`, which makes a failure of a reader that has seen enough.
        with cli.make_context("prompt-history", list(arguments)) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        # Python would still try to write the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return USAGE
    except click.ClickException as error:
        return _failed(USAGE, f"{error.format_message()} See: {_help_of(error)}")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exit as error:
        return _failed(error.code, str(error))
    except ConfigError as error:
        return _failed(USAGE, str(error))
    except StoreUnreachable as error:
        return _failed(UNREACHABLE, f"{error} See: prompt-history doctor")
    except LookupError as error:
        if type(error).__module__ != "prompt_history.history.reading":
            raise
        return _failed(NOT_FOUND, _named(error))
    except OSError as error:
        return _failed(FAILURE, f"{error.filename or 'A file'}: {error.strerror}.")


def _failed(code: int, text: str) -> int:
    from .output import neutral

    click.echo(f"prompt-history: {neutral(text)}", err=True)
    return code


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'prompt-history'} --help"


def _named(error: LookupError) -> str:
    """The text of `NotFound` and `Ambiguous`, and what to type instead."""
    if len(error.args) > 1:
        return f"{error.args[0]} Type more of it: {', '.join(error.args[1])}"
    return f"{error} `prompt-history log` lists what there is."
