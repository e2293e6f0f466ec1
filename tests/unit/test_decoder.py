"""The generator against its usual form: the whole layout, computed object by object and convolved."""

import copy
from dataclasses import replace

import pytest
import torch
from literal import generate, placed, whole_layout
from networks_factory import generator, random_batch, random_boxes, random_condition
from torch.nn import functional as F

from soulbench.models import decoder
from soulbench.models.decoder import Layout, convolve_layout

EXACT = {"rtol": 1e-9, "atol": 1e-9}
GRAPHS = {"one object": [2], "thirty objects": [31], "differing sizes": [4, 2, 7], "image node alone": [1, 3]}


@pytest.fixture(params=[0, decoder.FEW_CHANNELS], ids=["as wide layers", "as narrow layers"])
def form(request, monkeypatch):
    """Both forms of the product with the layout, whatever the number of channels."""
    monkeypatch.setattr(decoder, "FEW_CHANNELS", request.param)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("counts", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients_equal_those_of_the_whole_layout(counts, training):
    model = generator().train(training)
    other = copy.deepcopy(model)
    batch = random_batch(counts)
    condition = random_condition(batch)
    fast, slow = model(batch, condition).images, generate(other, batch, condition)[0]
    assert fast.std() > 1e-3
    torch.testing.assert_close(fast, slow, **EXACT)
    probe = torch.randn(fast.shape, generator=torch.Generator().manual_seed(2), dtype=fast.dtype)
    (fast * probe).sum().backward()
    (slow * probe).sum().backward()
    moved = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert {
        "graph.layers.0.net1.0.weight",
        "mask_head.convolutions.0.weight",
        "decoder.blocks.0.condition.weight",
    } <= {*moved}
    for name, parameter in other.named_parameters():
        assert (name in moved) == (parameter.grad is not None), name
        if name in moved:
            torch.testing.assert_close(
                moved[name], parameter.grad, **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("counts", [[2], [4, 2]])
def test_hessian_vector_products_equal_those_of_the_whole_layout(counts):
    model = generator(decoder=[5, 4]).eval()
    batch = random_batch(counts, size=8)
    condition = random_condition(batch)
    shifts = torch.Generator().manual_seed(3)
    parameters = list(model.parameters())
    vectors = [torch.randn(p.shape, generator=shifts, dtype=p.dtype) for p in parameters]

    def product(images):
        loss = (images - batch.targets).square().mean() + images.pow(3).mean()
        first = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
        inner = sum((g * v).sum() for g, v in zip(first, vectors, strict=True) if g is not None)
        return torch.autograd.grad(inner, parameters, allow_unused=True)

    fast, slow = product(model(batch, condition).images), product(generate(model, batch, condition)[0])
    assert max(f.abs().max() for f in fast if f is not None) > 1e-3
    for f, s in zip(fast, slow, strict=True):
        assert (f is None) == (s is None)
        if f is not None:
            torch.testing.assert_close(f, s, **EXACT)


DEGENERATE = {
    "empty": [0.4, 0.2, 0.4, 0.9],
    "less than a pixel": [0.51, 0.51, 0.515, 0.515],
    "one pixel": [0.5, 0.5, 0.5625, 0.5625],
    "a line": [0.0, 0.3, 1.0, 0.37],
    "the whole image": [0.0, 0.0, 1.0, 1.0],
    "at the far corner": [0.98, 0.98, 1.0, 1.0],
}


@pytest.mark.parametrize("box", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_boxes_equal_those_of_the_whole_layout(box):
    model = generator().eval()
    batch = random_batch([3], boxes=[[0.1, 0.2, 0.7, 0.8], box])
    condition = random_condition(batch)
    images = model(batch, condition).images
    assert images.isfinite().all()
    torch.testing.assert_close(images, generate(model, batch, condition)[0], **EXACT)
    gradients = torch.autograd.grad(images.square().mean(), list(model.parameters()), allow_unused=True)
    assert all(g.isfinite().all() for g in gradients if g is not None)


@pytest.mark.parametrize("size", [4, 8, 16])
def test_the_factored_convolution_is_that_of_the_whole_layout(size):
    random = torch.Generator().manual_seed(size)
    batch = random_batch([3, 5], size=16)
    masks = torch.rand(len(batch.boxes), 4, 4, generator=random, dtype=torch.float64)
    vectors = torch.randn(len(batch.boxes), 6, generator=random, dtype=torch.float64)
    weight = torch.randn(10, 6, 3, 3, generator=random, dtype=torch.float64)
    bias = torch.randn(10, generator=random, dtype=torch.float64)
    placed_masks = torch.stack([placed(m, b, 16) for m, b in zip(masks, batch.boxes, strict=True)])
    image_features = torch.zeros(2, 1, size, size, dtype=torch.float64)
    layout = Layout.at(batch.pad(vectors), batch.pad(placed_masks), image_features)
    whole = F.interpolate(whole_layout(vectors, masks, batch, 16), (size, size))
    maps = convolve_layout(layout, weight, bias, parts=2)
    torch.testing.assert_close(torch.cat(maps, dim=1), F.conv2d(whole, weight, bias, padding=1), **EXACT)


def test_images_of_a_batch_do_not_influence_each_other():
    model = generator().eval()
    both = random_batch([3, 4], seed=5)
    condition = random_condition(both)
    images = model(both, condition).images
    changed = both.visual.clone()
    changed[3:] += 1
    other = model(replace(both, visual=changed), condition).images
    torch.testing.assert_close(images[0], other[0], **EXACT)
    assert not torch.allclose(images[1], other[1])


def test_masks_are_placed_in_the_predicted_boxes_but_for_the_image_nodes():
    model = generator().eval()
    batch = random_batch([3, 4])
    predicted = random_condition(batch, predicted_boxes=True)
    elsewhere = random_boxes(len(batch.boxes), torch.Generator().manual_seed(9)).double()
    elsewhere[~batch.is_object] = batch.boxes[~batch.is_object]
    assert not torch.allclose(model(batch, predicted).boxes.clamp(max=1), batch.boxes)
    # Where the box prior is dropped, the true boxes reach the images through nothing but the layout.
    predicted = replace(predicted, boxes=torch.zeros_like(predicted.boxes))
    moved = replace(batch, boxes=elsewhere)
    assert torch.equal(model(batch, predicted).images, model(moved, predicted).images)
    true = replace(predicted, predicted_boxes=False)
    assert not torch.allclose(model(batch, true).images, model(moved, true).images)
    found = model(batch, predicted)
    torch.testing.assert_close(found.images, generate(model, batch, predicted)[0], **EXACT)
    whole = torch.tensor([0.0, 0.0, 1.0, 1.0]).double()
    boxes = [b.clamp(max=1) if o >= 0 else whole for b, o in zip(found.boxes, batch.object_ids, strict=True)]
    at_predicted = replace(batch, boxes=torch.stack(boxes))
    torch.testing.assert_close(model(at_predicted, true).images, found.images, **EXACT)
