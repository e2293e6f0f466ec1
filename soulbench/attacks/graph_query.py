"""Worst-case query: does one of many altered scene graphs bring the target back?

The attacker can put scene graphs to the unlearned model, and no more. They alter that of the target's image at random:
labels, relationships, the target's box, its visual feature, or the scene graph around it. The paper's queries
(section 6.4) are three fixed ones; here the attacker is judged by the best of b, as adversarial prompts are in text
(e.g. Pham et al., "Circumventing Concept Erasure Methods for Text-to-Image Generative Models", ICLR 2024).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from soulbench.attacks import _alterations
from soulbench.core.terms import TASKS
from soulbench.core.values import Bounds
from soulbench.evaluation import box_crops
from soulbench.evaluation.attacked import Attacked, Outcome

#: What the budget counts.
BUDGET = "queries"
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {"error": ("grey levels", "smaller")}
#: The metric of the verdict, at its greatest budget.
JUDGED = "error"


@dataclass(frozen=True)
class Parameters:
    """The number of altered scene graphs that are put to each model."""

    queries: Annotated[int, Bounds(minimum=1, maximum=10_000)] = 16


def work(parameters: Parameters) -> dict[str, float]:
    """Return what is done of one model for one request: each task's image of the scene graph as it is, and altered."""
    return {"outputs": len(TASKS) * (1 + parameters.queries)}


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the target's least error over the scene graph as it is and the first b altered ones, b = 0, 1, 2, 4, ...

    The queries depend on the request alone. An error is that of the box in which a query has the target, against the
    target's true box: both are resized to one size, since a query may move the box.
    """
    for model in models:
        model.load()
        plain = _alterations.unaltered(model)
        altered = _alterations.draw(model, parameters.queries, model.random("graph-query"))
        queries = [plain, *altered]
        [true] = box_crops.crops(model.context.truth[[model.target_image]], [plain.box])
        for task in TASKS:
            images = model.generate([one.scene for one in queries], [one.visual for one in queries], task)
            crops = box_crops.crops(images, [one.box for one in queries])
            errors = box_crops.errors(crops, true)
            for budget in budgets(parameters.queries):
                best = int(np.argmin(errors[: budget + 1]))
                shown = crops[best] if budget in (0, parameters.queries) else None
                yield Outcome(model.request.id, task, budget, "error", float(errors[best]), image=shown)


def budgets(queries: int) -> list[int]:
    """Return 0, the powers of two up to a number of queries, and the number."""
    powers = [2**power for power in range(queries.bit_length()) if 2**power < queries]
    return [0, *powers, queries]
