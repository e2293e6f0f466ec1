"""Relearning: what never was there does not come back on other data; what is only hidden does."""

import numpy as np
import pytest
import torch
from attacks_factory import attacked, values
from benchmark_factory import Benchmark, config

from soulbench.attacks.relearn import METRICS, Parameters, attack, kinds, mirrored_crop, steps_until
from soulbench.core.checkpoint import load, save
from soulbench.core.terms import TASKS
from soulbench.models.visual_features import VisualFeatures

PARAMETERS = Parameters(steps=(2, 5, 15), learning_rate=2e-3)
BLIND = ("error-retained", "error-category")
#: What counts as a difference, grey levels.
LEVELS = 2.55
#: How much the weights of the original model are perturbed: its memory is hidden a little, and so that everything is
#: destroyed. Between these lies the scale at which it errs as a model does that never saw the target.
PERTURBED = {"hidden a little": 0.05, "destroyed": 0.8}
SCALES = (0.1, 0.15, 0.2, 0.25, 0.3)


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """A benchmark whose original model has memorised its images, as far as the sizes go, on any processor."""
    training = {
        "finetune": {"steps": 300, "batch": 5},
        "learning_rate": 1e-3,
        "schedule": "linear",
        "masking": {"hide_image": 1.0},
    }
    return Benchmark(tmp_path_factory.mktemp("memory"), config(training=training)).write().train()


@pytest.fixture(scope="module")
def found(memory, tmp_path_factory):
    """The outcomes by model: the original one, one that never saw the target, and perturbed ones."""
    folder = tmp_path_factory.mktemp("models")
    models = {"original": memory.original, "never saw": folder / "retrained.safetensors"}
    memory.unlearn("retrain", models["never saw"])
    unknown = error_of(memory, models["never saw"])
    perturbed = {scale: folder / f"{scale}.safetensors" for scale in (*PERTURBED.values(), *SCALES)}
    for scale, path in perturbed.items():
        perturb(memory.original, scale, path)
    models["hidden"] = min(
        (perturbed[scale] for scale in SCALES), key=lambda path: abs(error_of(memory, path) - unknown)
    )
    models |= {name: perturbed[scale] for name, scale in PERTURBED.items()}
    return {name: list(attack(attacked(memory, {"r1": path}), PARAMETERS)) for name, path in models.items()}


def perturb(original, scale, out):
    """Write the original model with noise on its weights."""
    tensors, meta = load(original)
    random = torch.Generator().manual_seed(0)
    changed = {
        key: value + scale * value.std() * torch.randn(value.shape, generator=random)
        if value.dim() > 1
        else value
        for key, value in tensors.items()
    }
    save(out, changed, meta)


def error_of(memory, path):
    """Return the error on the target of a model as it is."""
    (model,) = attacked(memory, {"r1": path})
    model.load()
    return model.error(model.generate([model.scene], [model.visual], TASKS[0]))[0]


def value(found, name, metric):
    return values(found[name], "r1", metric)[PARAMETERS.steps[-1]]


def test_a_never_seen_object_stays_unknown_on_other_data(found):
    for metric in BLIND:
        errors = values(found["never saw"], "r1", metric)
        assert list(errors) == [0, 2, 5, 15]
        assert min(errors.values()) > errors[0] - 2 * LEVELS


def test_the_object_itself_is_learned_by_all(found):
    for name in ("never saw", "hidden"):
        errors = values(found[name], "r1", "error-object")
        assert errors[15] < errors[0] - 2 * LEVELS


def test_a_dormant_memory_comes_back(found):
    # Before the attack, both are alike.
    before = [values(found[name], "r1", "error-retained")[0] for name in ("hidden", "never saw")]
    assert abs(before[0] - before[1]) < 2 * LEVELS
    assert value(found, "hidden", "recovered") > value(found, "never saw", "recovered") + LEVELS
    assert value(found, "hidden", "least-error") < value(found, "never saw", "least-error") - LEVELS
    for metric in ("error-view", "error-object"):
        assert value(found, "hidden", metric) < value(found, "never saw", metric)


