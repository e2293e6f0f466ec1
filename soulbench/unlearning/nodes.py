"""A batch without some of its objects, on the device and under a given condition."""

from dataclasses import replace

from torch import Tensor

from soulbench.data.batches import Batch
from soulbench.models.generator import Condition


def without(batch: Batch, condition: Condition, removed: Tensor) -> tuple[Batch, Condition]:
    """Return a batch and its condition without some nodes and their edges; images and hidden pixels stay.

    Args:
        batch: the scenes.
        condition: what the generator sees of them.
        removed: mask [N], true for the nodes to remove; never for the image nodes.
    """
    kept = ~removed
    new_index = kept.cumsum(0) - 1
    triples = batch.triples[kept[batch.triples[:, 0]] & kept[batch.triples[:, 2]]].clone()
    triples[:, ::2] = new_index[triples[:, ::2]]
    fewer = {
        name: getattr(batch, name)[kept]
        for name in ("visual", "categories", "boxes", "image_of", "slot_index")
    }
    object_ids = tuple(one for one, stays in zip(batch.object_ids, kept.tolist(), strict=True) if stays)
    count = float(kept.sum())
    redrawn = new_index[condition.redrawn[kept[condition.redrawn]]]
    return (
        replace(batch, object_ids=object_ids, triples=triples, object_count=count, **fewer),
        replace(
            condition,
            features=condition.features[kept],
            boxes=condition.boxes[kept],
            redrawn=redrawn,
            redrawn_count=condition.redrawn_count.new_tensor(float(len(redrawn))),
        ),
    )
