"""People who are rendered for the identity encoder alone: they are in no image of the data set."""

import numpy as np
from PIL import Image

from soulbench.core.seeds import derive_seed, generator
from soulbench.data.crops import Crops
from soulbench.data.demo.dataset import GROUPS, SHARES, render_scenes
from soulbench.data.demo.people import Person, sample_people
from soulbench.data.demo.scene import Item

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
    names = sample_people(generator(own, "demo people"), people, people // TWINS)
    pixels, shown = list[np.ndarray](), list[tuple[int, list[float], Item, Person]]()
    for index, scene in enumerate(render_scenes(names, IMAGES * people, own, SHOWING)):
        size = (scene.width, scene.height)
        image = scene.canvas.image().resize((side, side), Image.Resampling.BILINEAR)
        pixels.append(np.asarray(image))
        for item in scene.items:
            if item.person is not None:
                x, y, w, h = np.divide(item.box, size * 2).tolist()
                shown.append((index, [x, y, x + w, y + h], item, item.person))
    twins = {person.name: person.twin for person in names if person.twin}
    return Crops(
        pixels=np.stack(pixels),
        image_of=np.array([index for index, *_ in shown]),
        boxes=np.array([box for _, box, *_ in shown], dtype=np.float32),
        labels=[item.name for _, _, item, _ in shown],
        identities=[_name(person.name) for *_, person in shown],
        twins={_name(name): _name(twin) for name, twin in twins.items()},
    )


def _name(person: str) -> str:
    """Return a name that nobody of the data set has."""
    return f"extra {person}"
