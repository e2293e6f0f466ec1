"""The order in which every table and figure shows the methods, and what each of them treats."""

from collections.abc import Iterable
from typing import Any

from soulbench.config import runs
from soulbench.core import registry
from soulbench.core.terms import BANK, RESEED

REFERENCES = (
    "original",
    "noop-ft",
    "retrain",
    BANK,
    "retrain-person",
    "retrain-sample",
    RESEED,
    "oracle-match",
)
#: References that no entry of the configuration's methods names -> how their cost is counted.
UNNAMED = {RESEED: "none", BANK: "retrain"}
#: The methods of the paper, in its order.
UNLEARNERS = (
    "sample-ft",
    "sample-ng",
    "feat-ng",
    "feat-mk",
    "feat-if",
    "obj-ng",
    "obj-mk-pa",
    "obj-mk-ns",
    "obj-if",
)
#: Group of the methods that are neither references nor the paper's.
BEYOND = "beyond the paper"
#: Group of the references that are given retrained models, which is not allowed to methods.
ORACLE = "sees retrained models"
#: What figures and the page say of these references, wherever they show one.
NOT_ALLOWED = f"not allowed: {ORACLE}"
#: The paper's Obj-MK methods.
OBJECT_MASKS = ("obj-mk-pa", "obj-mk-ns")
ORDER = (*REFERENCES, *UNLEARNERS)


def base(config: dict[str, Any], method: str) -> str:
    """Return the id of the method whose file a configured method runs; itself, unless it is a variant."""
    return method if method in UNNAMED else runs.base_method(config, method)


def level(config: dict[str, Any], method: str) -> str:
    """Return what a method treats: one of `registry.LEVELS`."""
    return "reference" if method in UNNAMED else runs.method(config, method).level


def family(config: dict[str, Any], method: str) -> str:
    """Return how a method's cost is counted: one of `registry.FAMILIES`."""
    return UNNAMED.get(method) or runs.method(config, method).family


def group(config: dict[str, Any], method: str) -> str:
    """Return what tables show together: `reference`, `ORACLE`, `paper` (its nine and their variants), or `BEYOND`."""
    if level(config, method) == "reference":
        sees = method not in UNNAMED and runs.method(config, method).sees_retrained
        return ORACLE if sees else "reference"
    return "paper" if base(config, method) in UNLEARNERS else BEYOND


def shown_group(config: dict[str, Any], method: str) -> str:
    """Return what colours a method: its level, or, whatever that is, that it is beyond the paper or not allowed."""
    its = group(config, method)
    return its if its in (BEYOND, ORACLE) else level(config, method)


def of_paper(config: dict[str, Any], methods: Iterable[str]) -> list[str]:
    """Return the paper's methods and the references that are allowed: what its claims are about."""
    return [method for method in methods if group(config, method) in ("reference", "paper")]


def ordered(config: dict[str, Any], methods: Iterable[str]) -> list[str]:
    """Return the methods in the order of the tables: references first, then the paper's by level, then all others.

    A variant follows its base. A method that `ORDER` does not list comes last in its level.
    """

    def key(method: str) -> tuple[bool, bool, int, int, str, bool, str]:
        root, own_level = base(config, method), level(config, method)
        rank = ORDER.index(root) if root in ORDER else len(ORDER)
        group_rank = own_level != "reference", group(config, method) == BEYOND
        return *group_rank, registry.LEVELS.index(own_level), rank, root, method != root, method

    return sorted(set(methods), key=key)


def families(config: dict[str, Any], methods: Iterable[str]) -> list[list[str]]:
    """Return the methods that are corrected for each other: the paper's, and those beyond it; none of the references.

    Further methods are a family of their own, so that they do not change what is certain of the paper's.
    """
    compared = unlearners(config, methods)
    paper = of_paper(config, compared)
    return [names for names in (paper, [name for name in compared if name not in paper]) if names]


def unlearners(config: dict[str, Any], methods: Iterable[str]) -> list[str]:
    """Return the methods that are no references, in order."""
    return [method for method in ordered(config, methods) if level(config, method) != "reference"]
