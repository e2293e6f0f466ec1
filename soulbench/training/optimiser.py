"""Which optimiser trains the generator."""

from torch import nn

from soulbench.training.adam import Adam
from soulbench.training.muon import Muon
from soulbench.training.schedule import Stage


def generator_optimiser(generator: nn.Module, stage: Stage) -> Adam | Muon:
    """Return a new optimiser of the kind that the stage asks for."""
    if stage.optimiser == "muon":
        return Muon(generator, stage.matrix_rate)
    return Adam(generator.parameters())
