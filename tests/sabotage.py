"""Breaks each promise on purpose, in a copy of the source, and expects the named test to fail.

A test that still passes with its promise broken is blind: the run fails and says which. With
arguments, only breakages whose name contains one of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PORTIONS = ("instrumentation", "exporter", "history", "examples")
ENGINE = "instrumentation/prompt_history/instrumentation"
KEEPING = "exporter/prompt_history/exporter"
SITUATIONS = "tests/contract/test_situations.py"
WAYS = "tests/contract/test_ways.py"


@dataclass(frozen=True)
class Breakage:
    promise: int
    """Number in docs/explanation/promises.md."""
    name: str
    file: str
    old: str
    """Stands exactly once in the file."""
    new: str
    test: str
    """What must fail."""


BREAKAGES = (
    Breakage(
        1,
        "our failure is raised",
        f"{ENGINE}/guard.py",
        "        failed(self.doing, error)\n        return True",
        "        failed(self.doing, error)\n        return False",
        f"{SITUATIONS}::test_a_bug_of_ours_never_reaches_the_application",
    ),
    Breakage(
        1,
        "the log quotes an error text",
        f"{ENGINE}/guard.py",
        "        type(error).__name__,\n        place,\n",
        "        repr(error),\n        place,\n",
        f"{SITUATIONS}::test_a_bug_of_ours_never_reaches_the_application",
    ),
    Breakage(
        1,
        "streams are read before the application asks",
        f"{ENGINE}/stainless.py",
        "    stream._iterator = watch.over(stream._iterator)",
        "    stream._iterator = watch.over(iter(list(stream._iterator)))",
        f"{SITUATIONS}::test_a_stream_left_early",
    ),
    Breakage(
        1,
        "undoing undoes nothing",
        f"{ENGINE}/load.py",
        "            self._patcher.remove()\n",
        "            pass\n",
        f"{SITUATIONS}::test_undone_for_cached_clients_too",
    ),
    Breakage(
        2,
        "a call ends twice",
        f"{ENGINE}/exchange.py",
        "            self._ends.pop()  #",
        "            self._ends[0]  #",
        f"{WAYS}::test_one_record_that_equals_what_was_sent_and_seen",
    ),
    Breakage(
        2,
        "abandoned streams leave nothing",
        f"{ENGINE}/streams.py",
        "    weakref.finalize(response, exchange.end, abandoned=True)\n",
        "",
        f"{SITUATIONS}::test_a_stream_never_read",
    ),
    Breakage(
        2,
        "the SDK's own span is left on",
        f"{ENGINE}/sdk/anthropic.py",
        '    own_tracing={"ANTHROPIC_OPEN_TELEMETRY": "false"},\n',
        "",
        f"{SITUATIONS}::test_the_anthropic_sdk_makes_no_span_of_its_own",
    ),
    Breakage(
        2,
        "a foreign span under ours is recorded too",
        f"{KEEPING}/processor.py",
        "            if self._ours.get(parent):\n                return True\n",
        "",
        f"{SITUATIONS}::test_a_native_span_that_is_kept_makes_no_second_record",
    ),
    Breakage(
        3,
        "extra parameters are dropped",
        f"{ENGINE}/exchange.py",
        "        if extra:\n",
        "        if False:\n",
        f"{SITUATIONS}::test_values_that_json_or_a_store_cannot_hold",
    ),
    Breakage(
        3,
        "extra_body is not read",
        f"{ENGINE}/stainless.py",
        "        if options.extra_json:\n",
        "        if False:\n",
        f"{SITUATIONS}::test_values_that_json_or_a_store_cannot_hold",
    ),
    Breakage(
        3,
        "the prompt of a failed call is lost",
        f"{ENGINE}/exchange.py",
        '        if error is None:\n            attributes["prompt_history.outcome"]',
        '        if error is not None:\n            attributes.pop("gen_ai.input.messages", None)\n'
        '        if error is None:\n            attributes["prompt_history.outcome"]',
        f"{SITUATIONS}::test_a_call_that_fails_keeps_its_prompt",
    ),
    Breakage(
        4,
        "a damaged frame is believed",
        f"{KEEPING}/spool/frame.py",
        "    if crc32(payload, crc32(raw[: _HEAD.size])) != check:",
        "    if False and check:",
        "tests/exporter/test_spool_reader.py::test_every_flipped_bit_costs_one_frame",
    ),
    Breakage(
        4,
        "what is not kept is acknowledged",
        f"{KEEPING}/spool/writer.py",
        '            self._count(f"dropped: {reason(error)}")\n            return False\n',
        '            self._count(f"dropped: {reason(error)}")\n            return True\n',
        "tests/exporter/test_spool.py::test_it_never_raises_and_tells_why",
    ),
    Breakage(
        4,
        "what is stored twice is shown twice",
        f"{KEEPING}/stores/schema.py",
        "  UNIQUE (span_id, trace_id, kind, number)\n",
        "  CHECK (1)\n",
        "tests/exporter/test_sqlite.py::test_writing_twice_changes_nothing",
    ),
    Breakage(
        5,
        "content without a redactor",
        f"{ENGINE}/exchange.py",
        "        self._content = Content(redact, self._installed.media) if redact else None",
        "        from .contract import Redacted\n"
        "        self._content = Content(redact or (lambda f, v: Redacted(v)), self._installed.media)",
        f"{SITUATIONS}::test_without_a_redactor_there_is_no_content",
    ),
    Breakage(
        5,
        "failed redaction lets content through",
        f"{ENGINE}/content.py",
        '            part = {"type": "text", "content": WITHHELD}',
        '            part = {"type": "text", "content": str(value)}',
        f"{SITUATIONS}::test_redaction_that_fails_withholds_content_and_keeps_the_rest",
    ),
    Breakage(
        6,
        "known messages are redacted again",
        f"{ENGINE}/content.py",
        "        fragment = memo.get(key)\n        if fragment is None:\n",
        "        fragment = None\n        if fragment is None:\n",
        f"{SITUATIONS}::test_only_new_text_is_redacted",
    ),
    Breakage(
        6,
        "known text is indexed again",
        f"{ENGINE}/content.py",
        "            fragment.indexed = True",
        "            pass",
        f"{SITUATIONS}::test_only_the_text_that_is_new_is_searchable_but_every_record_has_the_whole_prompt",
    ),
    Breakage(
        7,
        "Japanese is indexed as whole runs",
        f"{KEEPING}/stores/words.py",
        "    return [run[at : at + 2] for at in range(len(run))]",
        "    return [run]",
        "tests/exporter/test_sqlite.py::test_planted_words_of_both_languages_are_found",
    ),
    Breakage(
        7,
        "widths are not folded",
        f"{KEEPING}/stores/words.py",
        '    return unicodedata.normalize("NFC", narrow).lower()',
        "    return text.lower()",
        "tests/exporter/test_sqlite_words.py::test_found",
    ),
    Breakage(
        7,
        "the spool is not read while another shipper leads",
        "history/prompt_history/history/reading.py",
        "            self._waiting = waiting(self._spool, self._on_disk())",
        "            pass",
        "tests/history/test_history.py::test_what_another_shipper_has_not_shipped_yet_is_read_from_the_spool",
    ),
)


def source(directory: Path) -> Path:
    """A copy of everything that tests run."""
    for name in (*PORTIONS, "tests", "docs", "benchmarks"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "README.ja.md", "Makefile", "CHANGELOG.md", "CONTRIBUTING.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, directory)
    return directory


def passes(directory: Path, test: str) -> bool:
    """Whether `test` passes on the copy. Ends the run if it cannot be run at all."""
    path = os.pathsep.join(str(directory / portion) for portion in PORTIONS)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        print(done.stdout, done.stderr, sep="\n")
        raise SystemExit(f"{test} could not be run")
    return done.returncode == 0


def noticed(breakage: Breakage) -> bool:
    """Whether the named test fails with the breakage."""
    with tempfile.TemporaryDirectory() as name:
        directory = source(Path(name))
        file = directory / breakage.file
        text = file.read_text()
        if text.count(breakage.old) != 1:
            raise SystemExit(
                f"{breakage.name}: what it replaces stands {text.count(breakage.old)} times in {breakage.file}"
            )
        file.write_text(text.replace(breakage.old, breakage.new))
        return not passes(directory, breakage.test)


def main() -> int:
    wanted = [it for it in BREAKAGES if not sys.argv[1:] or any(part in it.name for part in sys.argv[1:])]
    with tempfile.TemporaryDirectory() as name:
        directory = source(Path(name))
        for test in sorted({breakage.test for breakage in wanted}):
            if not passes(directory, test):
                raise SystemExit(f"{test} fails without any breakage")
    blind = []
    for breakage in wanted:
        found = noticed(breakage)
        print(f"promise {breakage.promise}: {breakage.name}: {'noticed' if found else 'NOT NOTICED'}", flush=True)
        if not found:
            blind.append(breakage)
    print(f"{len(wanted) - len(blind)} of {len(wanted)} breakages noticed")
    return 1 if blind or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
