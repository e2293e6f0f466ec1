"""What follows from the model of the configuration: its schema file, its page in docs, the comments of config.yaml.

`python -m soulbench.config.reference` writes all three in the current folder; with `--check` it only compares them.
"""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from soulbench.config import files
from soulbench.config.schema import allowed_values, part_at, schema, without_null

CONFIG = "config.yaml"
COMMAND = "python -m soulbench.config.reference"
WIDTH = 120
#: Comments are aligned behind lines of up to this width; behind longer ones they follow where the line ends.
ALIGNED = 36
KEY = re.compile(r"( *)([a-z0-9_-]+):")
#: A line of YAML up to its comment: a `#` behind a space, outside of quotes.
CODE = re.compile(r"""((?:"[^"]*"|'[^']*'|[^"'#]|(?<! )#)*)""")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the files, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is not as it would be"
    )
    options = parser.parse_args(arguments)
    stale = [
        path for path, text in texts(Path()).items() if not path.is_file() or path.read_text("utf-8") != text
    ]
    for path in stale:
        if options.check:
            print(f"{path}: does not follow from soulbench/config/model; run {COMMAND}")
        else:
            path.write_text(texts(Path())[path], "utf-8")
            print(f"{path}: written")
    return int(bool(stale and options.check))


def texts(root: Path) -> dict[Path, str]:
    """Return each generated file of a project's folder with its text."""
    return {
        root / CONFIG: commented((root / CONFIG).read_text("utf-8")),
        root / "docs" / "configuration.md": page(files.load(root / CONFIG)),
        root / "workflow" / "schemas" / "config.schema.yaml": schema_file(),
    }


def schema_file() -> str:
    """Return the schema as YAML."""
    header = f"# Generated from soulbench/config/model by {COMMAND}; do not edit.\n"
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema()}
    return header + yaml.safe_dump(content, sort_keys=False, width=WIDTH, allow_unicode=True)


def page(config: dict[str, Any]) -> str:
    """Return the page that lists every key, with the values of a configuration."""
    lines = [
        "# Configuration",
        "",
        f"<!-- Generated from soulbench/config/model by `{COMMAND}`; do not edit. -->",
        "",
        "`config.yaml` holds every key; a preset of `configs/`, or a file of your own, is laid over it with",
        "`--configfile` and changes some: mappings are merged, everything else is replaced.",
        "`soulbench check FILE` reports all errors before anything runs. An unknown key, a key that is written twice",
        "and a value of another type are refused: `2.0` is not an integer, and `1e-3` is text (write `1.0e-3`).",
        "",
        "## General",
        "",
    ]
    sections = schema()["properties"]
    general = {key: part for key, part in sections.items() if "properties" not in part and key != "methods"}
    lines += _rows((key, part, config[key]) for key, part in general.items())
    for name, part in sections.items():
        if name not in general:
            described = part if name != "methods" else _entry()
            lines += ["", f"## `{name}`", "", f"{_sentence(part['description'])}", ""]
            lines += _rows(_leaves(described, config[name], ""), values=name != "methods")
    return "\n".join(lines) + "\n"


def _entry() -> dict[str, Any]:
    return without_null(part_at(["methods", "method"]))


def _sentence(text: str) -> str:
    return "\n".join(textwrap.wrap(f"{text[0].upper()}{text[1:]}.", WIDTH, break_long_words=False))


def _leaves(part: dict[str, Any], value: Any, prefix: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield key, part of the schema and value of everything in a section that is no mapping, or may be null."""
    for key, inner in part["properties"].items():
        inside = value.get(key) if isinstance(value, dict) else None
        if "properties" not in inner:
            yield f"{prefix}{key}", inner, inside
        if "properties" in without_null(inner):
            yield from _leaves(without_null(inner), inside, f"{prefix}{key}.")


def _rows(leaves: Any, values: bool = True) -> list[str]:
    rows = [("key", "allowed", "config.yaml", "meaning"), ("---",) * 4]
    for key, part, value in leaves:
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
        rows.append((f"`{key}`", allowed_values(part), f"`{text}`", part["description"]))
    shown = rows if values else [(key, allowed, meaning) for key, allowed, _, meaning in rows]
    return [f"| {' | '.join(text.replace('|', chr(92) + '|') for text in row)} |" for row in shown]


def commented(text: str) -> str:
    """Return config.yaml with the comments that follow from the model; its header and its values stay as they are."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    result = lines[:start]
    path: list[str] = []
    for block in _blocks(line for line in lines[start:] if not line.lstrip().startswith("#")):
        codes = [_code(line) for line in block]
        column = 2 + max((len(code) for code in codes if len(code) <= ALIGNED), default=0)
        for code in codes:
            path = _path(code, path)
            result += _with_comment(code, _comment(path), column)
    return "\n".join(result) + "\n"


def _blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield groups of lines that are aligned together: a blank line begins a new one."""
    block: list[str] = []
    for line in lines:
        if not line.strip() and block:
            yield block
            block = []
        block.append(line)
    yield block


def _code(line: str) -> str:
    match = CODE.match(line)
    return (match[1] if match else line).rstrip()


def _path(code: str, previous: list[str]) -> list[str]:
    """Return the keys that lead to a line, from those of the line before it."""
    match = KEY.match(code)
    return [*previous[: len(match[1]) // 2], match[2]] if match else previous


def _comment(path: list[str]) -> str:
    if path[:1] == ["methods"] and len(path) > 1:
        return ""
    part = part_at(path)
    choices = without_null(part).get("enum")
    return f"{' | '.join(choices)}: {part['description']}" if choices else part.get("description", "")


def _with_comment(code: str, comment: str, column: int) -> list[str]:
    if not code or not comment:
        return [code]
    line = f"{code.ljust(column)}# {comment}" if len(code) <= ALIGNED else f"{code}   # {comment}"
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(code) - len(code.lstrip()))
    return [*(f"{indent}# {part}" for part in textwrap.wrap(comment, WIDTH - len(indent) - 2)), code]


if __name__ == "__main__":
    sys.exit(main())
