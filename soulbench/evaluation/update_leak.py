"""The update leak: does the deleted object stand out between the models before and after?

The attacker holds both models and does not know the request. They let both generate every scene graph of the subset
under the same noise, and rank all objects by how much their regions change: the deleted one may be at the top. Pairs of
models leak single samples of classifiers in the same way (Chen et al., "When Machine Unlearning Jeopardizes Privacy",
CCS 2021); that unlearning of objects may do so is the worry of the paper's section 7.
"""

import numpy as np

from soulbench.evaluation.changed_objects import changed_objects
from soulbench.evaluation.context import RequestContext


def measured(images: np.ndarray, original: np.ndarray, context: RequestContext) -> dict[str, float]:
    """Return how well the attack finds the targets of a request, by metric (`soulbench.core.terms.LEAK_UNITS`).

    `auc` is the chance that a target's region changes more than another object's, ties counted half: 0.5 is what a
    blind guess has. `rank1` tells whether a target changes most of all, `mrr` is the reciprocal place of the first one;
    of equal changes the other objects' come first. What other requests ask for is not ranked (`changed_objects`).

    Args:
        images: of the model after, uint8 [S, M, H, W, 3]; S noise samples of M scenes.
        original: of the model before, uint8 [S or more, M, H, W, 3], under the same noise.
        context: the scenes, and what is asked for; only the subset was trained on.
    """
    changes = np.abs(images.astype(np.int16) - original[: len(images)]).mean(axis=(0, -1))
    trained = [index for index, role in enumerate(context.roles) if role == "subset"]
    scenes = [context.scenes[index] for index in trained]
    found = changed_objects(changes[trained], scenes, context.request.images, context.requested)
    targets = [one.change for one in found if one.is_target]
    others = np.array([one.change for one in found if not one.is_target])
    above, equal = (compared(np.array(targets)[:, None], others) for compared in (np.greater, np.equal))
    place = 1 + int((others >= max(targets)).sum())
    return {
        "auc": float((above + 0.5 * equal).mean()),
        "rank1": float(place == 1),
        "mrr": 1 / place,
    }
