"""Where two plain values differ, in words."""

from collections.abc import Iterator
from typing import Any

#: Lists up to this length are shown whole in a message; of longer ones, such as vocabularies, the first difference.
SHOWN = 10
ABSENT = "absent"


def differences(found: Any, wanted: Any, name: str) -> Iterator[str]:
    """Yield where two plain values differ, such as `name.sizes.width is 64 there and 128 here`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from differences(found.get(key, ABSENT), wanted.get(key, ABSENT), f"{name}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and found != wanted and len(wanted) > SHOWN:
        yield _first_difference(name, found, wanted)
    elif found != wanted:
        yield f"{name} is {found!r} there and {wanted!r} here"


def _first_difference(name: str, found: list[Any], wanted: list[Any]) -> str:
    """Return a message about two long lists: their lengths and their first difference."""
    pairs = enumerate(zip(found, wanted, strict=False))
    index = next((index for index, (there, here) in pairs if there != here), None)
    first = "" if index is None else f"; number {index} is {found[index]!r} there and {wanted[index]!r} here"
    return f"{name} has {len(found)} entries there and {len(wanted)} here{first}"
