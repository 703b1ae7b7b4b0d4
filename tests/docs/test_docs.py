"""The documentation against the code: generated blocks, links, commands, settings and names that it mentions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module, util
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import click
import pytest

import prompt_history
from prompt_history.exporter.config import PREFIX, Config
from prompt_history.history.cli.group import VERBS, cli
from prompt_history.history.cli.reference import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
PROMISES = ROOT / "docs/explanation/promises.md"
FENCE = re.compile(r"^ *```([a-z]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FOLDERS = (".ci", "benchmarks", "docs", "examples", "exporter", "history", "instrumentation", "tests")
OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:root|work|Users)/|/home/\w{2}|(?:index|registry)[-_]url|"
    r"https?://[\w.:@-]*(?:artifactory|mirror|nexus|pypi|registry)"
)
"""Paths and package registries that only one machine has."""
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def loaded(path: str) -> ModuleType:
    """A script of the repository as a module."""
    spec = util.spec_from_file_location(Path(path).stem + "_script", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return loaded("docs/generate.py")


def code(text: str) -> Iterator[str]:
    """Lines of fenced blocks, and inline code."""
    for _, block in FENCE.findall(text):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(text: str) -> Iterator[list[str]]:
    """What follows `prompt-history` in code, word by word, up to the end of the command."""
    for line in code(text):
        for found in re.findall(r"(?:^|[\s$&;=])prompt-history ((?:[^|>#;&]|\\\|)+)", " " + line):
            yield found.split()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


@every_page
def test_generated_blocks_are_up_to_date(page: Path, generate: ModuleType) -> None:
    text = page.read_text()

    assert generate.written(text) == text, "run `make docs`"


def test_the_command_line_page_is_the_help_of_the_commands() -> None:
    assert (ROOT / "docs/reference/cli.md").read_text().strip() == reference().strip()


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text)

    broken = []
    for target in targets:
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and anchor not in anchors(to)):
            broken.append(target)
    assert broken == []


@every_page
def test_commands_are_those_of_the_command_line(page: Path) -> None:
    unknown = []
    for words in commands(page.read_text()):
        verb = words[0].rstrip(".,:")
        if verb.startswith("-") or verb in ("[OPTIONS]", "VERB"):
            continue
        if verb not in VERBS:
            unknown.append(verb)
            continue
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        ours = words[1 : words.index("--")] if "--" in words else words[1:]
        options = {word.partition("=")[0] for word in ours if re.match(r"--?[a-z]", word)}
        unknown += [f"{verb} {option}" for option in options - known - {"--help", "-h"}]
    assert unknown == []


@every_page
def test_python_in_pages_imports_what_there_is(page: Path) -> None:
    missing: list[str] = []
    for language, block in FENCE.findall(page.read_text()):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(dedent(block))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("prompt_history"):
                module = import_module(node.module)
                for name in (found.name for found in node.names):
                    if not hasattr(module, name) and util.find_spec(f"{node.module}.{name}") is None:
                        missing.append(f"{node.module}.{name}")
    assert missing == []


@every_page
def test_settings_are_those_of_the_code(page: Path) -> None:
    named = set(re.findall(rf"(?<![A-Z_])({PREFIX}[A-Z_]+)", page.read_text()))

    assert named - {PREFIX + setting.name.upper() for setting in fields(Config)} == set()


def test_the_two_readmes_say_the_same() -> None:
    english, japanese = (page.read_text() for page in READMES)

    def shape(text: str) -> list[tuple[int, int]]:
        """Level of each heading, and code blocks below it."""
        outside = re.split(r"^(#+) .*$", FENCE.sub("@fence@", text), flags=re.MULTILINE)[1:]
        return [(len(level), body.count("@fence@")) for level, body in zip(*[iter(outside)] * 2, strict=True)]

    def blocks(text: str) -> list[str]:
        """Code blocks, but for the comments of commands and the word that a newcomer searches for."""
        return [re.sub(r"search \w+ +#.*$|  +#.*$", "", body, flags=re.MULTILINE) for _, body in FENCE.findall(text)]

    def links(text: str) -> list[str]:
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("#")]

    assert shape(english) == shape(japanese)
    assert blocks(english) == blocks(japanese)
    assert links(english) == links(japanese)
    for text in (english, japanese):
        assert "`make demo`" in text
        assert "`make test`" in text


def test_make_has_the_targets_that_pages_name() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for line in code(page.read_text()) for name in re.findall(r"^make ([a-z-]+)$", line)
    }

    assert named - targets == set()


def test_promises_name_tests_that_exist_and_breakages_that_are_made() -> None:
    text = PROMISES.read_text()
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
    broken = {int(number) for number in re.findall(r"^## (\d)\..*✂$", text, re.MULTILINE)}
    sabotage = (ROOT / "tests/sabotage.py").read_text()

    assert {name for name in named if f"def {name}(" not in tests} == set()
    assert {path for path in re.findall(r"tests/[\w/]+\.py", text) if not (ROOT / path).exists()} == set()
    assert broken == {int(number) for number in re.findall(r"Breakage\(\s+(\d),", sabotage)}


def test_nothing_tells_of_the_machine_that_it_was_written_on() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    files += [path for path in ROOT.iterdir() if path.name != "LICENSE" and not path.name.startswith(".")]

    found = []
    for path in files:
        if path.is_file():
            text = path.read_text("utf-8", "replace")
            if OF_A_MACHINE.search(text) or str(ROOT) in text:
                found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_the_namespace_belongs_to_nobody() -> None:
    assert prompt_history.__file__ is None
