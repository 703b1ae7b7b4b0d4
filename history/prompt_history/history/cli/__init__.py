"""`prompt-history`, the command. One module a verb; a verb loads what it needs and no more."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from prompt_history.instrumentation import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, other codes as in docs/reference/cli.md."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == ["--version"]:  # before anything is imported: scripts and prompts ask often
        print(f"prompt-history {__version__}")
        return
    from .group import run

    raise SystemExit(run(arguments))
