"""Registry of plug-ins by file name: a new one is one new file, and nothing here is edited."""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from soulbench.core import declarations
from soulbench.core.errors import UserError
from soulbench.core.plugins import KINDS, Plugins, Source, found
from soulbench.core.values import check_value, is_plain, suggest, type_text, value_text

LEVELS = ("sample", "feature", "object", "reference")
FAMILIES = ("finetune", "redaction", "one-shot", "retrain", "replay", "none")
#: What a method's file declares, and what does its work: a plan, a class of the second level, or both.
DECLARED = ("LEVEL", "FAMILY", "PER_REQUEST", "Parameters")
PLAN, CLASS = "plan", "Method"
#: What a reference may declare besides: that it is given retrained models, which no method is.
SEES = "SEES_RETRAINED"
#: Family -> which of the two its methods may have, and which they must have one of.
WORKERS = dict.fromkeys(FAMILIES, (PLAN,)) | {"finetune": (PLAN, CLASS), "one-shot": (CLASS,)}
#: Keys of a method's entry in the configuration that are no parameters.
ENTRY_KEYS = ("seeds", "requests", "variant_of")
WHERE = "docs/add-a-method.md"


@dataclasses.dataclass(frozen=True)
class NoParameters:
    """The parameters of a plug-in that has none."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A method, as its file describes it.

    Attributes:
        id: as written in the configuration.
        source: where its file is.
        level: what it edits: one of `LEVELS`.
        family: how it changes a model: one of `FAMILIES`.
        per_request: False if one model serves every request.
        parameters: frozen dataclass of its parameters, with their defaults.
        workers: what its file has of `plan` (declarative) and `Method` (programmatic).
        sees_retrained: whether it is given retrained models: a reference that is not allowed as a method.
    """

    id: str
    source: Source
    level: str
    family: str
    per_request: bool
    parameters: type
    workers: tuple[str, ...]
    sees_retrained: bool = False

    @property
    def trains(self) -> bool:
        """Whether the training loop makes its models, so that there are curves and snapshots."""
        return self.family == "finetune" or self.retrains

    @property
    def retrains(self) -> bool:
        """Whether it repeats the training of the original model: all of it, or what follows the first change."""
        return self.family in ("retrain", "replay")

    @property
    def plan(self) -> Callable[..., Any]:
        """Import its file: `plan(request, subset, parameters)` returns what the method asks for."""
        plan: Callable[..., Any] = self.source.load().plan
        return plan

    @property
    def programmatic(self) -> type | None:
        """Import its file: the class of the second level (`soulbench.unlearning.task`), or None."""
        return self.source.load().Method if CLASS in self.workers else None


def ids(kind: str, plugins: Plugins = ()) -> tuple[str, ...]:
    """Return the ids of a kind (a key of `soulbench.core.plugins.KINDS`), sorted: file names, underscores as dashes."""
    return tuple(found(kind, plugins))


def check_id(kind: str, name: object, where: str = "", plugins: Plugins = ()) -> None:
    """Check that `name` is the id of a plug-in; `where` is the key that holds it.

    Raises:
        UserError: it is not; the message names the nearest id.
    """
    known = ids(kind, plugins)
    if name not in known:
        text = f"{suggest(name, known)}; known: {', '.join(known)}"
        raise UserError(
            f"{where}{': ' if where else ''}there is no {KINDS[kind].word} {value_text(name)}{text}"
        )


def source(kind: str, name: str, plugins: Plugins = ()) -> Source:
    """Return where the file of a plug-in is; raise a `UserError` as `check_id`."""
    check_id(kind, name, plugins=plugins)
    return found(kind, plugins)[name]


def module(kind: str, name: str, plugins: Plugins = ()) -> types.ModuleType:
    """Import the file of one plug-in, and no other."""
    return source(kind, name, plugins).load()


