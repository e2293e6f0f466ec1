"""A whole training step in float64: images, losses and gradients equal those of SIMSG's usual form (`literal`)."""

import copy
from dataclasses import replace

import literal
import pytest
import torch
from networks_factory import SIZES, generator, networks, random_batch
from torch import nn

from soulbench.models.visual_features import VisualFeatures
from soulbench.training.conditions import noise_for, task_condition
from soulbench.training.losses import GAN_TERMS, Objective
from soulbench.training.masking import Masking

EXACT = {"rtol": 1e-9, "atol": 1e-10}
CPU = torch.device("cpu")
WEIGHTS = {"l1": 1.0, "boxes": 50.0, "perceptual": 0.0} | dict.fromkeys(GAN_TERMS, 0.5)
SHARES = {"box": 0.35, "feature": 0.25, "hide_image": 0.0, "hide_features": 0.0}
SETTINGS = {
    "objects are hidden": {},
    "with grey features": {"grey_features": True},
    "some images are hidden": {"hide_image": 0.5, "hide_features": 0.5},
    "with a kept image node": {"hide_image": 1.0, "hide_features": 0.5, "image_node": "kept"},
    "nothing is hidden": {"box": 0.0, "feature": 0.0},
}


def inputs(batch, **changed):
    """Return a batch and its condition as a training step gets them, in float64."""
    plain = {"grey_features": False, "image_node": "dropped", "visual": SIZES["visual"]}
    masking = Masking({**SHARES, **plain, **changed}, CPU)
    if masking.features is not None:
        masking.features.double()
    ((batch, condition),) = masking([batch], [range(len(batch.image_ids))])
    floats = ("hidden", "noise", "features", "boxes", "redrawn_count")
    return batch, replace(condition, **{name: getattr(condition, name).double() for name in floats})


def gradients(loss, module):
    found = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True, allow_unused=True)
    return {
        name: value
        for (name, _), value in zip(module.named_parameters(), found, strict=True)
        if value is not None
    }


def assert_close(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_images_losses_and_gradients(settings):
    batch, condition = inputs(random_batch([5, 3, 4]), **settings)
    model, discriminators = generator().train(), networks().discriminators.double()
    other = copy.deepcopy(model), copy.deepcopy(discriminators)
    output = model(batch, condition)
    losses = Objective(WEIGHTS, discriminators, None)(output, batch, condition)
    images, boxes = literal.generate(other[0], batch, condition)
    torch.testing.assert_close(output.images, images, **EXACT)
    redrawn = condition.redrawn.tolist()
    expected = literal.generator_losses(Objective(WEIGHTS, other[1], None), images, boxes, batch, redrawn)
    of_discriminators = literal.discriminator_loss(other[1], images, batch, redrawn)
    parts = {name: value for name, value in losses.generator.items() if name != "guidance"}
    assert_close(parts, expected)
    torch.testing.assert_close(losses.discriminators, of_discriminators, **EXACT)
    assert_close(gradients(sum(parts.values()), model), gradients(sum(expected.values()), other[0]))
    assert_close(gradients(losses.discriminators, discriminators), gradients(of_discriminators, other[1]))


@pytest.mark.parametrize("image_node", ["dropped", "kept"])
@pytest.mark.parametrize("boxes", ["truth", "predicted"])
def test_images_of_the_synthesis_task(boxes, image_node):
    batch, model = random_batch([5, 3, 4]), generator().eval()
    noise = noise_for(batch.image_ids, 16, 0, 0).double()
    settings = {"layernorm": True, "boxes": boxes, "image_node": image_node}
    condition = task_condition(batch, "synthesis", noise, settings)
    torch.testing.assert_close(
        model(batch, condition).images, literal.generate(model, batch, condition)[0], **EXACT
    )


def test_grey_features_are_of_crops_whose_dropped_objects_are_grey():
    scenes = random_batch([5, 3, 4])
    batch, condition = inputs(scenes, grey_features=True)
    size, extractor = SIZES["visual"]["crop"], VisualFeatures(SIZES["visual"]).double()
    dropped = [i for i in range(12) if not condition.features[i] or not condition.boxes[i]]
    assert 0 < len(dropped) < 9
    images = scenes.images * (1 - literal.hidden_pixels(scenes, dropped))
    crops = [
        literal.feature_crop(images[image], box, size)
        for image, box in zip(scenes.image_of, scenes.boxes, strict=True)
    ]
    torch.testing.assert_close(batch.visual, extractor.backbone(torch.stack(crops)), **EXACT)
    assert torch.equal(inputs(scenes)[0].visual, scenes.visual)


def test_initial_weights_are_kaiming_normal():
    model = networks(graph={"layers": 2, "width": 60, "hidden": 90}, decoder=[60, 50, 40]).generator
    layers = [*model.decoder.out, *(m for layer in model.graph.layers for m in (*layer.net1, *layer.net2))]
    weights = [layer.weight.detach() for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert len(weights) == 2 + 2 * 4
    for weight in weights:
        normal = weight * (weight[0].numel() / 2) ** 0.5
        near = {"abs": 4 / weight.numel() ** 0.5}  # four standard deviations of a mean, more of a deviation
        assert float(normal.mean()) == pytest.approx(0, **near)
        assert float(normal.std()) == pytest.approx(1, **near)
