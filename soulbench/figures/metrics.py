"""The paper's Fig. 4: nine metrics, two tasks, with intervals, floors and the retrained model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soulbench.core.paths import ResultPaths
from soulbench.figures import _metric_panels

TITLE = "Nine metrics, two tasks (Fig. 4)"
SUBCATEGORY = "Measurements"
POSITION = 30
CONFIG = ("methods", "analysis", "seeds", "evaluation.lpips")
CAPTION = """\
{% set lpips = config.evaluation.lpips %}The paper's Fig. 4: A1 (change of the target), A2 (of the other objects of
its image) and A3 (of the same category in other images), each against the original model's output, with {{ percent }}
intervals over {{ axes }} (device: {{ config.device }}). For A2 and A3 less change is better, down to the
grey noise floor; for A1 the aim is the dashed line of the retrained model, although the paper counts more change as
better, which would rank a destroyed model first. {% if lpips.weights == "seeded" %}LPIPS uses an untrained, seeded
{{ lpips.net }} backbone, so it does not measure what people see.{% else %}LPIPS: {{ lpips.net }}, {{ lpips.weights }}
weights.{% endif %}
"""

PAPER_METRICS = ("ssim", "lpips", "mae")


def inputs(config: Mapping[str, Any], paths: ResultPaths) -> list[str]:
    """Return the files that the figure reads."""
    return [paths.table("summary")]


def plot(config: dict[str, Any], paths: ResultPaths, out_stem: Path, log: Callable[[str], Any]) -> None:
    """Plot a panel per task, dimension and metric, with one interval per method."""
    _metric_panels.plot(config, paths, PAPER_METRICS, out_stem, log)
