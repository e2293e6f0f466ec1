"""What is wrong with a configuration, in words: every error of the model as one line for the reader of config.yaml."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from soulbench.config.model import Configuration
from soulbench.config.model.base import DUPLICATE, ID_PATTERN, PATTERNS, PROBLEMS
from soulbench.config.model.configuration import RESERVED
from soulbench.config.schema import allowed, part_at, without_null
from soulbench.core.values import suggest, value_text

#: How pydantic marks that an error is about a key of a mapping and not about its value.
KEY = "[key]"
#: Keys of earlier versions -> what took their place.
RENAMED = {"requests.count": "requests.kinds"}


def errors(config: Any) -> list[str]:
    """Return all errors of a configuration's keys and values, sorted by key; an empty list if there are none."""
    try:
        Configuration.model_validate(config)
    except ValidationError as error:
        # Inputs may be huge or refer to themselves; pydantic's own texts, which show them, are not used.
        details = error.errors(include_url=False)
        return [line for detail in sorted(details, key=_path_text) for line in _lines(detail)]
    return []


def _path_text(detail: ErrorDetails) -> list[str]:
    return list(map(str, detail["loc"]))


def _lines(detail: ErrorDetails) -> Iterator[str]:
    kind, path = detail["type"], detail["loc"]
    key, parent = key_text(path), path[:-1]
    if kind == PROBLEMS:
        yield from (f"{key}.{line}" if key else line for line in detail["ctx"]["lines"])
    elif kind == "extra_forbidden":
        yield unknown_key(key, without_null(part_at(parent))["properties"])
    elif kind == "missing":
        yield f"{key}: this key is missing; {allowed(part_at(path))}"
    elif kind == "invalid_key" or (path and path[-1] == KEY and kind == "string_type"):
        where = key_text(parent if kind == "invalid_key" else parent[:-1])
        yield (
            f"{where}{': ' if where else ''}the key {value_text(detail['input'])} is not text; "
            "allowed: text, in quotes where YAML reads something else"
        )
    elif kind == RESERVED:
        yield f"{key_text(parent)}: this name is taken by the workflow or its tables; allowed: another name"
    elif path and path[-1] == KEY:
        yield f"{key_text(parent)}: an id is text of at most 64 characters, {PATTERNS[ID_PATTERN]}"
    elif kind == DUPLICATE:
        repeated = value_text(detail["ctx"]["repeated"])
        yield f"{key}: {value_text(detail['input'])} names something twice ({repeated}); each may stand once"
    else:
        part = part_at(path)
        near = suggest(detail["input"], part["enum"]) if "enum" in part else ""
        yield f"{key or 'the configuration'}: {value_text(detail['input'])} is not allowed; {allowed(part)}{near}"


def key_text(path: Iterable[Any]) -> str:
    """Return a key as it is written in messages: `training.losses.l1`, `seeds[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step != KEY:
            name = step if step.isprintable() and len(step) <= 100 else value_text(step)
            text += f".{name}" if text else name
    return text


def unknown_key(key: str, known: Mapping[str, Any]) -> str:
    """Return the message for a key that does not exist, with the nearest one that does."""
    name = key.rpartition(".")[2]
    near = f"; it is {RENAMED[key]} now" if key in RENAMED else suggest(name, known)
    return f"{key}: there is no such key{near}; known here: {', '.join(known)}"
