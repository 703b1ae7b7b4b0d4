"""`prompt-history ship`."""

from __future__ import annotations

import logging
import signal
import threading

import click

from prompt_history.exporter.config import Config

from .exits import FAILURE, LOST, OK, UNREACHABLE, Exit


@click.command("ship")
@click.option("--once", is_flag=True, help="Ship what is there, and end.")
def command(once: bool) -> int:
    """Move records from the spool to the store, until told to stop.

    For hosts where applications run with PROMPT_HISTORY_SHIPPER=none, as a service of its own. With --once, the exit
    code says whether everything is in the store.
    """
    from prompt_history.exporter.shipper import shipper_of

    config = Config.from_env()
    logging.basicConfig(format="prompt-history: %(message)s", level=logging.INFO)
    shipper = shipper_of(config)
    if not once:
        stop = threading.Event()

        def end(*_: object) -> None:
            stop.set()
            shipper.wake()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        shipper.run(stop)
        shipper.close()
        return OK
    try:
        leads = shipper.try_lead()
        done = leads and shipper.drain(float("inf"))
    finally:
        shipper.close()
    if not leads:
        raise Exit(FAILURE, f"Another shipper is at work in {config.spool}; it ships what is there.")
    return OK if done else UNREACHABLE if shipper.trouble is not None else LOST
