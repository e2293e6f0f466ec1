"""Fisher-Noise: noise on every weight, the more the less the retained data need it; one shot.

Source: Golatkar et al., "Eternal Sunshine of the Spotless Net", CVPR 2020.
Adapted: the Fisher information is that of the loss with the weights 1 - W_r, in units of its mean, and has a floor.
Formula: theta + sigma (F_retain + floor)^(-1/4) n, n from N(0, 1); other draws are variants. A strength multiplies
sigma.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from soulbench.core.values import Natural, Positive
from soulbench.unlearning.fisher import noise
from soulbench.unlearning.task import OneShotMethod

LEVEL, FAMILY, PER_REQUEST = "object", "one-shot", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Fisher-Noise.

    Attributes:
        sigma: deviation of the noise on a weight of mean importance.
        floor: least importance, in units of the mean: it bounds the noise on weights that nothing depends on.
        draw: which noise is drawn.
    """

    sigma: Positive = 1e-3
    floor: Positive = 1e-2
    draw: Natural = 1


class Method(OneShotMethod):
    """Noise by importance."""

    def begin(self) -> None:
        """Draw the noise of strength 1."""
        self.noise = noise(self.task, self.parameters.draw, floor=self.parameters.floor)

    def weights(self, strength: float) -> Mapping[str, Tensor]:
        """Return the noisy weights."""
        old = dict(self.model.named_parameters())
        sigma = strength * self.parameters.sigma
        return {name: old[name].detach() + sigma * drawn for name, drawn in self.noise.items()}
