"""Models under attack on the tiny benchmark, real ones and planted ones."""

from pathlib import Path

import torch

from soulbench.evaluation.attacked import Attacked
from soulbench.evaluation.context import RequestContext
from soulbench.training.dataset import BenchmarkData


def attacked(benchmark, request="r1", kind=Attacked, checkpoint=None, **fields):
    """Return a model under attack: the original's weights, unless another checkpoint is given."""
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    model = str(checkpoint or benchmark.original)
    given = {"record": Path("none"), "before": Path("none"), "method": "planted", "seed": 1} | fields
    return kind(
        checkpoint=model,
        original=str(benchmark.original),
        context=RequestContext.of(data, data.requests[request]),
        data=data,
        networks=data.networks(1),
        device=torch.device("cpu"),
        **given,
    )
