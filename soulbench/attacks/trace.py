"""Trace: can outputs that have nothing to do with any request tell an unlearned model from a retrained one?

Traces of unlearning were found in the answers of language models to unrelated prompts (Chen et al., "Unlearning Isn't
Invisible", 2025). Here the attacker sees what a model generates for images without any target, and the photographs.
They learn from shadow models: models that the method made from originals of other training seeds, for other requests,
and retrained models that lack what other requests ask for. Shadow models of the same seed would be too easy: all
descend from one original, so they have its random features in common, whatever the method did.

The classifier is the independence rule, linear discriminant analysis with a diagonal covariance, which holds where
there are more features than examples (Bickel and Levina, Bernoulli 10, 2004).
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soulbench.core.terms import TASKS
from soulbench.data.regions import Region, region
from soulbench.evaluation.attacked import OK, Attacked, Outcome, outputs_of
from soulbench.evaluation.context import RequestContext

#: What the budget counts: what the attacker puts to every model.
BUDGET = "scene graphs"
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {"auc": ("share of pairs", "greater")}
#: The metric of the verdict, at its greatest budget.
JUDGED = "auc"
#: It tells that a model was unlearned, not what was: no part of the letter "leaks".
LETTER = False
#: The records of other models are needed (`soulbench.config.attacks.shadows`).
SHADOWS = True

NO_SCENES = "every image shows a target of some request"


@dataclass(frozen=True)
class Parameters:
    """The attack has no parameters."""


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the share of pairs of the attacked model and a retrained one in which the attacked looks more unlearned.

    0.5 is a blind guess. The control's own models are told from each other, so that they have 0.5 on average.
    """
    if not models:
        return
    # The images without any target are the same for all requests, so what a record shows is measured once.
    measure = Measure(models[0].context)
    features = functools.cache(measure.of)
    for model in models:
        for task in TASKS:
            found = _told_apart(model, task, features) if measure.scenes else NO_SCENES
            value, status = (None, f"not applicable: {found}") if isinstance(found, str) else (found, OK)
            yield Outcome(model.request.id, task, len(measure.scenes), "auc", value, status)


def _told_apart(
    model: Attacked, task: str, features: Callable[[Path], Mapping[str, np.ndarray]]
) -> float | str:
    """Return the share of pairs, or the reason why there is none."""
    unlearned, retrained, never_saw = (
        np.array([features(record)[task] for record in model.shadows.get(which, ())])
        for which in ("unlearned", "retrained", "never_saw")
    )
    for known, what in ((unlearned, "unlearned with another seed for"), (retrained, "retrained without")):
        if not len(known):
            return f"no model was {what} another request, from which to learn"
    if not len(never_saw):
        return "no other model never saw the targets"
    score = classifier(unlearned, retrained)
    own, others = score(features(model.record)[task]), score(never_saw)
    return float(((own > others) + 0.5 * (own == others)).mean())


class Measure:
    """What the attacker measures of outputs: for every category, how far they are from the photographs, and which way.

    Args:
        context: the scenes and photographs; images that show a target of any request are left out.

    Attributes:
        scenes: indices of the scenes that are left.
    """

    def __init__(self, context: RequestContext):
        self.truth = context.truth
        self.scenes = [
            index for index, scene in enumerate(context.scenes) if scene.image_id not in context.requested
        ]
        size = self.truth.shape[1]
        self.regions = dict[int, list[tuple[int, Region]]]()
        for index in self.scenes:
            scene = context.scenes[index]
            for category, box in zip(scene.categories.tolist(), scene.boxes.tolist(), strict=True):
                self.regions.setdefault(category, []).append((index, region(box, size)))

    def of(self, record: Path) -> dict[str, np.ndarray]:
        """Return by task what a model's record shows: [2 C] grey levels of its first noise sample."""
        return {task: self(images[0]) for task, images in outputs_of(record).images.items()}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return [2 C] grey levels of images uint8 [M, H, W, 3]: mean absolute and mean signed differences."""
        differences = images.astype(np.float32) - self.truth
        found = []
        for _, regions in sorted(self.regions.items()):
            parts = [differences[index, y0:y1, x0:x1] for index, (x0, y0, x1, y1) in regions]
            found += [
                np.mean([np.abs(part).mean() for part in parts]),
                np.mean([part.mean() for part in parts]),
            ]
        return np.array(found)


def classifier(first: np.ndarray, second: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from features [..., F] to scores [...]: the greater, the more likely of the first class.

    The variance of each feature is pooled within the classes [n, F]. Models are few, so it gets one more observation,
    whose square is the mean over the features. With one model of each class, all features weigh alike.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    squares = ((first - means[0]) ** 2).sum(axis=0) + ((second - means[1]) ** 2).sum(axis=0)
    freedom = len(first) + len(second) - 2
    variance = (squares + squares.mean() / max(freedom, 1)) / (freedom + 1)
    if not variance.any():
        variance = np.ones_like(squares)
    direction, middle = (means[0] - means[1]) / variance, (means[0] + means[1]) / 2
    return lambda features: (features - middle) @ direction
