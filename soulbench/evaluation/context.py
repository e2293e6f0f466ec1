"""What every model of a request is evaluated on: the images, the scene graphs and the compared regions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request, by_image
from soulbench.evaluation.dimensions import compared_regions
from soulbench.evaluation.metrics import ComparedRegion
from soulbench.training.dataset import BenchmarkData


@dataclass(frozen=True, eq=False)  # compared by identity: arrays have no single truth value
class RequestContext:
    """What every model of a request is evaluated on.

    Attributes:
        request: the objects to forget.
        rows: rows of the packed set: the subset, then the held-out images.
        scenes: the scenes of these rows.
        roles: `subset` or `heldout` for each scene.
        truth: their photographs, uint8 [M, H, W, 3].
        regions: the compared regions by name.
        requested: ids of the objects, by image, that any request asks for.
    """

    request: Request
    rows: list[int]
    scenes: list[Scene]
    roles: list[str]
    truth: np.ndarray
    regions: Mapping[str, list[ComparedRegion]]
    requested: Mapping[int, Collection[int]]

    @classmethod
    def of(cls, data: BenchmarkData, request: Request) -> "RequestContext":
        """Return the context of a request."""
        rows = [*data.subset, *data.heldout]
        scenes = [data.scenes.scene(row) for row in rows]
        roles = ["subset"] * len(data.subset) + ["heldout"] * len(data.heldout)
        names, margin = data.scenes.vocabulary.objects, data.config["unlearning"]["roi_margin"]
        people = [category for category, name in enumerate(names) if name in data.config["human"]["labels"]]
        regions = compared_regions(scenes, roles, request, people, data.scenes.image_size, margin)
        targets = [target for one in data.requests.values() for target in one.targets]
        pixels = np.stack([scene.pixels for scene in scenes])
        return cls(request, rows, scenes, roles, pixels, regions, by_image(targets))

    @property
    def retained(self) -> list[int]:
        """Indices of the images without the target."""
        return [region.image_index for region in self.regions["retained"]]
