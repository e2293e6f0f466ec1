"""Relearning: does the target come back when the model is fine-tuned a little?

What was hidden rather than removed comes back in few steps, even on data that do not show it (for language models: Hu
et al., "Unlearning or Obfuscating? Jogging the Memory of Unlearned LLMs via Benign Relearning", ICLR 2025; for
classifiers, the relearn time of Golatkar et al., "Eternal Sunshine of the Spotless Net", CVPR 2020). The attacker has
the weights, but not the optimiser's moments, and fine-tunes with one budget on each of several kinds of images.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch

from soulbench.core.running_state import WorkFolder
from soulbench.core.seeds import derive_seed
from soulbench.core.terms import TASKS
from soulbench.core.values import Bounds, Positive
from soulbench.data.batches import EditedScene
from soulbench.data.regions import Region, inside
from soulbench.evaluation.attacked import Attacked, Outcome
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.dataset import UNCHANGED, Changes
from soulbench.training.parts import LoopParts
from soulbench.training.stages import objective_for
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.finetuning import finetune
from soulbench.unlearning.plan import Edit, Plan

#: What the budget counts.
BUDGET = "steps of fine-tuning"
#: Kinds of images that do not show the targets.
BLIND = ("retained", "category")
#: All kinds; a crop of the target serves only where there is no other view of the individual.
KINDS = (*BLIND, "view", "crop", "object")
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {
    **{f"error-{kind}": ("grey levels", "smaller") for kind in KINDS},
    "least-error": ("grey levels", "smaller"),
    "recovered": ("grey levels", "greater"),
    "steps-object": ("steps", "smaller"),
}
#: The metric of the verdict, at its greatest budget.
JUDGED = "least-error"
#: Grey levels by which the error may be above the original model's when the target is said to be back.
BACK = 2.55


@dataclass(frozen=True)
class Parameters:
    """The numbers of steps after which the target's error is measured, and the attacker's learning rate."""

    steps: tuple[Annotated[int, Bounds(minimum=1, maximum=100_000)], ...] = (2, 5, 10, 20)
    learning_rate: Positive = 3.0e-4

    def __post_init__(self) -> None:
        if not self.steps or list(self.steps) != sorted({*self.steps}):
            raise ValueError(f"steps: {list(self.steps)}; allowed: numbers in ascending order, each once")


class Images(NamedTuple):
    """Images to fine-tune on: rows of the packed set, and how some of them are edited."""

    rows: list[int]
    changes: Changes


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the target's error along each fine-tuning, and what it comes to.

    `least-error` is the smallest error on images that do not show the targets, whatever the number of steps, and
    `recovered` by how much it is below that of the model as it is. It is the error itself that is judged: where a
    method has only destroyed something, fine-tuning repairs it, but never below the error of a model that never saw
    the target. `steps-object` is after how many steps on the object itself the error is the original model's again.
    """
    last = parameters.steps[-1]
    for model in models:
        request = model.request.id
        curves = dict[tuple[str, str], list[float]]()
        for kind, images in kinds(model).items():
            if isinstance(images, str):
                yield from (
                    Outcome(request, task, last, f"error-{kind}", None, status=images) for task in TASKS
                )
                continue
            for step, drawn in relearned(model, images, parameters):
                for task in TASKS:
                    error = model.error(drawn[task])[0]
                    curves.setdefault((kind, task), []).append(error)
                    kept = drawn[task][0] if step == last else None
                    yield Outcome(request, task, step, f"error-{kind}", error, image=kept)
        for task in TASKS:
            blind = [error for kind in BLIND for error in curves.get((kind, task), [])]
            yield Outcome(request, task, last, "least-error", min(blind))
            yield Outcome(request, task, last, "recovered", blind[0] - min(blind))
            original = model.error(model.outputs_before().images[task][0, [model.target_image]])[0]
            back = steps_until(original + BACK, (0, *parameters.steps), curves["object", task])
            status = "ok" if back is not None else f"not within {last} steps"
            yield Outcome(request, task, last, "steps-object", back, status)


