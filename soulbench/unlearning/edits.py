"""From a plan's edits to the tensors of an edited scene. Computed once; edits do not change during training."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from soulbench.core.seeds import derive_seed
from soulbench.data.batches import EditedScene, normalise
from soulbench.data.packed import PackedScenes, Scene
from soulbench.data.regions import Region, inside
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.dataset import BenchmarkData, Changes
from soulbench.unlearning.plan import Edit, Plan, Subset


def subset_view(data: BenchmarkData) -> Subset:
    """The fine-tuning subset as methods see it."""
    scenes = {int(scene.image_id): scene for scene in map(data.scenes.scene, data.subset)}
    return Subset(scenes, data.scenes.image_size, data.config["unlearning"]["roi_margin"])


def carried_out(data: BenchmarkData, plan: Plan, *axes: object) -> Changes:
    """Carry out a plan's edits.

    Args:
        data: the benchmark's data.
        plan: what a method asks for.
        axes: seed the noise of the edits, besides the base seed: the request's id, for example.
    """
    seed = derive_seed(data.config["seed"], "edits", *axes)
    extractor = VisualFeatures(data.config["generator"]["visual"]) if plan.edits else None
    edited = edited_scenes(plan.edits, data.scenes, data.visual, extractor, seed)
    return Changes(plan.exclude, edited, plan.guidance_while)


def edited_scenes(
    edits: Mapping[int, Edit], scenes: PackedScenes, visual: np.ndarray, extractor: VisualFeatures, seed: int
) -> dict[int, EditedScene]:
    """Carry out edits by image id; returns edited scenes by row of the packed set.

    Args:
        edits: by image id.
        scenes, visual: the packed set and its frozen visual features.
        extractor: computes the features anew where an edit changes what the network sees.
        seed: of the noise, drawn once per image.
    """
    return {
        scenes.find(image_id): _edited(edit, scenes.scene(scenes.find(image_id)), visual, extractor, seed)
        for image_id, edit in edits.items()
    }


def _edited(
    edit: Edit, scene: Scene, visual: np.ndarray, extractor: VisualFeatures, seed: int
) -> EditedScene:
    original = normalise(torch.tensor(scene.pixels))  # a copy: the packed set is read-only
    filled = _fill(edit, original, derive_seed(seed, "mask-noise", scene.image_id))
    size = original.shape[-1]
    within = torch.from_numpy(inside(edit.regions, size))[None]
    features = np.asarray(visual[scene.first_row : scene.first_row + len(scene.boxes)])
    seen = filled if edit.mask_on in ("input", "both") else original
    if seen is not original:
        features = extractor.of_scene(seen, torch.tensor(scene.boxes)).numpy()
    graph, kept = _without(scene, edit.removed)
    return EditedScene(
        scene=graph,
        visual=features[kept],
        image=seen,
        target=filled if edit.mask_on in ("target", "both") else original,
        weights=(~within if edit.weightless else torch.ones_like(within)).to(original.dtype),
        guidance=edit.guidance * _per_region(edit.regions, size, original),
        sign=-1.0 if edit.negate else 1.0,
    )


def _fill(edit: Edit, image: Tensor, seed: int) -> Tensor:
    if edit.fill is None:
        return image
    filled = image.clone()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * edit.noise
    for x0, y0, x1, y1 in edit.regions:
        part = (slice(None), slice(y0, y1), slice(x0, x1))
        filled[part] = 0 if edit.fill == "zero" else image[part] + noise[part]
    return filled


def _per_region(regions: tuple[Region, ...], size: int, like: Tensor) -> Tensor:
    """A map [1, size, size] whose weighted sum is the sum of the regions' means."""
    result = like.new_zeros(1, size, size)
    for x0, y0, x1, y1 in regions:
        result[:, y0:y1, x0:x1] += 1 / ((x1 - x0) * (y1 - y0))
    return result


def _without(scene: Scene, removed: tuple[int, ...]) -> tuple[Scene, np.ndarray]:
    """The scene without some nodes and their edges, and the mask of nodes that stay."""
    kept = ~np.isin(scene.object_ids, removed)
    new_index = np.cumsum(kept) - 1
    triples = scene.triples[kept[scene.triples[:, 0]] & kept[scene.triples[:, 2]]].copy()
    triples[:, ::2] = new_index[triples[:, ::2]]
    smaller = replace(
        scene,
        object_ids=scene.object_ids[kept],
        categories=scene.categories[kept],
        boxes=scene.boxes[kept],
        triples=triples,
    )
    return smaller, kept
