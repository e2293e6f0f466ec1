"""Relabel: the target becomes another object, in its node and in its pixels, and that is learned.

Source: random labels, a baseline of Fan et al. (SalUn), ICLR 2024.
Adapted: the node's category is swapped for a random one, and the RoI shows a retained object of it, in input and loss.
Formula: L(theta) on the scene with the swapped target.
"""

from dataclasses import dataclass, replace

from soulbench.core.seeds import generator
from soulbench.unlearning.plan import Edit, Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Relabel.

    Attributes:
        draw: which random category and object are drawn.
    """

    draw: int = 1


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Give each image's targets one other category, and the crop of one of its objects."""
    rng = generator(parameters.draw, "relabel", request.id)
    shown = {category for scene in subset.scenes.values() for category in scene.categories.tolist()}
    others = sorted(shown - {0} - {one.category for one in request.targets})
    edits: dict[int, Edit] = {}
    for image_id, edit in subset.edit_targets(request, fill="crops", mask_on="both").items():
        category = int(rng.choice(others))
        crops = subset.retained(request, [category])
        chosen = crops[int(rng.integers(len(crops)))]
        swapped = tuple((one, category) for one in request.images[image_id])
        edits[image_id] = replace(edit, crops=(chosen,), relabelled=swapped)
    return Plan(edits=edits)
