"""From a plan's edits to the tensors of edited scenes. Computed once: edits do not change during training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from soulbench.core.seeds import derive_seed
from soulbench.data.batches import EditedScene, normalise
from soulbench.data.packed import PackedScenes, Scene
from soulbench.data.regions import Region, inside
from soulbench.data.requests.request import Request
from soulbench.models.sampling import crop
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.dataset import BenchmarkData, Changes
from soulbench.unlearning.plan import Edit, Plan, Subset

#: Side in pixels of the crops that are averaged.
CROP = 32


def subset_of(data: BenchmarkData) -> Subset:
    """Return the fine-tuning subset in the form that methods get."""
    edited = {row: data.edited[row].scene for row in data.subset if row in data.edited}
    remaining = [edited.get(row) or data.scenes.scene(row) for row in data.subset]
    scenes = {int(scene.image_id): scene for scene in remaining}
    shown = {
        one.image_id for request in data.requests.values() for one in request.targets + request.elsewhere
    }
    others = {
        image_id: data.scenes.scene(data.scenes.find(image_id)) for image_id in sorted(shown - scenes.keys())
    }
    return Subset(scenes, data.scenes.image_size, data.config["unlearning"]["roi_margin"], others)


def apply_plan(data: BenchmarkData, plan: Plan, *axes: object) -> Changes:
    """Return what a plan changes in training, its edits computed.

    Args:
        data: the benchmark's data.
        plan: of a method.
        axes: seed the noise of the edits, besides the base seed: the request's id, for example.
    """
    seed = derive_seed(data.config["seed"], "edits", *axes)
    settings = data.config["generator"]["visual"]
    edited = edited_scenes(plan.edits, data.scenes, data.visual, settings, seed)
    if both := data.edited.keys() & edited.keys():
        extractor = VisualFeatures(settings)
        edited |= {row: _both(edited[row], data.edited[row], extractor) for row in both}
    return Changes(plan.exclude, edited, plan.guidance_while)


def after_requests(data: BenchmarkData, served: Sequence[Request], request: Request) -> BenchmarkData:
    """Return the data as they are for a request after others have been served: without their targets.

    Training on what was to be forgotten would bring it back. A target of the request itself stays.
    """
    asked = {(one.image_id, one.object_id) for one in request.targets}
    gone = [one for other in served for one in other.targets if (one.image_id, one.object_id) not in asked]
    by_object = {(one.image_id, one.object_id): one for one in gone}
    left_out = apply_plan(data, Plan(edits=subset_of(data).leave_out(by_object.values())))
    return replace(data, edited=left_out.edited)


def _both(edited: EditedScene, remaining: EditedScene, extractor: VisualFeatures) -> EditedScene:
    """Return a method's edited scene without what is no longer in the data."""
    image, seen = edited.image * remaining.weights, remaining.weights
    removed = np.setdiff1d(edited.scene.object_ids, remaining.scene.object_ids)
    graph, kept = _without(edited.scene, tuple(removed.tolist()))
    return replace(
        edited,
        scene=graph,
        visual=extractor.of_scene(image, torch.tensor(edited.scene.boxes)).numpy()[kept],
        image=image,
        target=edited.target * seen,
        weights=edited.weights * seen,
        guidance=edited.guidance * seen,
    )


def edited_scenes(
    edits: Mapping[int, Edit],
    scenes: PackedScenes,
    visual: np.ndarray,
    visual_settings: Mapping[str, Any],
    seed: int,
) -> dict[int, EditedScene]:
    """Return edited scenes by row of the packed set.

    Args:
        edits: by image id.
        scenes: the packed set.
        visual: [N, F] frozen visual features of all its objects.
        visual_settings: `generator.visual` of the configuration, to recompute the features of an image whose edit
            changes what the network sees.
        seed: of the noise, which is sampled once per image.
    """
    if not edits:
        return {}
    extractor = VisualFeatures(visual_settings)
    rows = {image_id: scenes.find(image_id) for image_id in edits}
    return {
        rows[image_id]: _edited(edit, scenes, rows[image_id], visual, extractor, seed)
        for image_id, edit in edits.items()
    }


