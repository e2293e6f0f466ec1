"""Multiply-adds of a training step, a Hessian product, an output and a comparison, counted without computing them.

The networks, losses and optimisers are the package's own, on PyTorch's meta device: tensors there have shapes, but no
values and no memory. `torch.utils.flop_counter` counts what matrix products and convolutions do; nothing else takes
noticeable work. tests/unit/test_counting.py compares the counts with those of real training steps and solves.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from soulbench.core import device as devices
from soulbench.data.batches import Batch
from soulbench.evaluation import lpips_backbone
from soulbench.evaluation.metrics import CROP
from soulbench.evaluation.outputs import CHUNK
from soulbench.models.generator import Condition
from soulbench.models.visual_features import VisualFeatures
from soulbench.planning.sizes import Sizes
from soulbench.training.adam import Adam
from soulbench.training.losses import Objective, uses_discriminators
from soulbench.training.muon import Muon
from soulbench.training.networks import build
from soulbench.training.optimiser import generator_optimiser
from soulbench.training.stages import stage_of
from soulbench.unlearning.influence import Redaction, learning_loss

META = torch.device("meta")
UPDATE = {"name": "update", "steps": 1, "batch": 1}


def multiply_adds(compute: Callable[[], object]) -> float:
    """Return the multiply-adds of all matrix products and convolutions of a call."""
    with FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops() / 2


@dataclass(frozen=True)
class Step:
    """One update of all optimisers.

    Attributes:
        work: multiply-adds, the optimisers' products included.
        saved: values that the forward pass keeps for the backward pass.
    """

    work: float
    saved: int


@dataclass(frozen=True)
class Products:
    """Products with the Hessian of the learning loss of some images.

    Attributes:
        gradient: multiply-adds of the gradient whose graph the products need.
        product: multiply-adds of one product, from that graph.
        saved: values that the graph keeps.
    """

    gradient: float
    product: float
    saved: int


class WorkCounter:
    """Counts the work of a benchmark's parts on scenes of typical size.

    Args:
        config: the whole configuration.
        sizes: of the data.
        full: whether products are in float32 on a CPU, where some convolutions take fewer multiplications
            (`soulbench.models.winograd`); in bfloat16 and on a GPU they do not.
    """

    def __init__(self, config: Mapping[str, Any], sizes: Sizes, full: bool):
        self.config, self.sizes = config, sizes
        self.dtype = torch.float32 if full else torch.bfloat16
        losses = config["training"]["losses"]
        names = {
            kind: [str(index) for index in range(count)]
            for kind, count in (("objects", sizes.categories), ("predicates", sizes.predicates))
        }
        with META:
            self.networks = build(config["generator"], names, 0, uses_discriminators(losses))
            # Seeded weights: counting needs no trained ones.
            self.objective = Objective(losses, self.networks.discriminators, "seeded")
        self.networks.modules().to(self.dtype)
        self.objective.to(self.dtype)
        # Counted once for equal arguments, which several stages have.
        self.step, self.products = functools.cache(self._step), functools.cache(self._products)

    @classmethod
    def of(cls, config: Mapping[str, Any], sizes: Sizes) -> Self:
        """Return the counter of what the configured device does in the configured precision."""
        on_cpu = config["device"] != "gpu" and devices.prepare(config["device"]).type == "cpu"
        return cls(config, sizes, on_cpu and config["training"]["precision"] == "float32")

    def _step(self, images: int, optimiser: str) -> Step:
        """Count one update on so many images with the generator's optimiser, "adam" or "muon"."""
        generator, discriminators = self.networks.generator, self.networks.discriminators
        stage = stage_of({**UPDATE, "optimiser": optimiser}, self.config["training"], 0)
        self.networks.modules().train()
        optimisers: list[Adam | Muon] = [generator_optimiser(generator, stage)]
        if discriminators is not None:
            optimisers.append(Adam(discriminators.parameters()))
        batch, condition, values = *self._batch(images), list[int]()
        grey = self.config["training"]["masking"]["grey_features"]
        features = len(batch.boxes) * self.visual_features if grey else 0.0

        def update() -> None:
            with self._saving() as saved:
                losses = self.objective(generator(batch, condition), batch, condition)
            values.append(_size(saved))
            losses.backward(*(optimiser.parameters for optimiser in optimisers))
            for optimiser in optimisers:
                optimiser.step(1.0)

        return Step(features + multiply_adds(update), values[0])

    def _products(self, images: int, module: str) -> Products:
        """Count a gradient of the learning loss of so many images, and a product with its Hessian."""
        generator = self.networks.generator
        self.networks.modules().eval()
        redaction = Redaction(generator, module)
        batch, condition = self._batch(images)
        products: list[Callable[[Tensor], Tensor]] = []

        def prepare() -> None:
            products.append(
                redaction.hessian(lambda: learning_loss(self.objective, generator, batch, condition))
            )

        with self._saving() as saved:
            gradient = multiply_adds(prepare)
        vector = torch.empty(redaction.size, dtype=self.dtype, device=META)
        return Products(gradient, multiply_adds(lambda: products[0](vector)), _size(saved))

    @functools.cached_property
    def output(self) -> float:
        """Multiply-adds of one generated image."""
        images = min(CHUNK, self.sizes.subset + self.sizes.heldout)
        self.networks.modules().eval()
        inputs = self._batch(images)
        with torch.no_grad():
            return multiply_adds(lambda: self.networks.generator(*inputs)) / images

    @functools.cached_property
    def comparison(self) -> float:
        """Multiply-adds of LPIPS between two regions."""
        distance = lpips_backbone.build({**self.config["evaluation"]["lpips"], "weights": "seeded"}).to(META)
        crops = torch.empty(2, 1, 3, CROP, CROP, device=META)
        return multiply_adds(lambda: lpips_backbone.between(distance, *crops))

    @functools.cached_property
    def visual_features(self) -> float:
        """Multiply-adds of one object's visual features."""
        extractor = VisualFeatures({**self.config["generator"]["visual"], "weights": "seeded"}).to(META)
        side = self.config["data"]["image_size"]
        image, box = torch.empty(1, 3, side, side, device=META), torch.empty(1, 4, device=META)
        return multiply_adds(lambda: extractor(image, box))

    def bytes_of_checkpoint(self) -> int:
        """Return the size of a checkpoint: weights and statistics in float32."""
        return 4 * sum(value.numel() for value in self.networks.modules().state_dict().values())

    def parameters(self) -> tuple[int, int]:
        """Return the numbers of trained and of frozen values."""
        trained = sum(p.numel() for p in self.networks.modules().parameters())
        return trained, sum(p.numel() for p in self.objective.parameters())

    def _batch(self, images: int) -> tuple[Batch, Condition]:
        """Return scenes of typical size, and what the generator sees of them."""
        sizes, side = self.sizes, self.config["data"]["image_size"]
        objects, triples = round(images * sizes.objects), round(images * sizes.triples)

        def values(*shape: int, dtype: torch.dtype = self.dtype) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=META)

        batch = Batch(
            image_ids=tuple(range(images)),
            object_ids=tuple(range(objects)),
            images=values(images, 3, side, side),
            targets=values(images, 3, side, side),
            weights=values(images, 1, side, side),
            guidance=values(images, 1, side, side),
            sign=values(images),
            visual=values(objects, self.config["generator"]["visual"]["features"]),
            categories=values(objects, dtype=torch.int64),
            boxes=values(objects, 4),
            triples=values(triples, 3, dtype=torch.int64),
            image_of=values(objects, dtype=torch.int64),
            slot_index=values(objects, dtype=torch.int64),
            slots=sizes.slots,
            object_count=float(objects),
        )
        hidden, noise = values(images, 1, side, side), values(images, 3, side, side)
        redrawn = values(round(objects * self._redrawn_share()), dtype=torch.int64)
        return batch, Condition(hidden, noise, values(objects, 1), values(objects, 1), redrawn, values())

    def _redrawn_share(self) -> float:
        """Return the expected share of nodes that the object discriminator judges."""
        masking = self.config["training"]["masking"]
        visible = (1 - masking["box"]) * (1 - masking["feature"]) * (1 - masking["hide_image"])
        return (1 - visible) * (1 - 1 / self.sizes.objects) if visible < 1 else 1.0

    @contextmanager
    def _saving(self) -> Iterator[dict[int, Tensor]]:
        """Collect what is saved for a backward pass, each storage once, without the networks' own tensors."""
        own = {
            t.untyped_storage()._cdata for m in (self.networks.modules(), self.objective) for t in _tensors(m)
        }
        saved: dict[int, Tensor] = {}

        def keep(tensor: Tensor) -> Tensor:
            # Kept alive: the address of a freed storage is used again.
            if tensor.is_floating_point() and (key := tensor.untyped_storage()._cdata) not in own:
                saved[key] = tensor
            return tensor

        with saved_tensors_hooks(keep, lambda tensor: tensor):
            yield saved


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _size(tensors: Mapping[int, Tensor]) -> int:
    """Return the number of values in the tensors' storages."""
    return sum(tensor.untyped_storage().nbytes() // tensor.itemsize for tensor in tensors.values())
