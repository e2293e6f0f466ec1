"""Cost of a product with the Hessian, in gradients, for the graph learner at the paper's sizes.

    OMP_NUM_THREADS=2 python benchmarks/hessian.py [--batch 4] [--rounds 3]

The learning loss is that of configs/visual-genome.yaml on random scenes, with VGG networks of seeded weights. Timed
in turns: a gradient (forward and backward pass), and a product as soulbench.unlearning.influence computes it, with
the graph of the gradient kept between products (one chunk of images) and with it rebuilt for each (several chunks).
Printed are medians, and in the last line their ratios.
"""

import argparse
import statistics
import time

import torch
from train_step import Bench

from soulbench.unlearning.influence import Redaction, learning_loss

MODULE = "graph"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    bench = Bench("float32", chosen.batch, torch.device("cpu"))
    bench.networks.modules().eval()
    redaction = Redaction(bench.networks.generator, MODULE)
    vector = torch.randn(redaction.size)

    def loss() -> torch.Tensor:
        return learning_loss(bench.objective, bench.networks.generator, bench.batch, bench.condition)

    def zero() -> torch.Tensor:
        return sum(p.sum() for p in redaction.parameters.values()) * 0

    kept, rebuilt = redaction.hessian(loss), redaction.hessian(loss, zero)
    cases = {
        "gradient": lambda: redaction.gradient(loss()),
        "product, graph kept": lambda: kept(vector),
        "product, graph rebuilt": lambda: rebuilt(vector),
    }
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(chosen.rounds + 1):
        for name, compute in cases.items():
            started = time.perf_counter()
            compute()
            spent[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(seconds[1:]) for name, seconds in spent.items()}
    for name, seconds in medians.items():
        print(f"{name:22} {seconds:7.3f} s")
    kept, rebuilt = (medians[f"product, graph {name}"] / medians["gradient"] for name in ("kept", "rebuilt"))
    print(f"ratio kept={kept:.2f} rebuilt={rebuilt:.2f}")


if __name__ == "__main__":
    main()
