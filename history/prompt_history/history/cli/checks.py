"""What `prompt-history doctor` looks at. Each check is a function that yields findings, and changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Literal, NamedTuple

from prompt_history.exporter.config import Config, exporter_named
from prompt_history.exporter.stores import StoreUnreachable

from ..reading import History
from .facts import size


class Finding(NamedTuple):
    """One line of the report."""

    state: Literal["ok", "info", "act", "lost"]
    about: str
    text: str
    """What is, and what to do about it."""


_PACKAGES = (
    "opentelemetry-prompt-history",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "opentelemetry-distro",
)
_GROUPS = ("opentelemetry_pre_instrument", "opentelemetry_traces_exporter", "opentelemetry_instrumentor")
_OURS = "prompt_history"
_LOW_BYTES = 1024**3


def interpreter() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()}, {platform.platform()}")
    for name in _PACKAGES:
        found = _version(name)
        if found is None:
            yield Finding("act", name, f"not installed: pip install {name}")
        else:
            yield Finding("ok", name, found)


def entries() -> Iterator[Finding]:
    """Whether OpenTelemetry finds us."""
    for group in _GROUPS:
        names = sorted({found.name for found in entry_points(group=group) if found.value.startswith(_OURS)})
        if names:
            yield Finding("ok", group, ", ".join(names))
        else:
            yield Finding("act", group, "no entry of ours: reinstall opentelemetry-prompt-history")


def sdks() -> Iterator[Finding]:
    """The SDKs that are here, and whether their versions are supported."""
    from packaging.requirements import InvalidRequirement, Requirement

    adapters: dict[str, str] = {}
    for found in entry_points(group="opentelemetry_instrumentor"):
        if found.value.startswith(_OURS):
            module = f"prompt_history.instrumentation.sdk.{found.name.removesuffix('_prompt_history')}"
            try:
                adapter = import_module(module).ADAPTER
            except (ImportError, AttributeError):
                yield Finding("act", found.name, f"{module} cannot be loaded: reinstall opentelemetry-prompt-history")
            else:
                adapters[adapter.name] = adapter.requires
    for name, requires in sorted(adapters.items()):
        try:
            wanted = Requirement(requires)
        except InvalidRequirement:
            yield Finding("act", name, f"{requires!r} is no requirement")
            continue
        installed = _version(wanted.name)
        if installed is None:
            yield Finding("info", name, f"not installed (supported: {wanted.specifier})")
        elif wanted.specifier.contains(installed, prereleases=True):
            yield Finding("ok", name, installed)
        else:
            yield Finding("act", name, f"{installed} is not supported: install one with {wanted.specifier}")
    yield from _others(set(adapters))


def _others(names: set[str]) -> Iterator[Finding]:
    for found in entry_points(group="opentelemetry_instrumentor"):
        if found.name in names and not found.value.startswith(_OURS):
            package = found.dist.name if found.dist is not None else found.value
            hint = f"switch it off with OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={found.name} if you do not need its spans"
            yield Finding("info", found.name, f"{package} also instruments it; a call stays one record; {hint}")


def exporter() -> Iterator[Finding]:
    named = os.environ.get("OTEL_TRACES_EXPORTER")
    if exporter_named():
        yield Finding("ok", "exporter", f"OTEL_TRACES_EXPORTER={named}")
    elif named:
        yield Finding("act", "exporter", f"OTEL_TRACES_EXPORTER={named} records nothing: add prompt_history to it")
    else:
        yield Finding(
            "info", "exporter", "OTEL_TRACES_EXPORTER is not set here: start applications with prompt-history run"
        )


def directory(config: Config) -> Iterator[Finding]:
    if not config.dir.exists():
        yield Finding("info", "directory", f"{config.dir} is not there yet: the first record creates it")
        return
    mode = stat.S_IMODE(config.dir.stat().st_mode)
    if mode & 0o077:
        yield Finding("act", "directory", f"{config.dir} is open to others ({mode:04o}): chmod 700 {config.dir}")
    elif not os.access(config.dir, os.W_OK):
        yield Finding("act", "directory", f"{config.dir} cannot be written by this user: set PROMPT_HISTORY_DIR")
    else:
        yield Finding("ok", "directory", f"{config.dir}, mode {mode:04o}")
    free = shutil.disk_usage(config.dir).free
    if free < _LOW_BYTES:
        yield Finding("act", "disk", f"{size(free)} free: make room, or records will be kept without content")
    else:
        yield Finding("ok", "disk", f"{size(free)} free")


def spool(config: Config) -> Iterator[Finding]:
    from prompt_history.exporter.shipper.aside import DEAD_LETTERS, QUARANTINE
    from prompt_history.exporter.spool import RECORD, pending, segments

    names = segments(config.spool)
    waiting = sum(1 for _, frame in pending(config.spool) if frame.kind == RECORD)
    total = sum(path.stat().st_size for name in names if (path := config.spool / name).exists())
    text = f"{len(names)} segments, {size(total)}, {waiting} records wait"
    yield Finding("act", "spool", f"{text}: prompt-history ship --once") if waiting else Finding("ok", "spool", text)
    letters = config.spool / DEAD_LETTERS
    if letters.exists():
        with letters.open("rb") as lines:
            count = sum(1 for _ in lines)
        yield Finding("act", "dead letters", f"{count} records that the store refuses, in {letters}")
    aside = config.spool / QUARANTINE
    if aside.exists() and (count := sum(1 for _ in aside.iterdir())):
        yield Finding("act", "quarantine", f"{count} pieces of the spool that could not be read, in {aside}")


def store(config: Config) -> Iterator[Finding]:
    try:
        with History(config.database, config.spool) as history:
            found = history.statistics()
    except StoreUnreachable as error:
        yield Finding("act", "store", f"{error} Move the file away to start a new history")
        return
    if not config.database.exists():
        yield Finding("info", "store", f"{config.database} is not there yet: the first record creates it")
        return
    saved = found.stored_bytes and found.raw_bytes > found.stored_bytes
    smaller = f", {found.raw_bytes / found.stored_bytes:.1f}x smaller than sent" if saved else ""
    text = f"{found.calls} calls, {found.sessions} sessions, {found.errors} errors"
    yield Finding("ok", "store", f"{text}, {size(found.stored_bytes)} for {size(found.raw_bytes)}{smaller}")


def ledger(config: Config) -> Iterator[Finding]:
    """What shippers and writers counted, losses with their reasons."""
    from prompt_history.exporter.shipper import read_ledger
    from prompt_history.exporter.spool import read_losses

    counts = read_ledger(config.spool) | read_losses(config.spool)
    good = {name: count for name, count in counts.items() if not name.startswith(_LOSSES) and count}
    listed = ", ".join(f"{name} {count}" for name, count in sorted(good.items()))
    yield Finding("ok", "ledger", listed or "nothing shipped yet")
    for name, count in sorted(counts.items()):
        if name.startswith(_LOSSES) and count:
            yield Finding("lost", "lost", f"{count} records, {name}")


_LOSSES = ("dropped", "damaged")

CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (interpreter, entries, sdks, exporter)
DATA_CHECKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (directory, spool, store, ledger)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
