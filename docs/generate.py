"""Writes what the documentation takes from the code and from benchmark results.

A generated block stands between `<!-- generated: NAME -->` and `<!-- end -->` in any Markdown file. `--check` changes
nothing and fails, naming the file, if a block is not what it would be.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *[[str(cell).replace("|", "\\|") for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def settings() -> str:
    from prompt_history.exporter.config import PREFIX, Config

    rows = []
    for setting in fields(Config):
        default = setting.metadata["default"]
        shown = f"`{default}`" if default not in ("", False) else "not set" if default == "" else "`0`"
        if " or " in str(default) or ", at" in str(default):
            shown = str(default)
        rows.append(
            (f"`{PREFIX}{setting.name.upper()}`", shown, setting.metadata["allowed"], setting.metadata["meaning"])
        )
    return table(("variable", "default", "allowed", "meaning"), rows)


def adapter_files() -> list[Path]:
    """The file of each SDK, by name."""
    return sorted((ROOT / "instrumentation/prompt_history/instrumentation/sdk").glob("[a-z]*.py"))


def sdks() -> str:
    rows = []
    for path in adapter_files():
        module = import_module(f"prompt_history.instrumentation.sdk.{path.stem}")
        adapter = module.ADAPTER
        formats = sorted(module.FORMATS.items())
        rows.append(
            (
                f"`{adapter.name}`",
                adapter.requires.partition(" ")[2],
                ", ".join(f"`{path}`" for path, _ in formats),
                f"`{adapter.name}_prompt_history`",
            )
        )
    return table(("SDK", "versions", "recorded requests", "entry point"), rows)


def attributes() -> str:
    from prompt_history.exporter.fields import FIELDS

    return table(("attribute", "type", "meaning"), [(f"`{name}`", kind, said) for name, (kind, said) in FIELDS.items()])


def cli() -> str:
    from prompt_history.history.cli.reference import reference

    return reference()


def benchmark(name: str) -> Callable[[], str]:
    def made() -> str:
        path = ROOT / "benchmarks" / "results" / f"{name}.json"
        if not path.exists():
            return "Not measured yet.\n"
        found = json.loads(path.read_text())
        columns = list(dict.fromkeys(column for row in found["rows"] for column in row))
        rows = [[row.get(column, "") for column in columns] for row in found["rows"]]
        versions = ", ".join(f"{package} {version}" for package, version in found["versions"].items())
        made_by = f"`{found['command']}` at {found['commit']}, Python {found['python']}, {versions}."
        return table(columns, rows) + "\n" + made_by + "\n"

    return made


def adapters() -> str:
    """Lines of each SDK's file: adding one stays small."""
    rows = []
    for path in adapter_files():
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        rows.append((f"`{path.name}`", len(path.read_text().splitlines()), said.splitlines()[0]))
    return table(("file", "lines", "what"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "sdks": sdks,
    "attributes": attributes,
    "cli": cli,
    "adapters": adapters,
    "benchmark-overhead": benchmark("overhead"),
    "benchmark-startup": benchmark("startup"),
    "benchmark-process": benchmark("process"),
    "benchmark-history": benchmark("history"),
}


def written(text: str) -> str:
    """`text` with every generated block made anew."""
    return BLOCK.sub(lambda found: found[1] + "\n" + BLOCKS[found[2]]() + "\n" + found[3], text)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for page in pages():
        before = page.read_text()
        after = written(before)
        if after != before:
            stale.append(str(page.relative_to(ROOT)))
            if not check:
                page.write_text(after)
    if check and stale:
        print(f"Out of date: {', '.join(stale)}. Run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
