"""How often an interval that says 95 % covers the truth, by simulation with a known truth.

    python benchmarks/coverage.py [--simulations 2000]

A measurement is request effect + seed effect + residual, all normal; the residual's standard deviation is 1. With two
seeds the truth is the mean over requests *for these seeds*, with more it is that over all requests and seeds. `skewed`:
request effects are exponential. `share`: the ratio of two such means, as the share forgotten is one, where the
denominator is 6 standard errors of 6 requests above 0. The table is in docs/metrics.md.
"""

import argparse

import numpy as np

from soulbench.analysis.bootstrap import FEWEST_COLUMNS, Bootstrap, Interval

REQUESTS, SEEDS, SEED_EFFECTS = (6, 12, 32), (2, 3, 5), (0.0, 0.5, 1.0, 2.0, 3.0)
REQUEST_EFFECT = 1.0
CASES = ("normal", "skewed", "share")
SHARE, WAY = 0.7, 9.0  # share forgotten, and mean way from the original to the retrained model


def covered(case: str, requests: int, seeds: int, seed_effect: float, simulations: int) -> float:
    """Return the share of simulated benchmarks whose interval contains the truth."""
    bootstrap = Bootstrap(resamples=1000, confidence=0.95, min_requests=2, seed=3)
    random = np.random.default_rng([CASES.index(case), requests, seeds, int(10 * seed_effect)])
    hits = 0
    for _ in range(simulations):
        truth, interval = _simulated(case, bootstrap, random, (requests, seeds), seed_effect)
        hits += interval.low <= truth <= interval.high
    return hits / simulations


def _simulated(
    case: str,
    bootstrap: Bootstrap,
    random: np.random.Generator,
    shape: tuple[int, int],
    seed_effect: float,
) -> tuple[float, Interval]:
    of_requests = (
        random.exponential(1, (shape[0], 1)) - 1 if case == "skewed" else random.normal(0, 1, (shape[0], 1))
    )
    of_seeds = seed_effect * random.normal(0, 1, (1, shape[1]))
    values = REQUEST_EFFECT * of_requests + of_seeds + random.normal(0, 1, shape)
    these_seeds = float(of_seeds.mean()) if shape[1] < FEWEST_COLUMNS else 0.0
    if case != "share":
        return these_seeds, bootstrap.interval(values)
    way = WAY + 3 * random.normal(0, 1, (shape[0], 1)) + random.normal(0, 1, shape)
    ratio = bootstrap.ratio(bootstrap.mean(SHARE * way + values), bootstrap.mean(way))
    return SHARE + these_seeds / WAY, ratio


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    simulations = parser.parse_args().simulations
    print(f"| case | requests | seeds | {' | '.join(f'seed effect {effect:g}' for effect in SEED_EFFECTS)} |")
    print("|---" * (3 + len(SEED_EFFECTS)) + "|")
    for case in CASES:
        for requests in REQUESTS:
            for seeds in SEEDS:
                shares = [covered(case, requests, seeds, effect, simulations) for effect in SEED_EFFECTS]
                cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
                print(f"| {case} | {requests} | {seeds} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