def test_it_is_faster_than_learning_it(found):
    assert value(found, "original", "steps-object") == 0
    assert 0 < value(found, "hidden a little", "steps-object") < PARAMETERS.steps[-1]
    assert value(found, "never saw", "steps-object") is None


def test_what_was_destroyed_is_repaired_and_no_leak(found):
    assert value(found, "destroyed", "recovered") > 4 * LEVELS
    assert value(found, "destroyed", "least-error") > value(found, "never saw", "least-error") - LEVELS


def test_every_declared_metric_has_a_value_or_a_reason(found):
    outcomes = found["hidden"]
    assert {(one.metric, one.task) for one in outcomes} == {
        (name, task) for name in METRICS for task in TASKS
    }
    assert all((one.value is None) != (one.status == "ok") for one in outcomes)
    # The man is in two more images.
    assert values(outcomes, "r1", "error-crop") == {15: None}
    assert len(values(outcomes, "r1", "error-view")) == 4


def test_equal_models_are_attacked_alike(benchmark):
    parameters = Parameters(steps=(1, 2))
    first, again = (
        list(attack(attacked(benchmark, {"r1": benchmark.original}), parameters)) for _ in range(2)
    )
    assert [one[:6] for one in first] == [one[:6] for one in again]


def test_the_kinds_of_images(benchmark):
    r1, r2 = attacked(benchmark, dict.fromkeys(("r1", "r2"), benchmark.original))
    of = {kind: images for kind, images in kinds(r1).items() if not isinstance(images, str)}
    ids = {kind: [int(r1.data.scenes.image_ids[row]) for row in images.rows] for kind, images in of.items()}
    # The fourth image shows no man; the man of the request is in the third and sixth image, too.
    assert ids == {"retained": [1, 2, 3, 4, 5], "category": [2, 3, 5], "view": [3, 6], "object": [1]}
    row = r1.data.scenes.find(1)
    for kind in ("retained", "category", "view"):
        edited = of[kind].changes.edited[row]
        assert 11 not in edited.scene.object_ids
        x0, y0, x1, y1 = r1.context.regions["A1"][0].region
        assert not edited.image[:, y0:y1, x0:x1].any()
        assert not edited.weights[:, y0:y1, x0:x1].any()
    assert not of["object"].changes.edited
    # The woman is nowhere else: the attacker gets a crop of her.
    assert isinstance(kinds(r2)["view"], str)
    (crop,) = kinds(r2)["crop"].changes.edited.values()
    assert crop.scene.object_ids.tolist() == [22, -1]


def test_a_mirrored_crop(benchmark):
    (model,) = attacked(benchmark, {"r2": benchmark.original})
    (crop,) = kinds(model)["crop"].changes.edited.values()
    x0, y0, x1, y1 = model.context.regions["A1"][0].region
    size = crop.image.shape[-1]
    inside = crop.image[:, y0:y1, size - x1 : size - x0]
    batch = model.data.batches().batch([model.data.scenes.find(2)])
    np.testing.assert_array_equal(inside.flip(-1), batch.images[0, :, y0:y1, x0:x1])
    assert crop.weights.sum() == (x1 - x0) * (y1 - y0)
    assert float((crop.image * (1 - crop.weights)).abs().max()) == 0
    box = model.scene.boxes[model.target]
    np.testing.assert_allclose(crop.scene.boxes[0], [1 - box[2], box[1], 1 - box[0], box[3]])
    extractor = VisualFeatures(model.config["generator"]["visual"])
    back = mirrored_crop(crop, (size - x1, y0, size - x0, y1), extractor)
    np.testing.assert_allclose(back.scene.boxes, model.scene.boxes[[model.target, -1]], atol=1e-6)


@pytest.mark.parametrize(
    ("errors", "expected"), [([30, 20, 10], 3.5), ([5, 9, 9], 0.0), ([30, 31, 29], None), ([30, 15, 1], 2.0)]
)
def test_the_steps_until_an_error_is_reached(errors, expected):
    assert steps_until(15, (0, 2, 5), errors) == expected


def test_steps_that_are_not_in_order_are_refused():
    with pytest.raises(ValueError, match=r"steps: \[5, 2\]; allowed: numbers in ascending order, each once"):
        Parameters(steps=(5, 2))
