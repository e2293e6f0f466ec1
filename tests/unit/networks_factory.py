"""Batches of random scene graphs, and networks of a few thousand weights."""

import torch

from soulbench.data.batches import Batch
from soulbench.models.generator import Condition, Generator
from soulbench.training.networks import Networks, build
from soulbench.unlearning.workbench import SIZES

VOCABULARY = {"objects": ["__image__", "man", "dog", "tree"], "predicates": ["__in_image__", "on"]}


def random_boxes(count, generator):
    """Return boxes [count, 4] in [0, 1] with sides of at least a tenth."""
    low = torch.rand(count, 2, generator=generator) * 0.9
    high = low + 0.1 + torch.rand(count, 2, generator=generator) * (0.9 - low)
    return torch.cat([low, high.clamp(max=1)], dim=1)


def random_batch(counts, size=16, seed=0, dtype=torch.float64, boxes=None):
    """Return scenes of `counts` nodes each, the last one the image node; `boxes` replaces those of all objects."""
    generator = torch.Generator().manual_seed(seed)
    total, slots = sum(counts), max(counts)
    firsts = [sum(counts[:i]) for i in range(len(counts))]
    nodes = [first + count - 1 for first, count in zip(firsts, counts, strict=True)]
    all_boxes = random_boxes(total, generator)
    if boxes is not None:
        all_boxes[[i for i in range(total) if i not in nodes]] = torch.as_tensor(boxes)
    all_boxes[nodes] = torch.tensor([0.0, 0.0, 1.0, 1.0])
    categories = torch.randint(1, len(VOCABULARY["objects"]), (total,), generator=generator)
    categories[nodes] = 0
    triples = []
    for first, node in zip(firsts, nodes, strict=True):
        triples += [[i, 0, node] for i in range(first, node)]
        triples += [
            [int(torch.randint(first, node, (), generator=generator)), 1, i] for i in range(first, node, 2)
        ]

    def image(channels):
        return torch.randn(len(counts), channels, size, size, generator=generator).to(dtype)

    ones = torch.ones(len(counts), 1, size, size, dtype=dtype)
    return Batch(
        image_ids=tuple(range(100, 100 + len(counts))),
        object_ids=tuple(-1 if i in nodes else 1000 + i for i in range(total)),
        images=image(3),
        targets=image(3),
        weights=ones,
        guidance=torch.zeros_like(ones),
        sign=torch.ones(len(counts), dtype=dtype),
        visual=torch.randn(total, SIZES["visual"]["features"], generator=generator).to(dtype),
        categories=categories,
        boxes=all_boxes.to(dtype),
        triples=torch.tensor(triples, dtype=torch.int64).view(-1, 3),
        image_of=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
        slot_index=torch.cat([slots * i + torch.arange(count) for i, count in enumerate(counts)]),
        slots=slots,
        object_count=float(total),
    )


def random_condition(batch, seed=1, **fields):
    """Return a condition that hides half of the pixels and drops half of the features and boxes."""
    generator = torch.Generator().manual_seed(seed)

    def some(*shape):
        return (torch.rand(*shape, generator=generator) < 0.5).to(batch.images)

    noise = torch.randn(batch.images.shape, generator=generator).to(batch.images)
    count = len(batch.boxes)
    hidden, features, boxes = some(batch.weights.shape), some(count, 1), some(count, 1)
    redrawn = torch.arange(0, count, 2)
    return Condition(hidden, noise, features, boxes, redrawn, noise.new_tensor(len(redrawn)), **fields)


def generator(seed=0, dtype=torch.float64, **sizes) -> Generator:
    """Return a generator with every weight perturbed, so that none has an initial value that hides a mistake."""
    model = build(SIZES | sizes, VOCABULARY, seed, adversarial=False).generator.to(dtype)
    perturbation = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=perturbation).to(dtype)
        # Without a positive bias, the ReLU after it would return empty boxes.
        model.box_head[-2].bias.copy_(torch.tensor([0.1, 0.2, 0.7, 0.9]))
    return model


def networks(seed=0, adversarial=True, vocabulary=None, **sizes) -> Networks:
    """Return a generator and its discriminators in float32."""
    return build(SIZES | sizes, vocabulary or VOCABULARY, seed, adversarial)