def _edited(
    edit: Edit, scenes: PackedScenes, row: int, visual: np.ndarray, extractor: VisualFeatures, seed: int
) -> EditedScene:
    scene = scenes.scene(row)
    original = normalise(torch.tensor(scene.pixels))  # a copy: the packed set is read-only
    crops = _mean_crop(edit, scenes) if edit.fill == "crops" and edit.crops else torch.zeros(1, 3, 1, 1)
    filled = _fill(edit, original, crops, derive_seed(seed, "mask-noise", scene.image_id))
    size = original.shape[-1]
    within = torch.from_numpy(inside(edit.regions, size))[None]
    features = np.asarray(visual[scene.first_row : scene.first_row + len(scene.boxes)])
    image = filled if edit.mask_on in ("input", "both") else original
    if image is not original:
        features = extractor.of_scene(image, torch.tensor(scene.boxes)).numpy()
    graph, remaining = _without(_relabelled(scene, edit.relabelled), edit.removed)
    return EditedScene(
        scene=graph,
        visual=features[remaining],
        image=image,
        target=filled if edit.mask_on in ("target", "both") else original,
        weights=(~within if edit.weightless else torch.ones_like(within)).to(original.dtype),
        guidance=edit.guidance * _per_region(edit.regions, size, original),
        sign=-1.0 if edit.negate else 1.0,
    )


def _mean_crop(edit: Edit, scenes: PackedScenes) -> Tensor:
    """Return the mean [1, 3, CROP, CROP] of the crops of an edit's objects, normalised."""
    crops = []
    for image_id, object_id in edit.crops:
        scene = scenes.scene(scenes.find(image_id))
        box = torch.tensor(scene.boxes[scene.object_ids == object_id])
        crops.append(crop(normalise(torch.tensor(scene.pixels))[None], box, CROP))
    return torch.cat(crops).mean(dim=0, keepdim=True)


def _relabelled(scene: Scene, relabelled: tuple[tuple[int, int], ...]) -> Scene:
    categories = scene.categories.copy()
    for object_id, category in relabelled:
        categories[scene.object_ids == object_id] = category
    return replace(scene, categories=categories)


def _fill(edit: Edit, image: Tensor, crops: Tensor, seed: int) -> Tensor:
    if edit.fill is None:
        return image
    filled = image.clone()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * edit.noise
    for x0, y0, x1, y1 in edit.regions:
        part = (slice(None), slice(y0, y1), slice(x0, x1))
        if edit.fill == "noise":
            filled[part] = image[part] + noise[part]
        elif edit.fill == "crops":
            filled[part] = F.interpolate(crops, (y1 - y0, x1 - x0), mode="bilinear", align_corners=False)[0]
        else:
            filled[part] = 0
    return filled


def _per_region(regions: tuple[Region, ...], size: int, like: Tensor) -> Tensor:
    """Return weights [1, size, size] with which a map's weighted sum is the sum of its means over the regions."""
    result = like.new_zeros(1, size, size)
    for x0, y0, x1, y1 in regions:
        result[:, y0:y1, x0:x1] += 1 / ((x1 - x0) * (y1 - y0))
    return result


def _without(scene: Scene, removed: tuple[int, ...]) -> tuple[Scene, np.ndarray]:
    """Return the scene without some objects and their edges, and the mask of the remaining nodes."""
    remaining = ~np.isin(scene.object_ids, removed)
    new_index = np.cumsum(remaining) - 1
    triples = scene.triples[remaining[scene.triples[:, 0]] & remaining[scene.triples[:, 2]]].copy()
    triples[:, ::2] = new_index[triples[:, ::2]]
    smaller = replace(
        scene,
        object_ids=scene.object_ids[remaining],
        categories=scene.categories[remaining],
        boxes=scene.boxes[remaining],
        triples=triples,
    )
    return smaller, remaining
