"""The paper's dimensions in the metrics that the configuration adds, drawn as the paper's Fig. 4 is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.config import metrics
from soulbench.core.paths import ResultPaths
from soulbench.figures import _metric_panels

TITLE = "Further metrics"
SUBCATEGORY = "Measurements"
POSITION = 31
CONFIG = ("methods", "analysis", "seeds", "evaluation.metrics")
CAPTION = """\
A1 (change of the target), A2 (of the other objects of its image) and A3 (of the same category in other images), each
against the original model's output, in the metrics that this configuration adds to the paper's, with {{ percent }}
intervals over {{ axes }} (device: {{ config.device }}). All are distances: less is more alike. For A2 and A3 less is
better, down to the grey noise floor; for A1 the aim is the dashed line of the retrained model.
"""


def applies(config: Mapping[str, Any]) -> bool:
    """Tell whether the configuration adds metrics."""
    return bool(metrics.names(config))


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("summary")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot a panel per task, dimension and metric, with one interval per method."""
    _metric_panels.plot(config, paths, metrics.names(config), out_stem, log)
