"""The shipper as a process of its own: it leaves the application alone, and outlives it until all is sent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prompt_history.exporter.config import Config
from prompt_history.exporter.shipper.election import somebody_leads
from prompt_history.exporter.shipper.ship import Shipper
from prompt_history.exporter.spool.reader import in_use, segments, unconfirmed
from prompt_history.instrumentation.guard import guard

QUIET_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5
_ABSENT_SECONDS: Final = 2.0
"""How long nobody may lead unnoticed."""
_START_SECONDS: Final = 3.0
"""What a new process gets to take the lead."""
_LONGEST_SECONDS: Final = 60.0


def shipper_of(config: Config, *, batch_records: int = 500) -> Shipper:
    """A shipper between the spool and the store that `config` names. Opens neither yet."""
    from prompt_history.exporter.derive import complete
    from prompt_history.exporter.stores.sqlite import SqliteStore

    return Shipper(config.spool, SqliteStore(config.database), complete=complete, batch_records=batch_records)


def run_process(config: Config | None = None, *, quiet_seconds: float = QUIET_SECONDS) -> int:
    """Ships until everything is sent and no writer has lived for `quiet_seconds`. Returns the exit code, 0.

    Ends at once when another shipper leads.
    """
    config = config or Config.from_env(on_error=lambda error: None)
    shipper = shipper_of(config)
    if shipper.try_lead():
        stop = threading.Event()
        watch = threading.Thread(target=_stop_when_quiet, args=(config.spool, quiet_seconds, stop), daemon=True)
        watch.start()
        shipper.run(stop)
        shipper.close()
    return 0


def keep_process(config: Config, stop: threading.Event, woken: threading.Event) -> None:
    """Until `stop`, starts a shipper process whenever a record waits and nobody leads.

    One that does not come to lead is started again ever more rarely.
    """
    patience = _START_SECONDS
    while not stop.is_set():
        woken.clear()
        with guard("start the shipper process"):
            if not somebody_leads(config.spool) and unconfirmed(config.spool):
                spawn(config)
                stop.wait(patience)
                idle = unconfirmed(config.spool) and not somebody_leads(config.spool)
                patience = min(patience * 2, _LONGEST_SECONDS) if idle else _START_SECONDS
        woken.wait(_ABSENT_SECONDS)


def spawn(config: Config) -> None:
    """Starts a detached shipper process. Raises `OSError`.

    It is no child of ours: the application never has to wait for it, and sees no signal when it ends.
    """
    command = [sys.executable, "-m", "prompt_history.exporter.shipper"]
    subprocess.run(
        ["/bin/sh", "-c", '"$@" &', "sh", *command],
        env=environment(config, os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


def environment(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """What the process gets: the settings that it needs, and nothing that would instrument it as the application."""
    paths = environ.get("PYTHONPATH", "").split(os.pathsep)
    plain = [path for path in paths if path and not (Path(path) / "sitecustomize.py").exists()]
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join(plain),
        "OTEL_SDK_DISABLED": "true",
        "PROMPT_HISTORY_DIR": str(config.dir.absolute()),
        "PROMPT_HISTORY_STORE": config.store,
    }


def _stop_when_quiet(directory: Path, quiet_seconds: float, stop: threading.Event) -> None:
    quiet = 0.0
    while quiet < quiet_seconds:
        stop.wait(_LOOK_SECONDS)
        with guard("look whether the spool is empty"):
            lively = unconfirmed(directory) or any(in_use(directory / name) for name in segments(directory))
            quiet = 0.0 if lively else quiet + _LOOK_SECONDS
    stop.set()
