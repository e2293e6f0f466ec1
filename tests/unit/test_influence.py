"""Influence functions against exact Hessians, with a few dozen redacted values."""

from dataclasses import replace

import pytest
import torch
from networks_factory import generator, random_batch, random_condition
from scenes_factory import no_log
from skimage.metrics import structural_similarity
from torch.func import functional_call
from torch.nn import functional as F

from soulbench.core.errors import UserError
from soulbench.data.batches import to_pixels
from soulbench.training.losses import Objective
from soulbench.unlearning import influence
from soulbench.unlearning.influence import (
    Redaction,
    RightSide,
    discrepancy,
    learning_loss,
    right_side,
    solve,
)
from soulbench.unlearning.influence_parameters import Parameters

WEIGHTS = {"l1": 1.0, "boxes": 1.0, "perceptual": 0.0} | dict.fromkeys(
    ("object_class", "object_gan", "image_gan", "feature_matching"), 0.0
)


def symmetric(eigenvalues, seed=0):
    """Return a matrix with these eigenvalues in a random basis."""
    random = torch.randn(len(eigenvalues), len(eigenvalues), generator=torch.Generator().manual_seed(seed))
    basis, _ = torch.linalg.qr(random.double())
    return basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T


def vector(size, seed=1):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def solved(matrix, v, **settings):
    return solve(lambda h: matrix @ h, RightSide(v, v), Parameters(**settings), no_log)


SPECTRA = {
    "positive": [3.0, 2.0, 1.5, 1.0, 0.5, 0.1],
    "singular": [3.0, 2.0, 1.0, 0.0, 0.0, 0.0],
    "indefinite": [3.0, 2.0, 1.0, 0.1, -0.5, -2.0],
}


@pytest.mark.parametrize("eigenvalues", SPECTRA.values(), ids=SPECTRA)
def test_conjugate_gradients_agree_with_the_inverse(eigenvalues):
    matrix, v = symmetric(eigenvalues), vector(6)
    solution = solved(matrix, v, solver="cg", damping=1.1, tolerance=1e-12, iterations=200)
    assert solution.converged
    assert solution.damping == pytest.approx(1.1 * 3.0, rel=0.2)  # a multiple of the largest curvature
    damped = matrix + solution.damping * torch.eye(6, dtype=torch.float64)
    torch.testing.assert_close(solution.step, torch.linalg.solve(damped, v), rtol=1e-9, atol=1e-9)


def test_lissa_agrees_with_the_inverse():
    matrix, v = symmetric(SPECTRA["positive"]), vector(6)
    solution = solved(matrix, v, solver="lissa", damping=0.1, scale=5.0, iterations=600, tolerance=1e-9)
    damped = matrix + 0.1 * 5.0 * torch.eye(6, dtype=torch.float64)
    assert solution.converged
    assert solution.damping == pytest.approx(0.5)
    torch.testing.assert_close(solution.step, torch.linalg.solve(damped, v), rtol=1e-9, atol=1e-9)


def test_lissa_follows_its_recursion():
    matrix, v = symmetric(SPECTRA["positive"]), vector(6)
    solution = solved(matrix, v, solver="lissa", damping=0.1, scale=5.0, iterations=3)
    h = v
    for _ in range(3):
        h = v + 0.9 * h - matrix @ h / 5.0
    torch.testing.assert_close(solution.step, h / 5.0)
    assert solution.iterations == 3


def test_lissa_starts_where_it_is_told_to():
    """As released: h0 is the difference of two gradients, and v the first of them alone."""
    matrix, v, start = symmetric(SPECTRA["positive"]), vector(6), vector(6, seed=2)
    settings = Parameters(solver="lissa", damping=0.0, scale=5.0, iterations=2)
    solution = solve(lambda h: matrix @ h, RightSide(v, start), settings, no_log)
    h1 = v + start - matrix @ start / 5.0
    h2 = v + h1 - matrix @ h1 / 5.0
    torch.testing.assert_close(solution.step, h2 / 5.0)
    assert solution.residual == pytest.approx(float((v - matrix @ h2 / 5.0).norm() / v.norm()))


@pytest.mark.parametrize("solver", ["cg", "lissa"])
def test_dividing_v_by_n_divides_the_step_by_n(solver):
    """So the release, which does not divide, is the default with n times its alpha."""
    matrix, v = symmetric(SPECTRA["positive"]), vector(6)
    whole, part = (solved(matrix, one, solver=solver, iterations=4) for one in (v, v / 16))
    torch.testing.assert_close(16 * part.step, whole.step)


@pytest.mark.parametrize("solver", ["cg", "lissa"])
def test_the_residual_is_that_of_the_damped_system(solver):
    matrix, v = symmetric([100.0, 10.0, 1.0, 0.5, 0.1, 0.01]), vector(6)
    solution = solved(matrix, v, solver=solver, damping=0.001, scale=200.0, iterations=2, tolerance=1e-6)
    difference = v - matrix @ solution.step - solution.damping * solution.step
    assert solution.residual == pytest.approx(float(difference.norm() / v.norm()), rel=1e-9)
    assert solution.residual > 1e-3
    assert not solution.converged