@functools.cache
def method(name: str, plugins: Plugins = ()) -> Method:
    """Return a method by id. Of its file only the declarations are run.

    Raises:
        UserError: there is no such method (names the nearest), or its file lacks a part of the interface.
    """
    its = source("methods", name, plugins)
    path, defined = its.path, declarations.names(its.path)
    missing = [part for part in DECLARED if part not in defined]
    if missing:
        raise UserError(f"{path}: a method's file must define {', '.join(missing)} ({WHERE})")
    declared = declarations.values(path, *DECLARED)
    for part, allowed in (("LEVEL", LEVELS), ("FAMILY", FAMILIES), ("PER_REQUEST", (True, False))):
        if not any(declared[part] == value and type(declared[part]) is type(value) for value in allowed):
            raise UserError(f"{path}: {part} is {declared[part]!r}; allowed: {', '.join(map(str, allowed))}")
    family = declared["FAMILY"]
    workers = tuple(part for part in WORKERS[family] if part in defined)
    if not workers:
        raise UserError(
            f"{path}: a method of the family {family} must define {' or '.join(WORKERS[family])} ({WHERE})"
        )
    check_parameters(path, declared["Parameters"])
    sees = declarations.values(path, SEES).get(SEES, False)
    allowed_to = declared["LEVEL"] == "reference" and declared["PER_REQUEST"] and workers[-1:] == (CLASS,)
    if sees not in (True, False) or (sees and not allowed_to):
        raise UserError(
            f"{path}: {SEES} is {sees!r}: only a reference (LEVEL), for one request at a time (PER_REQUEST), with a "
            "`class Method`, may be given retrained models; remove the line, for a method never sees them"
        )
    about = declared["LEVEL"], family, declared["PER_REQUEST"], declared["Parameters"]
    return Method(name, its, *about, workers, bool(sees))


def check_parameters(path: Any, made: Any, reserved: tuple[str, ...] = ENTRY_KEYS) -> None:
    """Refuse a class of parameters that a configuration could not give values to.

    Args:
        path: of the file that defines it.
        made: what its `Parameters` is.
        reserved: keys of an entry that are no parameters.

    Raises:
        UserError: it is no frozen dataclass, or a field has a reserved name, a type that no configuration has, or no
            default of its type.
    """
    if not dataclasses.is_dataclass(made) or not getattr(made, "__dataclass_params__").frozen:  # noqa: B009
        raise UserError(f"{path}: Parameters must be a frozen dataclass: @dataclass(frozen=True)")
    hints = typing.get_type_hints(made, include_extras=True)
    for field in dataclasses.fields(made):
        what = f"{path}: Parameters.{field.name}"
        if field.name in reserved:
            raise UserError(
                f"{what}: this name has a meaning of its own in the configuration; use another one"
            )
        if not is_plain(hints[field.name]):
            raise UserError(
                f"{what}: a value of type {type_text(hints[field.name])} cannot be written in a configuration; "
                "allowed: int, float, str, bool, Literal, tuple[..., ...] of them, and `| None`"
            )
        if field.default is dataclasses.MISSING:
            raise UserError(f"{what}: it has no default; give it a literal one")
        try:
            check_value(field.default, hints[field.name])
        except ValueError as error:
            raise UserError(f"{what}: its default {error}") from None


def parameters_class(kind: str, name: str, plugins: Plugins = ()) -> type:
    """Return the `Parameters` dataclass of a plug-in."""
    if kind == "methods":
        return method(name, plugins).parameters
    declared = declarations.values(source(kind, name, plugins).path, "Parameters")
    made: type = declared.get("Parameters", NoParameters)
    return made


def parameters(kind: str, name: str, given: Mapping[str, Any], where: str = "", plugins: Plugins = ()) -> Any:
    """Return a plug-in's `Parameters` with the given values, checked against the dataclass.

    Args:
        kind: a key of `soulbench.core.plugins.KINDS`.
        name: the plug-in's id.
        given: values from the configuration, without the reserved keys.
        where: the key that holds them, for messages.
        plugins: of the configuration.

    Raises:
        UserError: everything that is wrong, one line each: an unknown parameter (names the nearest), or a value of
            another type or out of bounds; or what the class itself refuses.
    """
    made, where = parameters_class(kind, name, plugins), where or f"{kind}.{name}"
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
