"""Scenes of a few objects, their boxes in pixels."""

import numpy as np

from soulbench.data.packed import Scene

SIZE = 16


def scene(image_id, *objects):
    """Objects are (id, category, box in pixels); the image node comes last."""
    boxes = [np.array(box, dtype=np.float32) / SIZE for _, _, box in objects]
    count = len(objects)
    return Scene(
        image_id=image_id,
        pixels=np.zeros((SIZE, SIZE, 3), dtype=np.uint8),
        object_ids=np.array([number for number, _, _ in objects] + [-1]),
        categories=np.array([category for _, category, _ in objects] + [0]),
        boxes=np.array([*boxes, np.array([0, 0, 1, 1])], dtype=np.float32),
        triples=np.array([[i, 0, count] for i in range(count)], dtype=np.int64).reshape(-1, 3),
        first_row=0,
    )
