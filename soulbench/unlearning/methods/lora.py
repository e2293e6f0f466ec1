"""LoRA: the loss of SalUn in low-rank adapters of the graph learner and of SPADE's gamma and beta; revocable.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
Adapted: the adapters are merged after every step, so that the models at all budgets are ordinary ones.
Formula: W = W_original + scale B A, B at first 0; L(theta) with the mean crop of the category in the target's RoI.
"""

from dataclasses import dataclass

from torch.func import functional_call

from soulbench.core.values import Natural, Positive
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.adapters import AdaptedMethod, Adapters
from soulbench.unlearning.plan import Plan, Request, Subset
from soulbench.unlearning.task import Losses

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True
ADAPTED = ("graph.layers.", ".modulate.")


@dataclass(frozen=True)
class Parameters:
    """Parameters of LoRA.

    Attributes:
        rank: of the adapters.
        scale: factor of the adapters: how fast they act at the common learning rate.
    """

    rank: Natural = 4
    scale: Positive = 8.0


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Teach the mean crop of the retained objects of the targets' categories in the targets' RoIs."""
    return Plan(edits=subset.edit_targets(request, fill="crops", crops=subset.retained(request)))


class Method(AdaptedMethod):
    """Fine-tuning of adapters."""

    def begin(self) -> None:
        """Make the adapters."""
        named = self.original.named_parameters()
        chosen = {n: p for n, p in named if p.dim() > 1 and any(part in n for part in ADAPTED)}
        self.trained = Adapters(
            chosen, self.parameters.rank, self.task.random("adapters"), self.parameters.scale
        )

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses of the adapted generator."""
        output = functional_call(self.model, self.trained.merged(), (batch, condition))
        return self.objective(output, batch, condition)
