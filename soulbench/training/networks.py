"""The trained networks of a benchmark, and their checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from soulbench.core import checkpoint
from soulbench.core.seeds import derive_seed
from soulbench.models.discriminators import Discriminators
from soulbench.models.generator import Generator


@dataclass(frozen=True)
class Networks:
    """Generator, discriminators (None where no adversarial loss is used) and what they were built for.

    Attributes:
        signature: sizes and vocabularies; a checkpoint of another signature is refused.
    """

    generator: Generator
    discriminators: Discriminators | None
    signature: Mapping[str, Any]

    def modules(self) -> nn.ModuleDict:
        """All networks as one module, for state dicts and devices."""
        named = {"generator": self.generator, "discriminators": self.discriminators}
        return nn.ModuleDict({name: module for name, module in named.items() if module is not None})

    def save(self, path: str | Path, **facts: Any) -> None:
        """Write a checkpoint; `facts` go to its metadata."""
        checkpoint.save(path, self.modules().state_dict(), {"signature": dict(self.signature), **facts})

    def load(self, path: str | Path) -> None:
        """Read a checkpoint of the same signature into these networks."""
        tensors, _ = checkpoint.load(path, {"signature": dict(self.signature)})
        self.modules().load_state_dict(tensors)


def build(
    sizes: Mapping[str, Any],
    vocabulary: Mapping[str, list[str]],
    seed: int,
    adversarial: bool,
    data: str | None = None,
) -> Networks:
    """Initialise networks; the same seed gives the same weights, whatever was drawn before.

    Args:
        sizes: the `generator` section of the configuration.
        vocabulary: `objects` and `predicates` by index.
        seed: training seed.
        adversarial: whether discriminators are needed.
        data: what tells the data set from others, kept in the signature.
    """
    objects, predicates = vocabulary["objects"], vocabulary["predicates"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "generator-weights"))
        generator = Generator(sizes, len(objects), len(predicates))
    # What a task is asked with is no part of the network.
    own = {name: value for name, value in sizes.items() if name != "synthesis"}
    signature = {"sizes": own, "objects": objects, "predicates": predicates}
    signature |= {"adversarial": adversarial, "data": data}
    discriminators = new_discriminators(sizes, len(objects), seed, "discriminators") if adversarial else None
    return Networks(generator, discriminators, signature)


def new_discriminators(sizes: Mapping[str, Any], categories: int, seed: int, role: str) -> Discriminators:
    """Initialise discriminators; `role` tells the stages apart that start with fresh ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, role))
        return Discriminators(sizes["discriminators"], categories)
