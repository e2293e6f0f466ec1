"""What every model of a request is evaluated on: the images, the scene graphs and the compared regions."""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from soulbench.data.packed import Scene
from soulbench.data.requests.request import Request
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
        people: categories whose objects are people.
        margin: pixels around a target's box.
        targets: ids of each request's targets, by image.
    """

    request: Request
    rows: list[int]
    scenes: list[Scene]
    roles: list[str]
    truth: np.ndarray
    people: Collection[int]
    margin: int
    targets: Mapping[str, Mapping[int, Collection[int]]]

    @classmethod
    def of(cls, data: BenchmarkData, request: Request) -> "RequestContext":
        """Return the context of a request."""
        rows = [*data.subset, *data.heldout]
        scenes = [data.scenes.scene(row) for row in rows]
        roles = ["subset"] * len(data.subset) + ["heldout"] * len(data.heldout)
        names, margin = data.scenes.vocabulary.objects, data.config["unlearning"]["roi_margin"]
        people = [category for category, name in enumerate(names) if name in data.config["human"]["labels"]]
        targets = {name: one.images for name, one in data.requests.items()}
        pixels = np.stack([scene.pixels for scene in scenes])
        return cls(request, rows, scenes, roles, pixels, people, margin, targets)

    @functools.cached_property
    def regions(self) -> Mapping[str, list[ComparedRegion]]:
        """Return the compared regions by name."""
        return self.regions_without(frozenset())

    @functools.cached_property
    def requested(self) -> Mapping[int, Collection[int]]:
        """Return the ids of the objects, by image, that any request asks for."""
        return self._targets_of(self.targets)

    def regions_without(self, requests: Collection[str]) -> Mapping[str, list[ComparedRegion]]:
        """Return the compared regions of models that lack the targets of other requests, too."""
        arguments = (self.scenes, self.roles, self.request, self.people, self.truth.shape[1], self.margin)
        return compared_regions(*arguments, self._targets_of(requests))

    def _targets_of(self, requests: Iterable[str]) -> Mapping[int, Collection[int]]:
        """Return the ids of the targets of some requests, by image."""
        ids: dict[int, list[int]] = {}
        for name in requests:
            for image_id, ones in self.targets[name].items():
                ids.setdefault(image_id, []).extend(ones)
        return ids

    @property
    def retained(self) -> list[int]:
        """Indices of the images without the target."""
        return [region.image_index for region in self.regions["retained"]]
