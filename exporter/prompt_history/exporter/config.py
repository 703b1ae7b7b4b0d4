"""The settings: the only reader of the environment. The table in docs/reference/settings.md is made from here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

PREFIX = "PROMPT_HISTORY_"


class ConfigError(ValueError):
    """A setting has a value that it cannot have. The text names variable, value and what is allowed."""


def _data_directory() -> Path:
    """Where local data goes by the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "prompt-history"


def _choice(*allowed: str) -> tuple[Callable[[str], str], str]:
    def parse(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError
        return value.lower()

    return parse, ", ".join(allowed)


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _bytes(value: str) -> int:
    match = re.fullmatch(r"(\d+)\s*(|k|m|g|ki|mi|gi)b?", value.strip().lower())
    if match is None:
        raise ValueError
    power: int = " kmg".index(match[2][:1] or " ")
    return int(int(match[1]) * 1024**power)


def _milliseconds(value: str) -> int:
    if not value.isdecimal():
        raise ValueError
    return int(value)


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _text(value: str) -> str:
    return value


def _store(value: str) -> str:
    if not re.fullmatch(r"sqlite:.*", value):
        raise ValueError
    return value


def _setting(
    default: Any, parse: tuple[Callable[[str], Any], str], meaning: str, make: Callable[[], Any] | None = None
) -> Any:
    metadata = {"parse": parse[0], "allowed": parse[1], "meaning": meaning, "default": default}
    return field(default_factory=make, metadata=metadata) if make else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a process. Each field is the environment variable `PROMPT_HISTORY_<FIELD>`."""

    dir: Path = _setting(
        "$XDG_DATA_HOME/prompt-history or ~/.local/share/prompt-history",
        (_path, "a directory"),
        "Where the spool and the embedded history live. Created with mode 0700. It must survive the process.",
        _data_directory,
    )
    store: str = _setting(
        "sqlite:",
        (_store, "`sqlite:` or `sqlite:PATH`"),
        "Where records go: `sqlite:` is `history.db` in the directory above, `sqlite:PATH` another file.",
    )
    namespace: str = _setting(
        "default",
        (_text, "a name"),
        "`data_stream.namespace` of the records: keeps environments or tenants apart.",
    )
    content: Literal["auto", "on", "record", "off"] = _setting(
        "auto",
        _choice("auto", "on", "record", "off"),
        "Whether prompts and responses are captured. `auto`: when `OTEL_TRACES_EXPORTER` names `prompt_history`. "
        "`on`: also without it. `record`: in the record, not on spans. `off`: metadata only. An explicit "
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=no_content` means `off`.",
    )
    media: Literal["reference", "keep", "drop"] = _setting(
        "reference",
        _choice("reference", "keep", "drop"),
        "Inline images, audio and files: `reference` keeps type, size and SHA-256, `keep` the bytes too, `drop` "
        "only the type.",
    )
    durability: Literal["process", "host", "record"] = _setting(
        "process",
        _choice("process", "host", "record"),
        "What a kept record survives. `process`: `kill -9`. `host`: power loss, but for the last 50 ms. `record`: "
        "power loss.",
    )
    spool_max_bytes: int = _setting(
        "10 GiB, at most a fifth of the file system",
        (_bytes, "a number of bytes, or one with KiB, MiB, GiB"),
        "How much the spool may hold while the store is away.",
        lambda: 0,
    )
    when_full: Literal["metadata", "drop", "block"] = _setting(
        "metadata",
        _choice("metadata", "drop", "block"),
        "A full spool: `metadata` keeps records without content while they fit, then drops; `drop` drops; `block` "
        "waits up to `PROMPT_HISTORY_BLOCK_MS`, never on a thread that runs an event loop. Every loss is counted.",
    )
    block_ms: int = _setting(0, (_milliseconds, "milliseconds"), "How long `block` waits.")
    shipper: Literal["auto", "process", "thread", "none"] = _setting(
        "auto",
        _choice("auto", "process", "thread", "none"),
        "Who moves records from the spool to the store: a thread or a child process of the application, or `none` "
        "where `prompt-history ship` runs by itself. `auto` is `thread`.",
    )
    native_spans: Literal["off", "keep"] = _setting(
        "off",
        _choice("off", "keep"),
        "Spans that an SDK makes by itself (anthropic): `off` switches them off, as ours say more; `keep` leaves "
        "them. Neither makes a second record.",
    )
    baggage_keys: tuple[str, ...] = _setting(
        "user.id,session.id,gen_ai.conversation.id",
        (_names, "names, separated by commas"),
        "Baggage that becomes attributes of the record. Baggage comes from outside: only what is named here is "
        "read, 256 characters of it at most.",
        lambda: ("user.id", "session.id", "gen_ai.conversation.id"),
    )
    user_id: str = _setting("", (_text, "text"), "`user.id` of records that have none.")
    session_id: str = _setting("", (_text, "text"), "`session.id` of records that have none.")
    strict: bool = _setting(
        False,
        (lambda value: {"0": False, "": False, "1": True}[value], "0, 1"),
        "For our own tests: a failure of ours is raised instead of logged and counted.",
    )

    @property
    def spool(self) -> Path:
        """Directory of the spool."""
        return self.dir / "spool"

    @property
    def database(self) -> Path:
        """File of the embedded history."""
        given = self.store.partition(":")[2]
        return Path(given).expanduser() if given else self.dir / "history.db"

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, on_error: Callable[[ConfigError], None] | None = None
    ) -> Config:
        """The settings in `environ` (the process's when `None`).

        A wrong value raises `ConfigError`, or is told to `on_error` and the default is used.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {}
        for setting in fields(cls):
            name = PREFIX + setting.name.upper()
            value = environ.get(name)
            if value is None or (value == "" and setting.name not in ("user_id", "session_id")):
                continue
            try:
                found[setting.name] = setting.metadata["parse"](value)
            except (ValueError, KeyError):
                error = ConfigError(f"{name} is {value!r}; allowed: {setting.metadata['allowed']}.")
                if on_error is None:
                    raise error from None
                on_error(error)
        return cls(**found)


def exporter_named(environ: Mapping[str, str] | None = None) -> bool:
    """Whether `OTEL_TRACES_EXPORTER` names `prompt_history`."""
    named = (os.environ if environ is None else environ).get("OTEL_TRACES_EXPORTER", "")
    return "prompt_history" in (name.strip() for name in named.split(","))


def content_wanted(config: Config, *, exporter: bool, environ: Mapping[str, str] | None = None) -> tuple[bool, bool]:
    """Whether content is captured, and whether it also goes onto spans. `exporter`: whether our exporter is in use."""
    explicit = (os.environ if environ is None else environ).get(
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", ""
    )
    if config.content == "off" or explicit.strip().lower() == "no_content":
        return False, False
    if config.content == "auto" and not exporter:
        return False, False
    return True, config.content != "record"
