"""Parameter counts of the configured networks, module by module."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from soulbench.models.discriminators import Discriminators
from soulbench.models.generator import Generator
from soulbench.models.visual_features import VisualFeatures


def table(sizes: Mapping[str, Any], categories: int, predicates: int) -> list[tuple[str, int, int]]:
    """Return (module, total, trainable) for each of the generator's modules, their sum, and both discriminators.

    Args:
        sizes: the `generator` section of the configuration.
        categories, predicates: sizes of the vocabularies, `__image__` and `__in_image__` included.
    """
    # Seeded weights: counting needs no trained ones.
    features = VisualFeatures({**sizes["visual"], "weights": "seeded"})
    rows = [("visual_features", *_count(features)), *_children(Generator(sizes, categories, predicates))]
    rows.append(("generator", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    discriminators = Discriminators(sizes["discriminators"], categories).named_children()
    return [*rows, *((f"{name}_discriminator", *_count(module)) for name, module in discriminators)]


def _children(generator: Generator) -> Iterator[tuple[str, int, int]]:
    for name, module in generator.named_children():
        if module is generator.graph:
            layers = enumerate(generator.graph.layers, 1)
            yield from ((f"graph convolution {number}", *_count(layer)) for number, layer in layers)
        else:
            yield name, *_count(module)


def _count(module: nn.Module) -> tuple[int, int]:
    """Return the numbers of all and of the trainable parameters."""
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
