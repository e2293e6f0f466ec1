"""Registry of methods and queries by file name: a new one is one new file, and nothing here is edited."""

import dataclasses
import functools
import importlib
import pkgutil
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from soulbench.core.errors import UserError
from soulbench.core.values import check_value, suggest, value_text

LEVELS = ("sample", "feature", "object", "reference")
FAMILIES = ("finetune", "redaction", "retrain", "none")
INTERFACE = ("LEVEL", "FAMILY", "PER_REQUEST", "Parameters", "plan")
#: Kinds of plug-ins -> the word for one of them, and the package whose files they are.
KINDS = {
    "methods": ("method", "soulbench.unlearning.methods"),
    "queries": ("query", "soulbench.queries"),
    "figures": ("figure", "soulbench.figures"),
}


@dataclasses.dataclass(frozen=True)
class NoParameters:
    """The parameters of a plug-in that has none."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A method, as its file describes it.

    Attributes:
        id: as written in the configuration.
        module: dotted name of its file.
        level: what it edits: one of `LEVELS`.
        family: how it trains: one of `FAMILIES`.
        per_request: False if one model serves every request.
        parameters: frozen dataclass of its parameters, with their defaults.
        plan: `plan(request, subset, parameters)`, which returns what the method asks for.
    """

    id: str
    module: str
    level: str
    family: str
    per_request: bool
    parameters: type
    plan: Callable[..., Any]


@functools.cache
def ids(kind: str) -> tuple[str, ...]:
    """Return the ids of a kind (`methods` or `queries`): its file names, underscores as dashes, sorted."""
    package = importlib.import_module(KINDS[kind][1])
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def check_id(kind: str, name: object, where: str = "") -> None:
    """Check that `name` is the id of a plug-in; `where` is the key that holds it.

    Raises:
        UserError: it is not; the message names the nearest id.
    """
    if name not in ids(kind):
        known = f"{suggest(name, ids(kind))}; known: {', '.join(ids(kind))}"
        raise UserError(
            f"{where}{': ' if where else ''}there is no {KINDS[kind][0]} {value_text(name)}{known}"
        )


def module_name(kind: str, name: str) -> str:
    """Return the dotted module name of a plug-in."""
    return f"{KINDS[kind][1]}.{name.replace('-', '_')}"


def module(kind: str, name: str) -> types.ModuleType:
    """Import the file of one plug-in, and no other."""
    check_id(kind, name)
    return importlib.import_module(module_name(kind, name))


@functools.cache
def method(name: str) -> Method:
    """Return a method by id.

    Raises:
        UserError: there is no such method (names the nearest), or its file lacks a part of the interface.
    """
    file = module("methods", name)
    missing = [part for part in INTERFACE if not hasattr(file, part)]
    if missing:
        raise UserError(
            f"{file.__file__}: a method's file must define {', '.join(missing)} (docs/add-a-method.md)"
        )
    for part, allowed in (("LEVEL", LEVELS), ("FAMILY", FAMILIES), ("PER_REQUEST", (True, False))):
        if getattr(file, part) not in allowed:
            raise UserError(
                f"{file.__file__}: {part} is {getattr(file, part)!r}; allowed: {', '.join(map(str, allowed))}"
            )
    return Method(name, file.__name__, file.LEVEL, file.FAMILY, file.PER_REQUEST, file.Parameters, file.plan)


def parameters_class(kind: str, name: str) -> type:
    """Return the `Parameters` dataclass of a plug-in."""
    if kind == "methods":
        return method(name).parameters
    return getattr(module(kind, name), "Parameters", NoParameters)


def parameters(kind: str, name: str, given: Mapping[str, Any], where: str = "") -> Any:
    """Return a plug-in's `Parameters` with the given values, checked against the dataclass.

    Args:
        kind: `methods` or `queries`.
        name: the plug-in's id.
        given: values from the configuration, without the reserved keys.
        where: the key that holds them, for messages.

    Raises:
        UserError: everything that is wrong, one line each: an unknown parameter (names the nearest), or a value of
            another type or out of bounds; or what the class itself refuses.
    """
    made, where = parameters_class(kind, name), where or f"{kind}.{name}"
    hints = typing.get_type_hints(made, include_extras=True)
    values, errors = {}, []
    for key, value in given.items():
        if key not in hints:
            known = f"{suggest(key, hints)}; known: {', '.join(hints) or 'none'}"
            errors.append(f"{where}.{key}: {name} has no such parameter{known}")
            continue
        try:
            values[key] = check_value(value, hints[key])
        except ValueError as error:
            errors.append(f"{where}.{key}: {error}")
    if errors:
        raise UserError("\n".join(errors))
    try:
        return made(**values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from None
