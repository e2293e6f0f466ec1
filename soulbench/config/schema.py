"""The JSON schema of the configuration, as its typed model gives it, and what a part of it allows in words."""

import functools
import re
from collections.abc import Iterable
from typing import Any

from soulbench.config.model import Configuration
from soulbench.config.model.base import PATTERNS

TYPES = {
    "array": "a list of",
    "boolean": "true | false",
    "integer": "integer",
    "null": "null",
    "number": "number",
    "object": "a mapping",
    "string": "text",
}
BOUNDS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "maxLength": "of at most {} characters",
}


@functools.cache
def schema() -> dict[str, Any]:
    """Return the schema of config.yaml, with every reference replaced by what it refers to."""
    generated = Configuration.model_json_schema()
    definitions = generated.pop("$defs")
    return {"title": "Configuration of a benchmark", **_inline(generated, definitions)}


def _inline(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inline(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = {**definitions[part["$ref"].rpartition("/")[2]], **part}
    # Pydantic's titles repeat the keys; a key may itself be called `title`, and its value is then a mapping.
    noise = {"$ref", *(key for key in ("title", "default") if not isinstance(part.get(key), dict))}
    return {key: _inline(value, definitions) for key, value in part.items() if key not in noise}


def part_at(path: Iterable[str | int]) -> dict[str, Any]:
    """Return the part of the schema that describes a key; an empty one where nothing does."""
    part = schema()
    for step in path:
        part = without_null(part)
        if isinstance(step, int):
            part = part.get("items", {})
        else:
            matching = (
                inner
                for pattern, inner in part.get("patternProperties", {}).items()
                if re.search(pattern, step)
            )
            part = part.get("properties", {}).get(step) or next(matching, {})
    return part


def without_null(part: dict[str, Any]) -> dict[str, Any]:
    """Return the alternative that is not null, under the description of the whole."""
    if "anyOf" not in part:
        return part
    outer = {key: value for key, value in part.items() if key != "anyOf"}
    return next(inner for inner in part["anyOf"] if inner.get("type") != "null") | outer


def allowed_values(part: dict[str, Any]) -> str:
    """Return what a part of the schema allows, in words."""
    if "anyOf" in part:
        return " | ".join(map(allowed_values, part["anyOf"]))
    if "enum" in part:
        return " | ".join(part["enum"])
    bounds = [words.format(_number(part[name])) for name, words in BOUNDS.items() if name in part]
    words = f"{TYPES[part['type']]} {' and '.join(bounds)}".strip()
    if "pattern" in part:
        return f"{words}, {PATTERNS[part['pattern']]}"
    return f"{words}, each {allowed_values(part['items'])}" if "items" in part else words


def allowed(part: dict[str, Any]) -> str:
    """Return what a part of the schema allows, and what the key is for."""
    if not part:
        return "allowed: text, number, list or mapping"
    purpose = f" ({part['description']})" if "description" in part else ""
    return f"allowed: {allowed_values(part)}{purpose}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
