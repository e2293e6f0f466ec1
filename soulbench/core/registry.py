"""Methods and queries found by file name: a new one is one new file, and nothing here is edited."""

import dataclasses
import difflib
import functools
import importlib
import math
import pkgutil
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from soulbench.core.errors import UserError

LEVELS = ("sample", "feature", "object", "reference")
FAMILIES = ("finetune", "redaction", "retrain", "none")
INTERFACE = ("LEVEL", "FAMILY", "PER_REQUEST", "Parameters", "plan")
#: Kinds of plug-ins -> the word for one, and the package whose files they are.
KINDS = {
    "methods": ("method", "soulbench.unlearning.methods"),
    "queries": ("query", "soulbench.queries"),
    "figures": ("figure", "soulbench.figures"),
}


@dataclasses.dataclass(frozen=True)
class NoParameters:
    """Of a plug-in that has none."""


@dataclasses.dataclass(frozen=True)
class Method:
    """What the rest of the program knows of a method; its file says what each field means for it.

    Attributes:
        id: as written in the configuration.
        module: dotted name of its file.
        level: what it treats: one of `LEVELS`.
        family: how its cost is counted: one of `FAMILIES`.
        per_request: False if one model serves every request.
        parameters: frozen dataclass of its parameters, with their defaults.
        plan: `plan(request, subset, parameters)`, the edits it makes to a training.
    """

    id: str
    module: str
    level: str
    family: str
    per_request: bool
    parameters: type
    plan: Callable[..., Any]


def suggest(name: object, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)` for the nearest known name, or nothing if none is near."""
    near = difflib.get_close_matches(str(name).lower(), [str(item) for item in known], n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


@functools.cache
def ids(kind: str) -> tuple[str, ...]:
    """Return the ids of a kind (`methods` or `queries`): its file names, underscores as dashes, sorted."""
    package = importlib.import_module(KINDS[kind][1])
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def check_id(kind: str, name: object, where: str = "") -> None:
    """Raise a UserError unless `name` is the id of a plug-in; `where` is the key that holds it."""
    if name not in ids(kind):
        known = f"{suggest(name, ids(kind))}; known: {', '.join(ids(kind))}"
        raise UserError(f"{where}{': ' if where else ''}there is no {KINDS[kind][0]} {name!r}{known}")


def module_name(kind: str, name: str) -> str:
    """Return the dotted module name of a plug-in."""
    return f"{KINDS[kind][1]}.{name.replace('-', '_')}"


def module(kind: str, name: str) -> types.ModuleType:
    """Import one plug-in's file; no other is touched."""
    check_id(kind, name)
    return importlib.import_module(module_name(kind, name))


@functools.cache
def method(name: str) -> Method:
    """Return a method by id.

    Raises:
        UserError: no such method (names the nearest), or its file lacks a part of the interface.
    """
    found = module("methods", name)
    lacking = [
        part for part in ("LEVEL", "FAMILY", "PER_REQUEST", "Parameters", "plan") if not hasattr(found, part)
    ]
    if lacking:
        raise UserError(
            f"{found.__file__}: a method's file must define {', '.join(lacking)} (docs/add-a-method.md)"
        )
    for part, allowed in (("LEVEL", LEVELS), ("FAMILY", FAMILIES)):
        if getattr(found, part) not in allowed:
            raise UserError(
                f"{found.__file__}: {part} is {getattr(found, part)!r}; allowed: {', '.join(allowed)}"
            )
    return Method(
        name, found.__name__, found.LEVEL, found.FAMILY, found.PER_REQUEST, found.Parameters, found.plan
    )


def parameters_class(kind: str, name: str) -> type:
    """Return the `Parameters` dataclass of a plug-in."""
    return (
        method(name).parameters
        if kind == "methods"
        else getattr(module(kind, name), "Parameters", NoParameters)
    )


def parameters(kind: str, name: str, given: Mapping[str, Any], where: str = "") -> Any:
    """Return a plug-in's `Parameters` with the given values, checked against the dataclass.

    Args:
        kind: `methods` or `queries`.
        name: the plug-in's id.
        given: from the configuration, reserved keys taken out.
        where: the key that holds them, for messages.

    Raises:
        UserError: an unknown parameter (names the nearest), a value of another type, or one that the
            class refuses.
    """
    made, where = parameters_class(kind, name), where or f"{kind}.{name}"
    hints = typing.get_type_hints(made)
    known = [field.name for field in dataclasses.fields(made)]
    values = {}
    for key, value in given.items():
        if key not in known:
            names = f"{suggest(key, known)}; known: {', '.join(known) or 'none'}"
            raise UserError(f"{where}.{key}: {name} has no such parameter{names}")
        values[key] = _checked(value, hints[key], f"{where}.{key}")
    try:
        return made(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from None


def type_text(hint: Any) -> str:
    """Return a type as a reader of the configuration understands it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_text(part) for part in arguments)
    if origin in (tuple, list):
        return f"list of {type_text(arguments[0])}"
    return {int: "integer", float: "number", str: "text", bool: "true | false", type(None): "null"}.get(
        hint, str(hint)
    )


def _checked(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as the annotation wants it: integers pass as numbers, lists as tuples."""
    matched, result = _match(value, hint)
    if not matched:
        raise UserError(
            f"{where}: {value!r} is not allowed; allowed: {type_text(hint)}{_nearest(value, hint)}"
        )
    return result


def _nearest(value: Any, hint: Any) -> str:
    return (
        suggest(value, map(str, typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else ""
    )


def _match(value: Any, hint: Any) -> tuple[bool, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return any(value == item and type(value) is type(item) for item in arguments), value
    if origin in (typing.Union, types.UnionType):
        return next(
            (found for found in (_match(value, part) for part in arguments) if found[0]), (False, value)
        )
    if origin in (tuple, list):
        found = (
            [_match(item, arguments[0]) for item in value]
            if isinstance(value, (list, tuple))
            else [(False, None)]
        )
        return all(ok for ok, _ in found), origin(item for _, item in found)
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return number, float(value) if number else value
    return type(value) is hint, value
