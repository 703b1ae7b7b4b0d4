"""`prompt-history doctor`."""

from __future__ import annotations

import click

from prompt_history.exporter.config import Config

from .exits import FAILURE, LOST, OK

_MARKS = {"ok": "ok  ", "info": "info", "act": "DO  ", "lost": "LOST"}


@click.command("doctor")
def command() -> int:
    """Check that calls are recorded, and that none was lost.

    Exit code 0: all is well; 1: something is to be done; 6: records were lost.
    """
    from .checks import CHECKS, DATA_CHECKS
    from .output import neutral

    config = Config.from_env()
    states = set()
    for findings in [check() for check in CHECKS] + [check(config) for check in DATA_CHECKS]:
        for finding in findings:
            states.add(finding.state)
            click.echo(neutral(f"{_MARKS[finding.state]}  {finding.about}: {finding.text}"))
    return LOST if "lost" in states else FAILURE if "act" in states else OK
