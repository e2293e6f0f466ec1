"""Which methods there are, in the order in which every table and figure shows them, and what each treats."""

from collections.abc import Iterable
from typing import Any

from soulbench.analysis.dimensions import REFERENCES, UNLEARNERS
from soulbench.core import registry
from soulbench.core.terms import RESEED

ORDER = (*REFERENCES, RESEED, *UNLEARNERS)


def base(config: dict[str, Any], method: str) -> str:
    """Return the id of the method whose code an entry runs."""
    entry = config["methods"].get(method) or {}
    return entry.get("variant_of", method)


def level(config: dict[str, Any], method: str) -> str:
    """Return what a method treats: sample, feature, object or reference."""
    return "reference" if method == RESEED else registry.method(base(config, method)).level


def family(config: dict[str, Any], method: str) -> str:
    """Return how a method's cost is counted: finetune, redaction, retrain or none."""
    return "none" if method == RESEED else registry.method(base(config, method)).family


def ordered(config: dict[str, Any], methods: Iterable[str]) -> list[str]:
    """Return the methods in their fixed order: references, then by level.

    Variants and new ones after their kind.
    """
    levels = ("reference", "sample", "feature", "object")

    def place(method: str) -> tuple[int, int, str]:
        root = base(config, method)
        rank = ORDER.index(root) if root in ORDER else len(ORDER)
        return levels.index(level(config, method)), rank, "" if method == root else method

    return sorted(set(methods), key=place)


def unlearners(config: dict[str, Any], methods: Iterable[str]) -> list[str]:
    """Return the methods that are no reference, in order."""
    return [method for method in ordered(config, methods) if level(config, method) != "reference"]
