"""The metrics that a configuration measures besides the paper's: files of `soulbench.metrics`, or plug-ins."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from soulbench.config import runs
from soulbench.core import declarations, registry
from soulbench.core.errors import UserError
from soulbench.core.plugins import Source
from soulbench.core.terms import UNITS

DECLARED = ("UNIT", "LEAST")
WHERE = "docs/metrics.md"


@dataclass(frozen=True)
class Metric:
    """A metric, as its file describes it.

    Attributes:
        id: as written in the configuration.
        source: where its file is.
        name: what axes and the page call it.
        unit: of its values.
        least: the least difference that means anything.
    """

    id: str
    source: Source
    name: str
    unit: str
    least: float

    @property
    def measure(self) -> Callable[..., Any]:
        """Import its file: `measure(images, references, counted, parameters)` returns distances."""
        measure: Callable[..., Any] = self.source.load().measure
        return measure


def metric(config: Mapping[str, Any], name: str) -> Metric:
    """Return a metric by id. Of its file only the declarations are run.

    Raises:
        UserError: there is no such metric (names the nearest), its name is taken, or its file lacks a part of the
            interface.
    """
    source = registry.source("metrics", name, runs.plugins(config))
    if name in UNITS:
        raise UserError(
            f"{source.path}: {name} is a metric of the paper; give the file another name ({WHERE})"
        )
    defined = declarations.names(source.path)
    missing = [part for part in DECLARED if part not in defined]
    if missing:
        raise UserError(f"{source.path}: a metric's file must define {', '.join(missing)} ({WHERE})")
    declared = declarations.values(source.path, *DECLARED, "NAME", "Parameters")
    for part in ("UNIT", "NAME"):
        text = declared.get(part, name)
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{source.path}: {part} is {text!r}; allowed: a text that is not empty ({WHERE})")
    least = declared["LEAST"]
    if type(least) not in (int, float) or not 0 < least < math.inf:
        raise UserError(f"{source.path}: LEAST is {least!r}; allowed: a finite number above 0 ({WHERE})")
    if "Parameters" in declared:
        registry.check_parameters(source.path, declared["Parameters"], ())
    return Metric(name, source, declared.get("NAME", name), declared["UNIT"], float(least))


def names(config: Mapping[str, Any]) -> list[str]:
    """Return the ids of the metrics that are measured besides the paper's, sorted."""
    further = config.get("evaluation", {}).get("metrics") or {}
    return [name for name, entry in sorted(further.items()) if entry is not None]


def units(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the unit of every metric of image regions: those of the paper first."""
    return {**UNITS, **{metric.id: metric.unit for metric in measured(config)}}


def measured(config: Mapping[str, Any]) -> list[Metric]:
    """Return the metrics that are measured besides the paper's, sorted by id."""
    return [metric(config, name) for name in names(config)]


def parameters(config: Mapping[str, Any], name: str) -> Any:
    """Return a metric's parameters, defaults included, checked.

    Raises:
        UserError: as `registry.parameters`.
    """
    where = f"evaluation.metrics.{name}"
    return registry.parameters(
        "metrics", name, config["evaluation"]["metrics"][name], where, runs.plugins(config)
    )
