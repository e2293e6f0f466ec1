"""How many parameters each module of the configured networks has."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from soulbench.models.discriminators import Discriminators
from soulbench.models.generator import Generator
from soulbench.models.visual_features import VisualFeatures


def table(sizes: Mapping[str, Any], categories: int, predicates: int) -> list[tuple[str, int, int]]:
    """Return (module, total, trainable) of the generator's modules, their sum, and the two discriminators.

    Args:
        sizes: the `generator` section of the configuration.
        categories, predicates: sizes of the vocabularies, `__image__` and `__in_image__` counted.
    """
    # Counting needs no trained weights, so none are asked for.
    features = VisualFeatures({**sizes["visual"], "weights": "seeded"})
    rows = [("visual_features", *_count(features)), *_children(Generator(sizes, categories, predicates))]
    rows.append(("generator", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    judges = Discriminators(sizes["discriminators"], categories)
    return [*rows, *((f"{name}_discriminator", *_count(judge)) for name, judge in judges.named_children())]


def _children(generator: Generator) -> Iterator[tuple[str, int, int]]:
    for name, module in generator.named_children():
        if name == "graph":
            yield from (
                (f"graph convolution {i}", *_count(layer)) for i, layer in enumerate(module.layers, 1)
            )
        else:
            yield name, *_count(module)


def _count(module: nn.Module) -> tuple[int, int]:
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained)
