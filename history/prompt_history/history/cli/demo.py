"""`prompt-history demo`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from .exits import FAILURE, Exit

_NEEDS = ("openai", "anthropic")


@click.command("demo")
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), help="Keep its history there.")
def command(directory: Path | None) -> int:
    """Record a sample application, and look at its history.

    The application talks to a provider on this machine: no network, no key. Its history is kept apart from yours.
    """
    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise Exit(FAILURE, f"The demo needs {' and '.join(missing)}: pip install 'opentelemetry-prompt-history[demo]'")
    from prompt_history.examples.demo import main

    return main(directory)
