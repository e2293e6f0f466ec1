"""What a method changes: edits of images, graphs and losses, and which images take part. Data only, no torch.

A method's file turns a request into a `Plan`; the training loop and the influence solver carry plans out. So a
method is a few declarative lines, and no method has a training loop of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from soulbench.data.packed import Scene
from soulbench.data.regions import Region, region
from soulbench.data.requests.request import Request

__all__ = ["Edit", "Influence", "Plan", "Request", "Subset"]


@dataclass(frozen=True)
class Edit:
    """What happens to one image during training.

    Attributes:
        regions: pixels that the edit is about.
        fill: what they become: None (left alone), "zero" (normalised space: the mean colour) or "noise" (added).
        noise: standard deviation of the added noise, in normalised units.
        mask_on: whether the fill changes what the loss compares with, what the network sees, or both.
        weightless: True gives the regions no weight in any loss.
        guidance: this much times the mean L1 over each region is subtracted from the loss.
        negate: True replaces the image's loss by -(L1 + boxes) and nothing else.
        removed: object ids whose nodes and edges leave the graph.
    """

    regions: tuple[Region, ...] = ()
    fill: Literal["zero", "noise"] | None = None
    noise: float = 0.0
    mask_on: Literal["target", "input", "both"] = "target"
    weightless: bool = False
    guidance: float = 0.0
    negate: bool = False
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Influence:
    """What an influence function removes: the visual features of objects, by their ROI discrepancy.

    Attributes:
        objects: (image id, object id) pairs whose influence is summed.
        settings: how it is solved (`soulbench.unlearning.influence_parameters.Parameters`).
    """

    objects: tuple[tuple[int, int], ...]
    settings: object


@dataclass(frozen=True)
class Plan:
    """All that a method asks for.

    Attributes:
        exclude: ids of images that take no part.
        edits: by image id.
        guidance_while: negative guidance always, or only on hidden pixels (the release).
        influence: set by methods that redact instead of train.
    """

    exclude: frozenset[int] = frozenset()
    edits: Mapping[int, Edit] = field(default_factory=dict)
    guidance_while: Literal["always", "hidden"] = "always"
    influence: Influence | None = None


@dataclass(frozen=True)
class Subset:
    """The fine-tuning subset as methods see it: scenes, and the ROI of an object.

    Attributes:
        scenes: by image id.
        size: pixels a side.
        margin: pixels around a box that belong to its ROI.
    """

    scenes: Mapping[int, Scene]
    size: int
    margin: int

    def roi(self, image_id: int, object_id: int) -> Region:
        """ROI of one object."""
        scene = self.scenes[image_id]
        index = scene.object_ids.tolist().index(object_id)
        return region(scene.boxes[index].tolist(), self.size, self.margin)

    def instances(self, category: int, which: Literal["all", "first"] = "all") -> dict[int, tuple[int, ...]]:
        """Object ids of a category, by image id; with "first", one an image (as the release does)."""
        found = {}
        for image_id, scene in self.scenes.items():
            objects = tuple(scene.object_ids[scene.categories == category].tolist())
            if objects:
                found[image_id] = objects if which == "all" else objects[:1]
        return found

    def target(self, request: Request, **edit: object) -> dict[int, Edit]:
        """One edit of the request's image, about the target's ROI."""
        return {request.image_id: Edit(regions=(self.roi(request.image_id, request.object_id),), **edit)}

    def category(self, request: Request, which: Literal["all", "first"], **edit: object) -> dict[int, Edit]:
        """One edit of every image, about the ROIs of the objects of the target's category."""
        return {
            image_id: Edit(regions=tuple(self.roi(image_id, o) for o in objects), **edit)
            for image_id, objects in self.instances(request.category, which).items()
        }
