"""The objective against its formulas, and the effect of weights, guidance and sign."""

from dataclasses import replace

import pytest
import torch
from networks_factory import networks, random_batch, random_condition
from torch import nn

from soulbench.models.discriminators import hinge
from soulbench.models.generator import GeneratorOutput
from soulbench.training.adam import Adam
from soulbench.training.losses import GAN_TERMS, Objective, Perceptual, uses_discriminators

PLAIN = {"l1": 2.0, "boxes": 3.0, "perceptual": 0.0} | dict.fromkeys(GAN_TERMS, 0.0)
ADVERSARIAL = {"object_class": 0.1, "object_gan": 0.2, "image_gan": 0.5, "feature_matching": 5.0}


@pytest.fixture
def batch():
    return random_batch([3, 2], dtype=torch.float32)


def random_output(batch, seed=3):
    """Return images and boxes as a generator might, with gradients."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(batch.images.shape, generator=random).to(batch.images).requires_grad_()
    boxes = torch.rand(batch.boxes.shape, generator=random).to(batch.boxes).requires_grad_()
    return GeneratorOutput(images, boxes, batch.visual, batch.visual)


def objective(weights, discriminators=None, **more):
    return Objective(PLAIN | weights, discriminators, "seeded", **more)


def parts_of(batch, output, weights=None, **more):
    return objective(weights or {}, **more)(output, batch, random_condition(batch)).generator


def test_l1_and_boxes_by_their_formulas(batch):
    output = random_output(batch)
    parts = parts_of(batch, output)
    l1 = [(output.images[i] - batch.targets[i]).abs().mean() for i in range(2)]
    boxes = [((output.boxes[k] - batch.boxes[k]) ** 2).mean() for k in range(5)]
    torch.testing.assert_close(parts["l1"], 2 * sum(l1) / 2)
    torch.testing.assert_close(parts["boxes"], 3 * sum(boxes) / 5)
    assert {*parts} == {"l1", "boxes", "guidance"}
    assert not parts["guidance"]


def test_parts_without_a_weight_need_no_networks():
    assert not uses_discriminators(PLAIN)
    assert Objective(PLAIN, None, None).perceptual is None
    for name in GAN_TERMS:
        assert uses_discriminators(PLAIN | {name: 0.1})
    assert isinstance(objective({"perceptual": 1.0}).perceptual, Perceptual)


@pytest.fixture
def discriminators():
    return networks().discriminators


@pytest.fixture(scope="module")
def perceptual():
    return Perceptual("seeded")


def full(discriminators, perceptual):
    """Return an objective with all parts; VGG19 is built once for all tests."""
    complete = objective(ADVERSARIAL, discriminators)
    complete.weights["perceptual"], complete.perceptual = 1.0, perceptual
    return complete


def test_pixels_without_a_weight_affect_no_part(batch, discriminators, perceptual):
    weights = torch.ones_like(batch.weights)
    weights[0, :, 4:9, 3:12] = 0
    batch = replace(batch, weights=weights)
    discriminators.eval()
    output, losses_of = random_output(batch), full(discriminators, perceptual)
    before = losses_of(output, batch, random_condition(batch)).generator
    torch.stack(list(before.values())).sum().backward()
    hidden = (weights == 0).expand_as(output.images)
    assert not output.images.grad[hidden].any()
    assert output.images.grad[~hidden].any()
    moved = output.images.detach() + 7 * hidden
    target = batch.targets - 5 * hidden
    after = losses_of(
        replace(output, images=moved), replace(batch, targets=target), random_condition(batch)
    ).generator
    assert {*before} == {"l1", "boxes", "guidance", "perceptual", *GAN_TERMS}
    for name in before:
        torch.testing.assert_close(before[name], after[name], msg=name)
    torch.testing.assert_close(
        losses_of(output, batch, random_condition(batch)).discriminators,
        losses_of(
            replace(output, images=moved), replace(batch, targets=target), random_condition(batch)
        ).discriminators,
    )


def test_weights_scale_the_l1(batch):
    output = random_output(batch)
    weights = torch.rand(batch.weights.shape, generator=torch.Generator().manual_seed(1))
    l1 = parts_of(replace(batch, weights=weights), output)["l1"]
    distance = (output.images - batch.targets).abs().mean(dim=1)
    torch.testing.assert_close(l1, 2 * (distance * weights[:, 0]).mean())


def test_guidance_subtracts_the_regions_mean_l1(batch):
    guidance = torch.zeros_like(batch.guidance)
    guidance[0, :, 2:6, 3:8] = 0.7 / (4 * 5)
    output = random_output(batch)
    parts = parts_of(replace(batch, guidance=guidance), output)
    region = (output.images - batch.targets).abs()[0, :, 2:6, 3:8]
    torch.testing.assert_close(parts["guidance"], -0.7 * region.mean() / 2)
    torch.testing.assert_close(parts["l1"], parts_of(batch, output)["l1"])


def test_guidance_while_hidden_acts_on_hidden_pixels_alone(batch):
    guidance = torch.rand(batch.guidance.shape, generator=torch.Generator().manual_seed(1))
    batch, output = replace(batch, guidance=guidance), random_output(batch)
    condition = random_condition(batch)
    parts = objective({}, guidance_while="hidden")(output, batch, condition).generator
    distance = (output.images - batch.targets).abs().mean(dim=1, keepdim=True)
    torch.testing.assert_close(parts["guidance"], -(guidance * condition.hidden * distance).sum() / 2)
    always = objective({})(output, batch, condition).generator
    assert parts["guidance"] > always["guidance"]


def test_a_negated_image_contributes_its_negative_l1_and_boxes_and_nothing_else(
    batch, discriminators, perceptual
):
    negated = replace(batch, sign=torch.tensor([-1.0, 1.0]))
    discriminators.eval()
    losses_of, output = full(discriminators, perceptual), random_output(batch)
    condition = random_condition(batch)
    before = losses_of(output, batch, condition).generator
    after = losses_of(output, negated, condition).generator
    l1 = (output.images - batch.targets).abs().mean(dim=(1, 2, 3))
    torch.testing.assert_close(after["l1"], 2 * (l1[1] - l1[0]) / 2)
    torch.testing.assert_close(before["l1"], 2 * (l1[1] + l1[0]) / 2)
    boxes = [((output.boxes - batch.boxes) ** 2).mean(dim=1)[batch.image_of == i].sum() for i in range(2)]
    torch.testing.assert_close(after["boxes"], 3 * (boxes[1] - boxes[0]) / 5)
    rest = torch.stack([after[name] for name in ("perceptual", *GAN_TERMS)]).sum()
    rest.backward()
    assert not output.images.grad[0].any()
    assert output.images.grad[1].any()
    other = replace(output, images=output.images.detach() + torch.tensor([3.0, 0.0]).view(2, 1, 1, 1))
    again = losses_of(other, negated, condition).generator
    for name in ("perceptual", *GAN_TERMS):
        torch.testing.assert_close(again[name], after[name], msg=name)


@pytest.mark.parametrize("name", GAN_TERMS)
def test_every_adversarial_part_has_a_gradient_in_the_images(batch, discriminators, name):
    output = random_output(batch)
    parts = objective(ADVERSARIAL, discriminators)(output, batch, random_condition(batch)).generator
    assert {*GAN_TERMS} < {*parts}
    parts[name].backward()
    assert output.images.grad.any()
    assert output.images.grad.isfinite().all()


def test_adversarial_weights_scale_their_parts(batch, discriminators):
    discriminators.eval()
    output, condition = random_output(batch), random_condition(batch)
    once = objective(ADVERSARIAL, discriminators)(output, batch, condition).generator
    twice = objective({k: 2 * v for k, v in ADVERSARIAL.items()}, discriminators)
    for name, value in twice(output, batch, condition).generator.items():
        torch.testing.assert_close(value, (2 if name in GAN_TERMS else 1) * once[name], msg=name)


def test_perfect_images_have_no_matching_and_no_perceptual_loss(batch, discriminators, perceptual):
    discriminators.eval()
    parts = full(discriminators, perceptual)(
        replace(random_output(batch), images=batch.targets), batch, random_condition(batch)
    ).generator
    assert not parts["feature_matching"]
    assert not parts["perceptual"]
    assert not parts["l1"]


def test_the_perceptual_part_by_its_formula(batch, perceptual):
    output = random_output(batch).images
    weights, first, second, expected = (
        {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0},
        output,
        batch.targets,
        0,
    )
    for number, layer in enumerate(perceptual.backbone):
        first, second = layer(first), layer(second)
        if number in weights:
            assert isinstance(layer, nn.ReLU)
            expected = expected + weights[number] * (first - second).abs().mean()
    torch.testing.assert_close(perceptual(output, batch.targets), expected)


def test_the_discriminators_loss_has_no_gradient_in_the_images(batch, discriminators):
    output = random_output(batch)
    losses = objective(ADVERSARIAL, discriminators)(output, batch, random_condition(batch))
    losses.backward([output.boxes], list(discriminators.parameters()))
    assert output.images.grad is None
    gradients = [p.grad for p in discriminators.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert sum(bool(g.any()) for g in gradients) > len(gradients) / 2


def test_trained_discriminators_tell_real_from_generated_images(batch, discriminators):
    losses_of, output = objective(ADVERSARIAL, discriminators), random_output(batch)
    optimiser = Adam(discriminators.parameters())
    losses = []
    for _ in range(12):
        loss = losses_of(output, batch, random_condition(batch)).discriminators
        optimiser.zero_grad()
        loss.backward(inputs=optimiser.parameters)
        optimiser.step(0.01)
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_hinge():
    real, fake = [torch.tensor([2.0, 0.5])], [torch.tensor([-3.0, 0.5])]
    assert float(hinge(real, fake)) == pytest.approx(0.25 + 0.75)
    assert float(hinge(real * 2, fake * 2)) == pytest.approx(1.0)
