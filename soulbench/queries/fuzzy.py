"""Fuzzy query: replace the target's label by a more general one."""

from dataclasses import replace

import numpy as np

from soulbench.data.packed import Scene

#: Label -> the more general one.
GENERAL = dict.fromkeys(("man", "woman", "boy", "girl", "lady", "child"), "person") | {"person": "people"}


def rewrite(scene: Scene, target: int, names: list[str], rng: np.random.Generator) -> Scene | str:
    """Return the scene with a more general label of the target, or the reason why there is none.

    Args:
        scene: scene graph of the target image.
        target: index of the target in it.
        names: the object vocabulary.
        rng: not used; nothing is random here.
    """
    label = names[scene.categories[target]]
    if label not in GENERAL:
        return f"there is no label more general than {label}"
    if GENERAL[label] not in names:
        return f"the vocabulary has no {GENERAL[label]}"
    labels = scene.categories.copy()
    labels[target] = names.index(GENERAL[label])
    return replace(scene, categories=labels)
