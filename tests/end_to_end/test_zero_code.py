"""An application that knows nothing of us, started as its README would say: one record per call, nothing on stderr."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from prompt_history.examples.provider import Provider

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
PYTHON = sys.executable
APP = """
import openai
client = openai.OpenAI(max_retries=0)
create = client.chat.completions.create
print(create(model="gpt-x", messages=[{"role": "user", "content": "返金はいつですか"}]).choices[0].message.role)
for _ in create(model="gpt-x", messages=[{"role": "user", "content": "again"}], stream=True):
    pass
"""
VERSION = tuple(int(part) for part in version("opentelemetry-sdk").split(".")[:2])
INSTRUMENT = ["opentelemetry-instrument", "--traces_exporter", "prompt_history"]
QUIET = ["--metrics_exporter", "none", "--logs_exporter", "none"]


def environment(provider: Provider, directory: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PROMPT_HISTORY_"))}
    return {
        **kept,
        **provider.environment,
        "PROMPT_HISTORY_DIR": str(directory),
        "OTEL_SERVICE_NAME": "shop",
        **more,
    }


def run(command: Sequence[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = str(BIN / command[0])
    return subprocess.run([program, *command[1:]], env=env, capture_output=True, text=True, timeout=60, check=False)


def log(env: dict[str, str]) -> list[dict[str, Any]]:
    found = run(["prompt-history", "log", "--json"], env)
    assert (found.returncode, found.stderr) == (0, "")
    return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.fixture
def app(tmp_path: Path) -> str:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return str(path)


COMMANDS = {
    "opentelemetry-instrument": [*INSTRUMENT, *QUIET, PYTHON],
    "prompt-history run": ["prompt-history", "run", "--", PYTHON],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_two_calls_two_records_and_no_noise(command: str, app: str, provider: Provider, tmp_path: Path) -> None:
    env = environment(provider, tmp_path / "data")

    done = run([*COMMANDS[command], app], env)

    assert (done.returncode, done.stdout, done.stderr) == (0, "assistant\n", "")
    records = log(env)
    assert [record["attributes"]["prompt_history.input.text"] for record in records] == ["again", "返金はいつですか"]
    assert {record["resource"]["attributes"]["service.name"] for record in records} == {"shop"}


@pytest.mark.skipif(VERSION < (1, 40), reason="this OTLP exporter holds the exit of a process for a minute")
def test_beside_an_otlp_endpoint_that_is_not_there(app: str, provider: Provider, tmp_path: Path) -> None:
    env = environment(provider, tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    done = run(["prompt-history", "run", "--", PYTHON, app], env)

    assert done.returncode == 0
    assert len(log(env)) == 2


def test_merely_installed_beside_another_exporter_keeps_nothing(app: str, provider: Provider, tmp_path: Path) -> None:
    env = environment(provider, tmp_path / "data")

    done = run(["opentelemetry-instrument", "--traces_exporter", "console", *QUIET, PYTHON, app], env)

    assert done.returncode == 0
    assert '"gen_ai.usage.output_tokens"' in done.stdout
    assert "返金" not in done.stdout
    assert "gen_ai.input.messages" not in done.stdout
    assert not (tmp_path / "data").exists()


def test_an_sdk_that_is_not_imported_is_not_loaded(provider: Provider, tmp_path: Path) -> None:
    script = tmp_path / "modules.py"
    script.write_text(
        "import sys\n"
        "names = ('openai', 'anthropic', 'groq', 'prompt_history.instrumentation.patch')\n"
        "print([name for name in names if name in sys.modules])\n"
    )

    done = run([*INSTRUMENT, *QUIET, PYTHON, str(script)], environment(provider, tmp_path / "data"))

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_wrong_setting_is_one_warning_and_the_default(app: str, provider: Provider, tmp_path: Path) -> None:
    env = environment(provider, tmp_path / "data", PROMPT_HISTORY_MEDIA="everything")

    done = run([*COMMANDS["opentelemetry-instrument"], app], env)

    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if line]
    assert warnings == ["PROMPT_HISTORY_MEDIA is 'everything'; allowed: reference, keep, drop. The default is used."]
    assert len(log(env | {"PROMPT_HISTORY_MEDIA": ""})) == 2


def test_a_record_is_found_while_the_application_runs_and_after_kill_9(provider: Provider, tmp_path: Path) -> None:
    script = tmp_path / "waiting.py"
    script.write_text(APP + "import signal\nprint('done', flush=True)\nsignal.pause()\n")
    env = environment(provider, tmp_path / "data")
    command = [str(BIN / INSTRUMENT[0]), *INSTRUMENT[1:], *QUIET, PYTHON, str(script)]

    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "assistant\n"
        assert process.stdout.readline() == "done\n"
        started = time.monotonic()
        while_running = len(log(env))
        waited = time.monotonic() - started
        process.send_signal(signal.SIGKILL)
    assert while_running == 2
    assert waited < 2
    assert len(log(env)) == 2


@pytest.mark.parametrize("name", ["os.fork", "multiprocessing"])
def test_calls_of_child_processes(name: str, provider: Provider, tmp_path: Path) -> None:
    if name == "multiprocessing" and VERSION < (1, 42):
        pytest.skip("this opentelemetry-instrument does not reach spawned processes")
    script = tmp_path / "children.py"
    call = "openai.OpenAI().chat.completions.create(model='gpt-x', messages=[{'role': 'user', 'content': who}])"
    script.write_text(
        "import multiprocessing, os, openai\n"
        f"def call(who):\n    {call}\n"
        "if __name__ == '__main__':\n"
        "    call('parent')\n"
        + (
            "    pid = os.fork()\n    if pid == 0:\n        call('child'); os._exit(0)\n    os.waitpid(pid, 0)\n"
            if name == "os.fork"
            else "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        pool.map(call, ['child'])\n"
        )
    )
    env = environment(provider, tmp_path / "data")

    done = run([*COMMANDS["opentelemetry-instrument"], str(script)], env)

    assert (done.returncode, done.stderr) == (0, "")
    texts = sorted(record["attributes"]["prompt_history.input.text"] for record in log(env))
    assert texts == ["child", "parent"]