def kinds(model: Attacked) -> dict[str, Images | str]:
    """Return the images of each kind, or why there are none of it.

    retained: the subset without the targets, as a model is retrained on it. category: those of its images that show
    other objects of the categories asked for. view: images, of the whole training split, that show the same individuals
    elsewhere. crop: a mirrored crop of the primary target. object: the target images, as they are.
    """
    data, request, subset = model.data, model.request, subset_of(model.data)
    without = apply_plan(data, Plan(edits=subset.leave_out(request.targets)), request.id)

    def rows(image_ids: Sequence[int]) -> list[int]:
        return [data.scenes.find(image_id) for image_id in dict.fromkeys(image_ids)]

    category = rows([image_id for image_id, _ in subset.retained(request)])
    view = rows([one.image_id for one in request.elsewhere])
    return {
        "retained": Images(data.subset, without),
        "category": Images(category, without)
        if category
        else "no other object of the category in the subset",
        "view": Images(view, without) if view else "no other view of the individual: error-crop",
        "crop": "there is another view of the individual: error-view" if view else _crop(model),
        "object": Images(rows([*request.images]), UNCHANGED),
    }


def _crop(model: Attacked) -> Images:
    """Return a scene of the primary target alone, mirrored, on a grey ground of which nothing is learned."""
    data, scene = model.data, model.scene
    others = [one for one in scene.object_ids.tolist() if one not in (model.request.primary.object_id, -1)]
    alone = apply_plan(data, Plan(edits={scene.image_id: Edit(removed=tuple(others))}))
    extractor = VisualFeatures(model.config["generator"]["visual"])
    roi = model.context.regions["A1"][0].region
    edited = {row: mirrored_crop(one, roi, extractor) for row, one in alone.edited.items()}
    return Images([*edited], Changes(edited=edited))


def mirrored_crop(edited: EditedScene, roi: Region, extractor: VisualFeatures) -> EditedScene:
    """Return a scene's mirror image, 0 (the mean colour) and without weight outside a region."""
    within = torch.from_numpy(inside([roi], edited.image.shape[-1]))[None].to(edited.image.dtype)
    image, boxes = (edited.image * within).flip(-1), edited.scene.boxes.copy()
    boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    return replace(
        edited,
        scene=replace(edited.scene, boxes=boxes),
        visual=extractor.of_scene(image, torch.from_numpy(boxes)).numpy(),
        image=image,
        target=image,
        weights=within.flip(-1),
    )


def relearned(
    model: Attacked, images: Images, parameters: Parameters
) -> list[tuple[int, dict[str, np.ndarray]]]:
    """Fine-tune a model's weights, loaded anew; return what it draws of the target's scene, by task, as it goes.

    The order of the images and what is hidden of them depend on the request alone.
    """
    model.load()
    found = list[tuple[int, dict[str, np.ndarray]]]()

    def measure(step: int) -> None:
        found.append((step, {task: model.generate([model.scene], [model.visual], task) for task in TASKS}))

    measure(0)
    parts = Watched(model, images.changes, parameters.steps, measure)
    settings: dict[str, Any] = {
        "steps": parameters.steps[-1],
        "learning_rate": parameters.learning_rate,
        "schedule": "constant",
    }
    seed = derive_seed(model.config["seed"], "attack-relearn", model.request.id)
    with tempfile.TemporaryDirectory() as folder:
        where = images.rows, images.changes, seed, WorkFolder(Path(folder), {}), lambda line: None
        finetune(model.data, model.networks, *where, parts=parts, name="relearning", **settings)
    return found


class Watched(LoopParts):
    """Plain training that is measured after some of its steps.

    Args:
        model: trained in place.
        changes: what changes in training.
        steps: after which to measure.
        measure: takes the number of steps made; it may put the generator in eval mode.
    """

    def __init__(
        self, model: Attacked, changes: Changes, steps: Sequence[int], measure: Callable[[int], None]
    ):
        super().__init__(model.networks, objective_for(model.config, model.networks, changes))
        self.steps, self.measure = steps, measure

    def updated(self, step: int) -> None:
        """Measure, if this step is one of those."""
        if step + 1 in self.steps:
            was_training = self.networks.generator.training
            self.measure(step + 1)
            self.networks.generator.train(was_training)


def steps_until(threshold: float, steps: Sequence[int], errors: Sequence[float]) -> float | None:
    """Return after how many steps a curve is first at a threshold or below, between two points linearly.

    Args:
        threshold: grey levels.
        steps: in ascending order.
        errors: the curve at each of them, grey levels.

    Returns:
        None if it never is.
    """
    for index, error in enumerate(errors):
        if error <= threshold:
            if not index:
                return float(steps[0])
            before, start = errors[index - 1], steps[index - 1]
            return start + (steps[index] - start) * (before - threshold) / (before - error)
    return None
