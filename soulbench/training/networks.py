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
    """The generator, its discriminators, and what they were built for.

    Attributes:
        generator: the generator.
        discriminators: None where no adversarial loss is used.
        signature: sizes and vocabularies; a checkpoint of another signature is refused.
    """

    generator: Generator
    discriminators: Discriminators | None
    signature: Mapping[str, Any]

    def modules(self) -> nn.ModuleDict:
        """Return all networks as one module, for state dicts and devices."""
        named = {"generator": self.generator, "discriminators": self.discriminators}
        return nn.ModuleDict({name: module for name, module in named.items() if module is not None})

    def save(self, path: str | Path, **metadata: Any) -> None:
        """Write a checkpoint, the signature and `metadata` with it."""
        checkpoint.save(path, self.modules().state_dict(), {"signature": dict(self.signature), **metadata})

    def load(self, path: str | Path) -> None:
        """Read a checkpoint into these networks.

        Raises:
            UserError: no such checkpoint, or one of another signature.
        """
        tensors, _ = checkpoint.load(path, {"signature": dict(self.signature)})
        self.modules().load_state_dict(tensors)


def build(
    sizes: Mapping[str, Any],
    vocabulary: Mapping[str, list[str]],
    seed: int,
    adversarial: bool,
    data: str | None = None,
) -> Networks:
    """Initialise networks; the weights depend on the seed alone, not on PyTorch's random state.

    Args:
        sizes: the `generator` section of the configuration.
        vocabulary: `objects` and `predicates` by index.
        seed: training seed.
        adversarial: whether discriminators are needed.
        data: identifies the data set in the signature.
    """
    objects, predicates = vocabulary["objects"], vocabulary["predicates"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "generator-weights"))
        generator = Generator(sizes, len(objects), len(predicates))
    # The settings of the synthesis task are not part of the network.
    architecture = {name: value for name, value in sizes.items() if name != "synthesis"}
    signature: dict[str, Any] = {"sizes": architecture, "objects": objects, "predicates": predicates}
    signature |= {"adversarial": adversarial, "data": data}
    discriminators = new_discriminators(sizes, len(objects), seed, "discriminators") if adversarial else None
    return Networks(generator, discriminators, signature)


def new_discriminators(sizes: Mapping[str, Any], categories: int, seed: int, role: str) -> Discriminators:
    """Initialise discriminators; stages that start with fresh ones use different roles, and so other weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, role))
        return Discriminators(sizes["discriminators"], categories)
