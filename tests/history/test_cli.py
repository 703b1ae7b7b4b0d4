"""The command line: JSON for programs, text for people, exit codes for scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import pytest

from prompt_history.exporter.config import Config
from prompt_history.exporter.derive import complete
from prompt_history.exporter.stores import Record
from prompt_history.history.cli import exits
from prompt_history.history.cli.group import run
from prompt_history.history.cli.reference import reference

Make = Callable[..., Record]
Keep = Callable[[Iterable[Record]], None]
Cli = Callable[..., str]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], config: Config, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs the command line, checks its exit code, returns what it prints: stdout if it went well, else stderr."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    def cli(*arguments: str, code: int = exits.OK) -> str:
        assert run(arguments) == code
        printed = capsys.readouterr()
        return printed.out if code == exits.OK else printed.err

    return cli


def with_id(record: Record) -> Record:
    return {"id": f"{record['trace_id']}-{record['span_id']}", **complete(record)}


def test_log_piped_is_one_record_a_line(cli: Cli, make: Make, keep: Keep, spool: Keep) -> None:
    keep([make(1), make(2)])
    spool([make(3, asked="返金\n\x1b[31m")])
    lines = cli("log", "-n", "2").splitlines()
    assert [orjson.loads(line) for line in lines] == [with_id(make(3, asked="返金\n\x1b[31m")), with_id(make(2))]
    assert [orjson.loads(line) for line in cli("log", "--before", make(3)["span_id"]).splitlines()] == [
        with_id(make(2)),
        with_id(make(1)),
    ]


def test_log_for_people(cli: Cli, make: Make, keep: Keep) -> None:
    keep(
        [
            make(1, asked="返金をお願いします。" * 20, **{"user.id": "田中"}),
            make(2, asked="[bold]hi[/bold] :smile:", **{"prompt_history.outcome": "error", "error.type": "timeout"}),
        ]
    )
    head, _, failed, worked = cli("log", "--table", "--utc").splitlines()
    assert head.split() == ["ID", "WHEN", "UTC", "USER", "MODEL", "TOKENS", "TIME", "OUTCOME", "PROMPT"]
    assert re.split(r"\s{2,}", failed.strip()) == [
        *("02c0ffee", "11-22 11:02:00", "gpt-x-2026", "25→7", "1.5s", "timeout", "[bold]hi[/bold] :smile:")
    ]
    assert re.split(r"\s{2,}", worked.strip())[:3] == ["01c0ffee", "11-22 11:01:00", "田中"]
    assert worked.rstrip().endswith("…")
    width = sum(2 if ord(char) > 0x3000 else 1 for char in worked.rstrip())
    assert 116 < width <= 120


def test_times_are_local_and_say_so(cli: Cli, make: Make, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    time.tzset()
    try:
        keep([make(1)])
        assert "WHEN +09:00" in cli("log", "--table")
        assert "11-22 20:01:00" in cli("log", "--table")
        assert "2026-11-22 20:01:00.000 +09:00" in cli("show", "--table")
        assert cli("log", "--since", "2026-11-22T20:01:00").count("\n") == 1
        assert cli("log", "--since", "2026-11-22T11:01:00Z").count("\n") == 1
        assert cli("log", "--since", "2026-11-22T20:01:01") == ""
        assert cli("log", "--since", "2026-11-22T11:01:01", "--utc") == ""
        assert cli("log", "--until", "2026-11-22").count("\n") == 1
        assert cli("log", "--until", "2026-11-21") == ""
    finally:
        monkeypatch.undo()
        time.tzset()


def test_filters_reach_the_history(cli: Cli, make: Make, keep: Keep) -> None:
    keep([make(1, **{"user.id": "u1", "prompt_history.tools.called": ["weather"]}), make(2, **{"user.id": "u2"})])
    options = ["--user", "u1", "--tool", "weather", "--service", "shop", "--slow", "1500ms", "--model", "gpt-x"]
    assert [orjson.loads(line)["attributes"]["user.id"] for line in cli("log", *options).splitlines()] == ["u1"]
    assert cli("log", *options, "--error") == ""
    assert cli("log", "--since", "1h") in ("", cli("log"))  # depends on today


def test_show_for_people(cli: Cli, make: Make, keep: Keep) -> None:
    asked = [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "天気は?"},
                {"type": "blob", "mime_type": "image/png", "sha256": "ab" * 32, "size": 70},
            ],
        },
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "f", "arguments": {"a": 1}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": "sunny\x1b[2J"}]},
    ]
    record = make(
        1,
        said="晴れ\x1b]0;owned\x07です",
        **{
            "gen_ai.input.messages": orjson.dumps(asked).decode(),
            "gen_ai.request.temperature": 0.2,
            "prompt_history.request.extra": '{"tool_choice":"auto"}',
            "user.id": "u1",
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.response.finish_reasons": ["stop"],
        },
    )
    keep([record])
    page = cli("show", "01c0", "--table", "--utc")
    facts, *turns = re.split(r"^(\w+) ─+$", page, flags=re.MULTILINE)
    assert [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in facts.strip().splitlines()] == [
        ["id", f"{record['trace_id']}-{record['span_id']}"],
        ["when", "2026-11-22 11:01:00.000 UTC"],
        ["service", "shop"],
        ["user", "u1"],
        ["model", "gpt-x → gpt-x-2026  openai"],
        ["operation", "chat"],
        ["parameters", 'temperature=0.2  extra={"tool_choice":"auto"}'],
        ["outcome", "ok  stop"],
        ["tokens", "25→7"],
        ["latency", "1.5s  first chunk after 250ms"],
        ["trace", record["trace_id"]],
    ]
    said = [text.strip() for text in turns]
    assert said == [
        *("system", "Be brief."),
        *("user", "天気は?\n[image/png · 70 · sha256 abababababababab]"),
        *("assistant", '→ f({"a":1})  t1'),
        *("tool", "← t1  sunny␛[2J"),
        *("assistant", "晴れ␛]0;owned␇です"),
    ]


def test_show_as_json_and_raw(cli: Cli, make: Make, keep: Keep) -> None:
    keep([make(1), make(2)])
    assert orjson.loads(cli("show")) == orjson.loads(cli("show", "@", "--json")) == with_id(make(2))
    assert orjson.loads(cli("show", "@~1", "--raw")) == complete(make(1))
    assert orjson.loads(cli("show", "--raw", "--table")) == complete(make(2))
    assert cli("show", "--raw", "--table").startswith("{\n  ")


def test_show_of_damaged_content(cli: Cli, make: Make, keep: Keep) -> None:
    keep([make(1, **{"gen_ai.input.messages": "[cut off"})])
    assert "[cut off" in cli("show", "--table")


HOSTILE = "".join(map(chr, [*range(9), *range(11, 32), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066, 0x200F, 0xFEFF]))


def test_what_a_model_says_does_not_reach_the_terminal_as_a_command(cli: Cli, make: Make, keep: Keep) -> None:
    words = f"word {HOSTILE} word"
    hostile = make(
        1, asked=words, said=words, **{"user.id": HOSTILE, "error.type": HOSTILE, "gen_ai.request.x": HOSTILE}
    )
    hostile["status"] = {"code": "Error", "message": HOSTILE}
    hostile["resource"]["attributes"]["service.name"] = HOSTILE
    keep([hostile])
    for arguments in (["log"], ["show"], ["search", "word"], ["show", "--raw"]):
        for form in ("--table", "--json"):
            printed = cli(*arguments, form)
            assert set(printed) & set(HOSTILE) == set(), arguments
    assert orjson.loads(cli("show")) == with_id(hostile)


def test_search_shows_where_it_was_said(cli: Cli, make: Make, keep: Keep) -> None:
    keep(
        [
            make(1, asked="あ" * 100 + "ﾍﾝｷﾝの件、契約" + "い" * 100),
            make(2, asked="x", said="The Refund is on its way."),
        ]
    )
    found = cli("search", "ヘンキン", "--table", "--utc").splitlines()
    assert found[0] == "01c0ffee  11-22 11:01:00 UTC  gpt-x-2026"
    text = "".join(found[1:]).replace(" ", "")
    assert text == "input:…" + "あ" * 60 + "ﾍﾝｷﾝの件、契約" + "い" * 55 + "…"
    assert cli("search", "refund", "--table", "--utc").splitlines()[1] == "  output: The Refund is on its way."
    assert orjson.loads(cli("search", "refund", "way"))["span_id"] == make(2)["span_id"]
    assert orjson.loads(cli("search", "is on"))["span_id"] == make(2)["span_id"]
    assert cli("search", "on is") == ""


def test_hits_are_highlighted(make: Make) -> None:
    from prompt_history.history.snippet import snippet

    found = snippet(complete(make(1, asked="ｶﾞｽ代とガス代、gas and GAS gasp")), "ガス gas")
    assert found is not None
    assert [found.text[begin:end] for begin, end in found.hits] == ["ｶﾞｽ", "ガス", "gas", "GAS"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["show", "ffff"], exits.NOT_FOUND, "prompt-history: No record is named 'ffff'. `prompt-history log` lists"),
        (["show", "xyz"], exits.NOT_FOUND, "prompt-history: 'xyz' is no id: it has hexadecimal digits, or is @"),
        (
            ["show", "0"],
            exits.NOT_FOUND,
            "prompt-history: '0' is the beginning of more than one id. Type more of it: 0",
        ),
        (["lgo"], exits.USAGE, "prompt-history: No such command 'lgo'. See: prompt-history --help"),
        (["log", "--frm"], exits.USAGE, "prompt-history: No such option"),
        (["log", "-n", "0"], exits.USAGE, "prompt-history: Invalid value for '-n'"),
        (["log", "--since", "x"], exits.USAGE, "prompt-history: --since 'x' is no time: write 2h, 2026-11-24 or"),
        (["log", "--slow", "2"], exits.USAGE, "prompt-history: Invalid value for '--slow': '2' is no duration: write"),
        (["search"], exits.USAGE, "prompt-history: Missing argument 'WORDS...'"),
        (["search", " "], exits.USAGE, "prompt-history: WORDS is empty"),
        (["run", "no-such-command-here"], exits.COMMAND_NOT_FOUND, "prompt-history: 'no-such-command-here' is no"),
        ([], exits.USAGE, "Usage: prompt-history"),
    ],
)
def test_errors_say_what_is_wrong(cli: Cli, make: Make, keep: Keep, arguments: list[str], code: int, text: str) -> None:
    keep([make(1), make(2)])
    assert cli(*arguments, code=code).startswith(text)


def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPT_HISTORY_STORE", "mongodb:")
    for verb in ("log", "show", "path", "doctor", "tail", "ship"):
        assert "PROMPT_HISTORY_STORE is 'mongodb:'; allowed:" in cli(verb, code=exits.USAGE)


def test_an_unreadable_store_is_named(cli: Cli, config: Config) -> None:
    config.dir.mkdir(parents=True)
    config.database.write_text("this is no database, and long enough to be seen as none")
    printed = cli("log", code=exits.UNREACHABLE)
    assert printed.startswith(f"prompt-history: {config.database} cannot be read: file is not a database.")


@pytest.mark.slow
def test_a_store_that_fails_is_told_once(config: Config, make: Make, spool: Keep) -> None:
    spool([make(1)])
    config.database.write_text("this is no database, and long enough to be seen as none")
    command = [sys.executable, "-m", "prompt_history.history.cli", "log"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (exits.UNREACHABLE, "", 1)


def test_an_empty_history_says_so_to_people_only(cli: Cli) -> None:
    assert cli("log", "--table") == cli("log") == cli("search", "x") == cli("search", "x", "--table") == ""


def test_paths(cli: Cli, config: Config) -> None:
    assert cli("path") == f"{config.dir}\n"
    assert cli("path", "--database") == f"{config.database}\n"
    assert cli("path", "--spool") == f"{config.spool}\n"


def test_ship_once_moves_everything(cli: Cli, config: Config, make: Make, spool: Keep) -> None:
    spool([make(1), make(2)])
    assert cli("ship", "--once") == ""
    assert [one["span_id"] for one in map(orjson.loads, cli("log").splitlines())] == [
        make(2)["span_id"],
        make(1)["span_id"],
    ]


def test_doctor(cli: Cli, config: Config, make: Make, spool: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "prompt_history")
    assert "exporter: OTEL_TRACES_EXPORTER=prompt_history" in cli("doctor")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    spool([make(1)])
    assert run(["doctor"]) == exits.FAILURE
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    cli("log")
    report = cli("doctor")
    assert "store: 1 calls, 0 sessions, 0 errors" in report
    assert "ledger: shipped 1" in report
    config.dir.chmod(0o755)
    assert run(["doctor"]) == exits.FAILURE
    config.dir.chmod(0o700)
    (config.spool / "ledger.json").write_text('{"shipped": 1, "damaged": 2}')
    assert run(["doctor"]) == exits.LOST
    (config.spool / "ledger.json").write_text('{"shipped": 1}')
    assert run(["doctor"]) == exits.OK
    (config.spool / "losses.ndjson").write_text('{"writer": "1-a", "what": "dropped: full", "count": 3}\n')
    assert run(["doctor"]) == exits.LOST


def test_doctor_says_what_waits(capsys: pytest.CaptureFixture[str], config: Config, make: Make, spool: Keep) -> None:
    spool([make(1)])
    assert run(["doctor"]) == exits.FAILURE
    assert "1 records wait: prompt-history ship --once" in capsys.readouterr().out


def test_help_names_every_verb(cli: Cli) -> None:
    printed = cli("--help")
    for verb in ("run", "log", "show", "search", "tail", "ship", "path", "doctor", "demo"):
        assert re.search(rf"^  {verb} ", printed, re.MULTILINE)
        assert cli(verb, "--help").startswith(f"Usage: prompt-history {verb} ")


def test_the_reference_is_what_the_commands_say() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference()
