"""People who are rendered for the identity encoder alone: they are in no image of the data set."""

import numpy as np
from PIL import Image

from soulbench.core.seeds import derive_seed, generator
from soulbench.data.crops import Crops
from soulbench.data.demo.dataset import GROUPS, SHARES, render_scenes
from soulbench.data.demo.people import sample_people

#: Kinds of images that show people who are known by name, each by an object of its own.
SHOWING = {kind: share for kind, share in (SHARES | GROUPS).items() if kind not in ("crowd", "scenery")}
#: Every so manyth of the people has a twin: the encoder has to see what twins differ in.
TWINS = 4
#: Images a person. An image shows two people in the mean.
IMAGES = 4


def render_extras(seed: int, people: int, side: int) -> Crops:
    """Render people whom the data set does not show, in images like its own.

    Args:
        seed: base seed of the data.
        people: how many.
        side: pixels per side of the images, to which they are resized as packed ones are.
    """
    own = derive_seed(seed, "demo extras")
    scenes = render_scenes(
        sample_people(generator(own, "demo people"), people, people // TWINS), IMAGES * people, own, SHOWING
    )
    pixels = [scene.canvas.image().resize((side, side), Image.Resampling.BILINEAR) for scene in scenes]
    shown = [
        (index, item.box, (scene.width, scene.height) * 2, item.name, item.person)
        for index, scene in enumerate(scenes)
        for item in scene.items
        if item.person is not None
    ]
    x, y, w, h = (np.array([box for _, box, *_ in shown], np.float64) / [size for _, _, size, *_ in shown]).T
    return Crops(
        pixels=np.stack([np.asarray(image) for image in pixels]),
        image_of=np.array([index for index, *_ in shown]),
        boxes=np.stack([x, y, x + w, y + h], axis=1).astype(np.float32),
        labels=[name for _, _, _, name, _ in shown],
        identities=[f"extra {person.name}" for *_, person in shown],
        twins={f"extra {person.name}": f"extra {person.twin}" for *_, person in shown if person.twin},
    )