@pytest.mark.parametrize("settings", [{"iterations": 2, "tolerance": 1e-12}, {"tolerance": 0.05}])
def test_every_product_with_the_hessian_is_counted(settings):
    """Curvature, step and residual come from the same products."""
    matrix, calls = symmetric(SPECTRA["positive"]), []

    def product(h):
        calls.append(1)
        return matrix @ h

    solution = solve(product, RightSide(vector(6), vector(6)), Parameters(**settings), no_log)
    assert len(calls) == solution.iterations
    assert solution.iterations <= settings.get("iterations", 6)


def test_a_right_hand_side_of_zeros_changes_nothing():
    solution = solved(symmetric(SPECTRA["positive"]), torch.zeros(6, dtype=torch.float64))
    assert not solution.step.any()
    assert solution.converged
    assert (solution.residual, solution.iterations) == (0.0, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "lissa", "scale": 1.0, "damping": 0.0, "iterations": 1200}, "a larger damping or scale"),
        ({"solver": "cg", "damping": 0.0}, "a larger damping may help"),
    ],
)
def test_a_diverging_solver_is_an_error(settings, message):
    flat = {"lissa": symmetric(SPECTRA["positive"]), "cg": torch.zeros(6, 6, dtype=torch.float64)}
    with pytest.raises(UserError, match=rf"the influence on module graph is not finite .*{message}"):
        solved(flat[settings["solver"]], vector(6), **settings)


def test_a_hessian_that_is_not_finite_is_an_error():
    with pytest.raises(UserError, match="not finite after 1 steps of cg"):
        solved(torch.full((6, 6), torch.nan, dtype=torch.float64), vector(6))


@pytest.fixture(scope="module")
def setting():
    """Return a tiny generator in eval mode, a batch and a condition, in float64."""
    batch = random_batch([4, 3])
    condition = random_condition(batch)
    return (
        generator().eval().requires_grad_(True),
        batch,
        replace(condition, features=torch.ones_like(condition.features)),
    )


@pytest.fixture(scope="module")
def redacted_loss(setting):
    """Return a redaction, the objective, the learning loss as a function of the redacted values, and these."""
    model, batch, condition = setting
    redaction, objective = Redaction(model, "visual_projection"), Objective(WEIGHTS, None, None)

    def loss(values):
        parts = values.split([p.numel() for p in redaction.parameters.values()])
        named = zip(redaction.parameters.items(), parts, strict=True)
        changed = {name: part.view_as(p) for (name, p), part in named}
        output = functional_call(model, changed, (batch, condition))
        return torch.stack(list(objective(output, batch, condition).generator.values())).sum()

    values = torch.cat([p.detach().flatten() for p in redaction.parameters.values()])
    return redaction, objective, loss, values


@pytest.fixture(scope="module")
def exact(redacted_loss):
    _, _, loss, values = redacted_loss
    return torch.autograd.functional.hessian(loss, values)


def test_gradients_and_hessian_vector_products_are_exact(setting, redacted_loss, exact):
    model, batch, condition = setting
    redaction, objective, loss, values = redacted_loss
    assert redaction.size == len(values) == 36
    value = learning_loss(objective, model, batch, condition)
    torch.testing.assert_close(value, loss(values))
    gradient = torch.autograd.functional.jacobian(loss, values)
    torch.testing.assert_close(redaction.gradient(value), gradient, rtol=1e-9, atol=1e-12)
    product = redaction.hessian(lambda: learning_loss(objective, model, batch, condition))
    assert exact.abs().max() > 1e-4
    for seed in range(3):
        v = vector(36, seed)
        torch.testing.assert_close(product(v), exact @ v, rtol=1e-9, atol=1e-12)


