"""The interface of a method: what it may change in images, graphs, losses and parameters. Data only, no torch.

A declarative method's file turns a request into a `Plan`; the training loop or the influence solver carries the plan
out. So such a method is a few lines. `soulbench.unlearning.task` has the second level; no method of either has a
training loop of its own (docs/add-a-method.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from soulbench.core.registry import PLAN, Method
from soulbench.data.packed import Scene
from soulbench.data.regions import Region, region
from soulbench.data.requests.request import Request, RequestedObject, by_image
from soulbench.unlearning.influence_parameters import Parameters

__all__ = ["Edit", "Influence", "Plan", "Request", "Subset"]


@dataclass(frozen=True)
class Edit:
    """What changes in one image during training; nothing by default.

    Attributes:
        regions: regions of whole pixels that `fill`, `weightless` and `guidance` act on.
        fill: how the pixels of the regions change: None leaves them as they are, "zero" sets them to 0 in normalised
            space (the mean colour), "noise" adds Gaussian noise, "crops" puts the mean of some objects' crops there.
        noise: standard deviation of the added noise, in normalised units.
        crops: (image id, object id) of these objects; with none, "crops" is "zero".
        mask_on: which copy of the image is filled: the target of the loss, the input of the network, or both.
        weightless: whether the pixels of the regions are left out of all losses.
        guidance: weight of negative guidance: the mean L1 over each region, times this weight, is subtracted from
            the loss.
        negate: whether the image's loss is replaced by -(L1 + boxes), without any other part.
        removed: ids of objects whose nodes and edges are removed from the scene graph.
        relabelled: (object id, category) of nodes that get another category.
    """

    regions: tuple[Region, ...] = ()
    fill: Literal["zero", "noise", "crops"] | None = None
    noise: float = 0.0
    crops: tuple[tuple[int, int], ...] = ()
    mask_on: Literal["target", "input", "both"] = "target"
    weightless: bool = False
    guidance: float = 0.0
    negate: bool = False
    removed: tuple[int, ...] = ()
    relabelled: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Influence:
    """Whose influence is removed from the parameters by an influence function.

    Attributes:
        objects: (image id, object id) pairs; the influences of their visual features are summed.
        settings: how the parameter change is solved for and applied.
    """

    objects: tuple[tuple[int, int], ...]
    settings: Parameters


@dataclass(frozen=True)
class Plan:
    """What a method changes in training; by default nothing, so that `Plan()` is plain fine-tuning.

    Attributes:
        exclude: ids of images that are left out.
        edits: by image id; images without an edit are trained on as they are.
        guidance_while: "always", or "hidden": negative guidance acts only on pixels that are hidden from the network
            in a step (as in the release).
        influence: set by methods that redact parameters; they do not train, and the other fields have no effect.
    """

    exclude: frozenset[int] = frozenset()
    edits: Mapping[int, Edit] = field(default_factory=dict)
    guidance_while: Literal["always", "hidden"] = "always"
    influence: Influence | None = None


def plan_of(code: Method, request: Request, subset: "Subset", parameters: Any) -> Plan:
    """Return the plan of a method; one whose file has none edits nothing."""
    plan: Plan = code.plan(request, subset, parameters) if PLAN in code.workers else Plan()
    return plan


@dataclass(frozen=True)
class Subset:
    """The fine-tuning subset, as far as methods need it.

    Attributes:
        scenes: by image id.
        size: side of an image in pixels.
        margin: pixels around a box that belong to its RoI.
        others: by image id, training images outside the subset that show an object of a request.
    """

    scenes: Mapping[int, Scene]
    size: int
    margin: int
    others: Mapping[int, Scene] = field(default_factory=dict)

    def roi(self, image_id: int, object_id: int) -> Region:
        """Return the RoI of one object: its box plus the margin, in whole pixels."""
        scene = self.scenes[image_id] if image_id in self.scenes else self.others[image_id]
        index = scene.object_ids.tolist().index(object_id)
        return region(scene.boxes[index].tolist(), self.size, self.margin)

    def targets(self, request: Request) -> dict[int, tuple[int, ...]]:
        """Return the ids of a request's targets by target image, without those in images outside the subset."""
        return {image_id: ids for image_id, ids in request.images.items() if image_id in self.scenes}

    def instances(
        self, categories: Sequence[int], which: Literal["all", "first"] = "all"
    ) -> dict[int, tuple[int, ...]]:
        """Return the ids of the objects of some categories, by image id.

        Args:
            categories: indices in the vocabulary.
            which: "all" objects, or the "first" one of each category in each image (as in the release).
        """
        end = None if which == "all" else 1
        found = {
            image_id: tuple(
                object_id
                for category in categories
                for object_id in scene.object_ids[scene.categories == category].tolist()[:end]
            )
            for image_id, scene in self.scenes.items()
        }
        return {image_id: ids for image_id, ids in found.items() if ids}

    def retained(
        self, request: Request, categories: Sequence[int] | None = None
    ) -> tuple[tuple[int, int], ...]:
        """Return (image id, object id) of the subset's objects of some categories that are no targets.

        Args:
            request: whose targets are left out.
            categories: indices in the vocabulary; None for those of the request.
        """
        targets = {(one.image_id, one.object_id) for one in request.targets}
        instances = self.instances(request.categories if categories is None else categories)
        pairs = ((image_id, one) for image_id, ids in instances.items() for one in ids)
        return tuple(pair for pair in pairs if pair not in targets)

    def edit_targets(self, request: Request, remove: bool = False, **edit: Any) -> dict[int, Edit]:
        """Return an edit of every target image in the subset; its regions are the RoIs of the targets in it.

        Args:
            request: the request.
            remove: whether the targets' nodes and edges are removed.
            **edit: the other fields of `Edit`.
        """
        return self._edits(self.targets(request), remove, **edit)

    def edit_categories(
        self, request: Request, which: Literal["all", "first"], **edit: Any
    ) -> dict[int, Edit]:
        """Return an edit of every image that shows a category of the request; its regions are these objects' RoIs.

        Args:
            request: the request.
            which: as in `instances`.
            **edit: the other fields of `Edit`.
        """
        return self._edits(self.instances(request.categories, which), **edit)

    def leave_out(self, objects: Iterable[RequestedObject]) -> dict[int, Edit]:
        """Return edits that hide the RoIs of objects from network and losses, and remove their nodes and edges."""
        return self._edits(by_image(objects), True, fill="zero", mask_on="both", weightless=True)

    def _edits(
        self, objects: Mapping[int, tuple[int, ...]], remove: bool = False, **edit: Any
    ) -> dict[int, Edit]:
        return {
            image_id: Edit(
                regions=tuple(self.roi(image_id, object_id) for object_id in ids),
                removed=ids if remove else (),
                **edit,
            )
            for image_id, ids in objects.items()
        }
