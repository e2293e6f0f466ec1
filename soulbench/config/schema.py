"""The configuration against its schema, with messages that name the key, the value and what is allowed."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from soulbench.core.errors import UserError
from soulbench.core.registry import suggest

PATH = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
TYPES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true | false",
    "null": "null",
}
BOUNDS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}


@functools.cache
def schema() -> dict[str, Any]:
    """Return the schema of config.yaml."""
    return yaml.safe_load(PATH.read_text(encoding="utf-8"))


def check_schema(config: Mapping[str, Any]) -> None:
    """Raise one UserError that lists everything in which the configuration breaks its schema."""
    errors = jsonschema.Draft202012Validator(schema()).iter_errors(config)
    lines = [
        line
        for error in sorted(errors, key=lambda error: list(map(str, error.path)))
        for line in _lines(error)
    ]
    if lines:
        raise UserError("\n".join(lines))


def _lines(error: jsonschema.ValidationError) -> Iterator[str]:
    key = key_text(error.absolute_path)
    if error.validator == "additionalProperties":
        for name in sorted(set(error.instance) - set(error.schema["properties"])):
            yield unknown_key(f"{key}.{name}" if key else name, error.schema["properties"])
    elif error.validator == "required":
        for name in sorted(set(error.validator_value) - set(error.instance)):
            part = error.schema["properties"][name]
            yield f"{key}{'.' if key else ''}{name}: this key is missing; {allowed(part)}"
    elif error.validator == "uniqueItems":
        yield f"{key}: {error.instance!r} names something twice; each may stand once"
    elif error.validator == "pattern" and "propertyNames" in error.absolute_schema_path:
        yield f"{key}.{error.instance}: an id is made of lower-case letters, digits and single dashes"
    else:
        yield f"{key}: {_value(error.instance)} is not allowed; {_with_nearest(error)}"


def key_text(path: Any) -> str:
    """Return a key as it is written in messages: `training.losses.l1`, `seeds[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def unknown_key(key: str, known: Mapping[str, Any]) -> str:
    """Return the message for a key that does not exist, with the nearest one that does."""
    name = key.rpartition(".")[2]
    return f"{key}: there is no such key{suggest(name, known)}; known here: {', '.join(known)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return repr(value)
        return f"{value!r} (text; as a number it is written {float(value)!r})"
    return (
        {True: "true", False: "false", None: "null"}.get(value, repr(value))
        if _scalar(value)
        else repr(value)
    )


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _with_nearest(error: jsonschema.ValidationError) -> str:
    near = suggest(error.instance, error.validator_value) if error.validator == "enum" else ""
    return f"{allowed(part_at(error.absolute_path))}{near}"


def part_at(path: Iterable[str | int]) -> dict[str, Any]:
    """Return the part of the schema that describes a key; a validator's error lacks the description."""
    part = schema()
    for step in path:
        inner = part["items"] if isinstance(step, int) else part.get("properties", {}).get(step)
        part = resolve(inner or part["additionalProperties"])
    return part


def resolve(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of the schema with its reference put in."""
    if "$ref" not in part:
        return dict(part)
    return {**schema()["$defs"][part["$ref"].rpartition("/")[2]], **part}


def allowed(part: Mapping[str, Any]) -> str:
    """Return what a part of the schema allows, in words, and what the key is for."""
    part = resolve(part)
    if "enum" in part:
        text = " | ".join(part["enum"])
    else:
        kinds = part.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        text = " | ".join(
            {"array": "a list", "object": "a mapping"}.get(kind, TYPES.get(kind, kind)) for kind in kinds
        )
        bounds = [f"{sign} {part[name]}" for name, sign in BOUNDS.items() if name in part]
        bounds += [f"of at least {part['minItems']}"] if "minItems" in part else []
        bounds += [f"like {part['pattern']}"] if "pattern" in part else []
        text = f"{text} {' and '.join(bounds)}".strip()
    purpose = f" ({part['description']})" if "description" in part else ""
    return f"allowed: {text}{purpose}"
