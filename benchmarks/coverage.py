"""How often an interval that says 95 % covers the truth, by simulation with a known truth.

    python benchmarks/coverage.py [--simulations 2000]

A measurement is request effect + seed effect + residual, all normal; the residual's standard deviation is 1. With two
seeds the truth is the mean over requests *for these seeds*, with more it is that over all requests and seeds. `skewed`:
request effects are exponential. `share`: the ratio of two such means, as the share forgotten is one, where the
denominator is 6 standard errors of 6 requests above 0; where it is not certain to be above 0, no interval is printed.
`bank`: minus the mean of the models of a bank that never saw the request, half of 16, each with an effect of its own on
all requests. The table is in docs/metrics.md: of the intervals that are printed, how many cover; in parentheses, how
many are not printed, where that is more than one in a hundred.
"""

import argparse

import numpy as np

from soulbench.analysis.bootstrap import FEWEST_COLUMNS, RETRAINED, Bootstrap, Interval

REQUESTS, SEEDS, SEED_EFFECTS = (6, 12, 32), (2, 3, 5), (0.0, 0.5, 1.0, 2.0, 3.0)
REQUEST_EFFECT = 1.0
CASES = ("normal", "skewed", "share", "bank")
SHARE, WAY = 0.7, 9.0  # share forgotten, and mean way from the original to the retrained model
BANK = 16


def covered(
    case: str, requests: int, seeds: int, seed_effect: float, simulations: int
) -> tuple[float, float]:
    """Return the share of printed intervals that contain the truth, and that of simulated benchmarks with none."""
    bootstrap = Bootstrap(resamples=1000, confidence=0.95, min_requests=2, seed=3)
    random = np.random.default_rng([CASES.index(case), requests, seeds, int(10 * seed_effect)])
    hits = printed = 0
    for _ in range(simulations):
        truth, interval = _simulated(case, bootstrap, random, (requests, seeds), seed_effect)
        hits += interval.low <= truth <= interval.high
        printed += not np.isnan(interval.low)
    return hits / printed, 1 - printed / simulations


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
    if case == "bank":
        models = random.normal(0, 1, (1, BANK)) + random.normal(0, 1, (shape[0], BANK))
        saw = random.permuted(np.tile(np.arange(BANK) < BANK // 2, (shape[0], 1)), axis=1)
        out = np.where(saw, np.nan, REQUEST_EFFECT * of_requests + models)
        return these_seeds, bootstrap.interval(bootstrap.mean(values) - bootstrap.mean(out, RETRAINED))
    if case != "share":
        return these_seeds, bootstrap.interval(values)
    way = WAY + 3 * random.normal(0, 1, (shape[0], 1)) + random.normal(0, 1, shape)
    ratio = bootstrap.ratio(bootstrap.mean(SHARE * way + values), bootstrap.mean(way))
    return SHARE + these_seeds / WAY, ratio


def _cell(share: float, silent: float) -> str:
    return f"{100 * share:.1f} %" + (f" ({100 * silent:.0f} %)" if silent > 0.01 else "")


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
                cells = " | ".join(
                    _cell(*covered(case, requests, seeds, effect, simulations)) for effect in SEED_EFFECTS
                )
                print(f"| {case} | {requests} | {seeds} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