def test_a_networks_step_agrees_with_the_exact_inverse(setting, redacted_loss, exact):
    model, batch, condition = setting
    redaction, objective, *_ = redacted_loss
    product = redaction.hessian(lambda: learning_loss(objective, model, batch, condition))
    side = RightSide(vector(36), vector(36))
    solution = solve(product, side, Parameters(tolerance=1e-11, iterations=500), no_log)
    damped = exact + solution.damping * torch.eye(36, dtype=torch.float64)
    assert solution.converged
    torch.testing.assert_close(solution.step, torch.linalg.solve(damped, vector(36)), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("chunks", [1, 2])
def test_blocks_of_the_hessian_are_those_of_its_modules(setting, chunks):
    model, batch, condition = setting
    objective, modules = Objective(WEIGHTS, None, None), ("graph", "decoder", "first_convolution")
    losses = [lambda: learning_loss(objective, model, batch, condition)] * chunks
    whole = Redaction(model, *modules)
    hessian = whole.hessian(*losses)
    for module in modules:
        part = Redaction(model, module)
        h = vector(part.size)
        expected = part.hessian(*losses)(h)
        assert expected.any()
        torch.testing.assert_close(hessian.block(part)(h), expected, rtol=1e-9, atol=1e-12)
        product = hessian(whole.join(dict.fromkeys(whole.parameters) | part.split(h)))
        torch.testing.assert_close(part.join(whole.split(product)), expected, rtol=1e-9, atol=1e-12)


def test_a_module_that_the_loss_does_not_depend_on(setting):
    model, batch, condition = setting
    redaction = Redaction(model, "box_head")
    mean = model(batch, condition).images.mean()  # the true boxes place the masks
    assert not redaction.gradient(mean).any()
    product = redaction.hessian(lambda: model(batch, condition).images.mean())
    assert not product(vector(redaction.size)).any()


def test_the_discrepancy_is_one_minus_the_similarity_of_the_crops(setting):
    model, batch, condition = setting
    objects, expected = [0, 5], {"mean": 0.0, "sum": 0.0}
    generated, true = to_pixels(model(batch, condition).images), to_pixels(batch.targets)
    side = influence.CROP
    for index in objects:
        crops = []
        for images in (generated, true):
            x0, y0, x1, y1 = batch.boxes[index].tolist()
            # Bilinear samples at the centres of equal parts of the box, by PyTorch's own sampler.
            x, y = ((torch.arange(side).double() + 0.5) / side * (b - a) + a for a, b in ((x0, x1), (y0, y1)))
            grid = torch.stack(torch.meshgrid(2 * y - 1, 2 * x - 1, indexing="ij")[::-1], dim=-1)[None]
            image = images[batch.image_of[index]][None]
            crops.append(F.grid_sample(image, grid, padding_mode="border", align_corners=False)[0])
        first, second = (crop.movedim(0, -1).detach().numpy() for crop in crops)
        mean = structural_similarity(first, second, win_size=3, channel_axis=-1, data_range=1)
        expected["mean"] += 1 - mean
        expected["sum"] += 1 - mean * 3 * (side - 2) ** 2
    for reduction, value in expected.items():
        summed = discrepancy(model, batch, condition, objects, reduction)
        assert float(summed.detach()) == pytest.approx(value, rel=1e-9)


def gradients(redaction, batch, conditions, edit="object"):
    """Return the gradients with the features of object 1 kept, and with them, or all, set to zero."""
    removed = conditions[1].features.clone()
    removed[[1] if edit == "object" else slice(None)] = 0
    edited = conditions[0], replace(conditions[1], features=removed)
    return [
        redaction.gradient(discrepancy(redaction.model, batch, condition, [1], "mean"))
        for condition in edited
    ]


@pytest.mark.parametrize("edit", ["object", "all"])
def test_the_difference_of_gradients(setting, edit):
    model, batch, condition = setting
    redaction, twice = Redaction(model, "graph"), (condition, condition)
    kept, removed = gradients(redaction, batch, twice, edit)
    assert (kept - removed).any()
    for reverse, expected in ((False, kept - removed), (True, removed - kept)):
        side = right_side(redaction, batch, twice, [1], Parameters(edit=edit, reverse=reverse))
        torch.testing.assert_close(side.v, expected)
        assert torch.equal(side.v, side.start)
    assert condition.features.all()


@pytest.mark.parametrize("reverse", [False, True])
def test_as_released_v_is_the_first_gradient_and_lissa_starts_from_the_difference(setting, reverse):
    model, batch, condition = setting
    redaction, twice = Redaction(model, "graph"), (condition, condition)
    first, second = gradients(redaction, batch, twice)[:: -1 if reverse else 1]
    settings = Parameters(right_side="minuend", reverse=reverse)
    side = right_side(redaction, batch, twice, [1], settings)
    torch.testing.assert_close(side.v, first)
    torch.testing.assert_close(side.start, first - second)


def test_the_pass_without_features_sees_the_noise_of_its_own_condition(setting):
    model, batch, condition = setting
    other = replace(condition, noise=torch.randn_like(condition.noise))
    redaction, fresh = Redaction(model, "graph"), (condition, other)
    kept, removed = gradients(redaction, batch, fresh)
    side = right_side(redaction, batch, fresh, [1], Parameters())
    torch.testing.assert_close(side.v, kept - removed)
    assert not torch.allclose(side.v, right_side(redaction, batch, fresh[:1] * 2, [1], Parameters()).v)


def test_a_step_is_added_to_its_module_alone():
    model = generator()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    redaction = Redaction(model, "box_head")
    redaction.apply(torch.arange(redaction.size, dtype=torch.float64))
    first = 0
    for name, parameter in model.named_parameters():
        change = parameter.detach() - before[name]
        if name.startswith("box_head"):
            expected = torch.arange(first, first + parameter.numel(), dtype=torch.float64).view_as(parameter)
            torch.testing.assert_close(change, expected)
            first += parameter.numel()
        else:
            assert not change.any(), name
    assert first == redaction.size
