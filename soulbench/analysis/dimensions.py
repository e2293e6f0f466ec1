"""What each dimension compares, and which way is better: the one place that tables, figures and docs read."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from soulbench.core.terms import IDENTITY, LEAK, OF_TWIN

Value = TypeVar("Value", np.ndarray, float)
# Grey levels need no backbone, no resizing and no window: every verdict is reached in them.
PRIMARY = "mae"

TOWARDS_RETRAIN = "towards retrain"
LOWER = "lower"
HIGHER = "higher"


@dataclass(frozen=True)
class Dimension:
    """What one dimension compares.

    Attributes:
        id: as in the tables.
        words: what is compared, for a reader.
        better: which distance is better: `towards retrain` (two-sided), `lower` or `higher`.
        paper: which distance the paper calls better; empty if it has no such dimension.
    """

    id: str
    words: str
    better: str
    paper: str = ""


_CHANGES = (
    Dimension("A1", "change of the targets", TOWARDS_RETRAIN, HIGHER),
    Dimension("A2", "change of the other objects of the target images", LOWER, LOWER),
    Dimension("A2-people", "change of the other people of the target images", LOWER),
    Dimension("A2-rest", "change of the target images outside of the targets", LOWER),
    Dimension("A3", "change of the same category in other images", LOWER, LOWER),
    Dimension("A3-heldout", "change of the same category in held-out images", LOWER),
    Dimension("A4", "change of other categories in other images", LOWER),
)
_AGAINST_RETRAIN = tuple(
    Dimension(f"retrain-{item.id}", f"{item.id}, against the retrained model", LOWER)
    for item in _CHANGES
    if item.id in ("A1", "A2", "A3", "A4")
)
_ERRORS = (
    Dimension("target_error", "error of the targets against their true pixels", TOWARDS_RETRAIN),
    Dimension("retained_error", "error of the retained images against the truth", LOWER),
    Dimension("heldout_error", "error of the held-out images against the truth", LOWER),
)
_OTHER = (
    Dimension("diversity", "spread of the outputs of different graphs; constant output", TOWARDS_RETRAIN),
    Dimension(LEAK, "whether the targets stand out between the models before and after", TOWARDS_RETRAIN),
)
_IDENTITIES = (
    Dimension(IDENTITY, "whether the requested individuals are identified in their regions", TOWARDS_RETRAIN),
    Dimension(OF_TWIN, "whether their twins are identified in theirs", TOWARDS_RETRAIN),
)
#: Metrics of the identities that say what the others are worth; they are of the encoder, not of a model.
FACTS = ("accuracy", "gallery")
DIMENSIONS = {item.id: item for item in (*_CHANGES, *_AGAINST_RETRAIN, *_ERRORS, *_OTHER, *_IDENTITIES)}
CHANGES = tuple(item.id for item in _CHANGES)
AGAINST_RETRAIN = tuple(item.id for item in _AGAINST_RETRAIN)
#: Dimensions of which a request compares as many objects as there happen to be.
REGION_GROUPS = tuple(name for name in CHANGES if name not in ("A1", "A2-rest"))
ERRORS = tuple(item.id for item in _ERRORS)


def is_similarity(metric: str) -> bool:
    """Tell whether a greater value means more alike, which is so for SSIM alone."""
    return metric == "ssim"


def _of_metric(direction: str, metric: str) -> str:
    """Return the direction of a distance as that of a metric's value."""
    if metric == "collapsed":
        return LOWER
    opposite = {LOWER: HIGHER, HIGHER: LOWER}
    return opposite.get(direction, direction) if is_similarity(metric) else direction


def better(dimension: str, metric: str) -> str:
    """Return which values are better: `towards retrain`, `lower`, `higher`; `not stated` of unknown dimensions."""
    known = DIMENSIONS.get(dimension)
    return _of_metric(known.better, metric) if known and metric not in FACTS else "not stated"


def paper_better(dimension: str, metric: str) -> str:
    """Return which values the paper calls better; empty if it has no such dimension or metric."""
    known = DIMENSIONS.get(dimension)
    return _of_metric(known.paper, metric) if known and metric in ("ssim", "lpips", "mae") else ""


def as_distance(metric: str, value: Value) -> Value:
    """Return a value as a distance, where greater means more different: 1 - SSIM, the others as they are."""
    return 1.0 - value if is_similarity(metric) else value
