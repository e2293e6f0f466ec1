"""Adam's moments at the end of a training stage, saved beside its checkpoint: unlearning may start with them.

A new Adam knows nothing of the gradients: its first steps move every weight by the whole learning rate, whatever its
gradient is, so that a model that has nothing to learn drifts all the same (docs/divergences.md).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from soulbench.core import checkpoint
from soulbench.core.errors import UserError
from soulbench.training.adam import Adam
from soulbench.training.muon import Muon
from soulbench.training.networks import Networks

Optimisers = Mapping[str, Adam | Muon]


def save_moments(path: str | Path, networks: Networks, optimisers: Optimisers) -> None:
    """Write the moments and numbers of steps of every parameter.

    Muon's matrices have moments as well: those that Adam would have had of the same gradients.

    Args:
        path: the `.safetensors` file.
        networks: what the optimisers train.
        optimisers: by the name of the network.
    """
    tensors = dict(_named(networks, optimisers))
    checkpoint.save(path, tensors, {"signature": dict(networks.signature)})


def load_moments(path: str | Path, networks: Networks, optimisers: Optimisers) -> str:
    """Start optimisers with saved moments; return their checksum.

    Raises:
        UserError: no such file, one of other networks, or one that lacks a parameter.
    """
    tensors, _ = checkpoint.load(path, {"signature": dict(networks.signature)})
    for name, value in _named(networks, optimisers):
        if name not in tensors:
            raise UserError(f"{path}: it has no {name}; make it anew by the rules pretrain and finetune")
        value.copy_(tensors[name])  # not replaced: a fused step needs the parameters' memory format
    return checkpoint.checksum(tensors)


def _named(networks: Networks, optimisers: Optimisers) -> Iterator[tuple[str, Tensor]]:
    """Yield Adam's state, tensor by tensor, under the names of the parameters."""
    modules = networks.modules()
    names: dict[Tensor, str] = {parameter: name for name, parameter in modules.named_parameters()}
    for optimiser in optimisers.values():
        parts = (optimiser.adam, optimiser.watched) if isinstance(optimiser, Muon) else (optimiser,)
        for part in parts:
            for kind, values in part.state.items():
                for parameter, value in zip(part.parameters, values, strict=True):
                    if (
                        parameter in names
                    ):  # parameters of a method's own, such as adapters, have none to start with
                        yield f"{names[parameter]}.{kind}", value
