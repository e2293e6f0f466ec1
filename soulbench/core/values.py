"""Values of parameters: their types and bounds, checked against annotations, and how they are shown in messages."""

import difflib
import math
import reprlib
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

#: Names of plain types, as a reader of the configuration understands them.
TYPES = {int: "integer", float: "number", str: "text", bool: "true | false", type(None): "null"}

#: Characters of a value that a message shows.
LONGEST = 160
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 2, 120, 120, 60


@dataclass(frozen=True)
class Bounds:
    """What a number in `Annotated[int, Bounds(...)]`, or the length of a tuple, may be.

    Attributes:
        minimum: the least allowed value.
        above: the value that must be exceeded.
        maximum: the greatest allowed value.
    """

    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None

    def hold(self, value: float) -> bool:
        """Return whether a number is within the bounds."""
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.above is None or value > self.above)
            and (self.maximum is None or value <= self.maximum)
        )

    def __str__(self) -> str:
        signs = {">=": self.minimum, ">": self.above, "<=": self.maximum}
        return " and ".join(f"{sign} {bound:,}" for sign, bound in signs.items() if bound is not None)


#: For the parameters of methods and queries.
Natural = Annotated[int, Bounds(minimum=1)]
Positive = Annotated[float, Bounds(above=0)]
NotNegative = Annotated[float, Bounds(minimum=0)]


def suggest(name: object, known: Iterable[object]) -> str:
    """Return ` (did you mean X?)` for the nearest known name, or nothing if none is near."""
    if not isinstance(name, str):
        return ""
    near = difflib.get_close_matches(name[:100].lower(), map(str, known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def value_text(value: Any) -> str:
    """Return a value as it is written in YAML, shortened if it is long; text that looks like a number is named."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    if isinstance(value, str):
        return f"{_SHORT.repr(value)}{_as_number(value)}"
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits.
        return f"{type(value).__name__} of many digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _as_number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    mantissa, sign, exponent = repr(number).partition("e")
    # YAML reads 1e-3 as text, and 1.0e-3 as a number.
    written = f"{mantissa}{'.0' if sign and '.' not in mantissa else ''}{sign}{exponent}"
    return f" (text; as a number it is written {written})"


def type_text(hint: Any) -> str:
    """Return a type as a reader of the configuration understands it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return f"{type_text(arguments[0])}{_bounds_text(arguments)}"
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_text, arguments))
    if origin in (tuple, list):
        return f"list of {type_text(arguments[0])}"
    return TYPES.get(hint, str(hint))


def _bounds_text(arguments: tuple[Any, ...]) -> str:
    listed = typing.get_origin(arguments[0]) in (tuple, list)
    texts = [
        f"{', its length' if listed else ''} {item}" for item in arguments[1:] if isinstance(item, Bounds)
    ]
    return "".join(texts)


def is_plain(hint: Any) -> bool:
    """Return whether values of a type can be written in YAML and checked."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return is_plain(arguments[0])
    if origin is typing.Literal:
        return all(isinstance(value, (int, str)) for value in arguments)
    if origin in (tuple, list, typing.Union, types.UnionType):
        return all(is_plain(part) for part in arguments if part is not Ellipsis)
    return hint in TYPES


def check_value(value: Any, hint: Any) -> Any:
    """Return a value as its annotation has it: integers become numbers where numbers are meant, lists tuples.

    Raises:
        ValueError: another type, out of bounds, or a number that is not finite; the message says what is allowed.
    """
    matched, result = _match(value, hint)
    if not matched:
        literal = typing.get_origin(hint) is typing.Literal
        near = suggest(value, typing.get_args(hint)) if literal else ""
        raise ValueError(f"{value_text(value)} is not allowed; allowed: {type_text(hint)}{near}")
    return result


def _match(value: Any, hint: Any) -> tuple[bool, Any]:
    """Return whether a value fits an annotation, and the value that the annotation makes of it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        matched, result = _match(value, arguments[0])
        bounds = [item for item in arguments[1:] if isinstance(item, Bounds)]
        size = len(result) if matched and isinstance(result, (tuple, list)) else result
        return matched and all(item.hold(size) for item in bounds), result
    if origin is typing.Literal:
        return any(value == item and type(value) is type(item) for item in arguments), value
    if origin in (typing.Union, types.UnionType):
        matches = (_match(value, part) for part in arguments)
        return next((match for match in matches if match[0]), (False, value))
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            return False, value
        items = [_match(item, arguments[0]) for item in value]
        return all(matched for matched, _ in items), origin(item for _, item in items)
    if hint is float:
        return _number(value)
    return type(value) is hint, value


def _number(value: Any) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False, value
    try:
        number = float(value)
    except OverflowError:
        return False, value
    return math.isfinite(number), number
