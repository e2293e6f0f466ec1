"""The design of the bank of retrained models: which of them lacks which requests.

Each model is trained without the objects of about `share` of the requests, so one model is a reference for many
requests: of K models, each request has K x share that never saw its objects, and the others did. Single training
samples are audited this way (Carlini et al., "Membership Inference Attacks From First Principles", IEEE S&P 2022).
"""

import functools
import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.seeds import generator

#: Patterns among which the next request's is chosen, where there are more.
MOST_PATTERNS = 4_000


@functools.cache
def design(seed: int, requests: int, models: int, share: float) -> tuple[tuple[int, ...], ...]:
    """Return, for each request, the numbers of the models without its objects, counted from 1.

    One request after another gets the pattern that is best balanced with the earlier ones: each pair of requests is
    out together in about models x share^2 models, and the models lack about as many requests each. Ties are broken by
    the seed. A further request therefore changes no earlier pattern.
    """
    size = round(models * share)
    rng = generator(seed, "bank", models, size)
    patterns = np.zeros((0, models))
    chosen: list[np.ndarray] = []
    for _ in range(requests):
        if not len(patterns):
            patterns = _patterns(models, size, rng)
        overlaps = patterns @ np.array(chosen).reshape(-1, models).T
        uneven = ((overlaps - models * share**2) ** 2).sum(axis=1)
        lacked = (patterns + sum(chosen)).var(axis=1) * models
        best = np.lexsort((rng.random(len(patterns)), (uneven + lacked).round(9)))[0]
        chosen.append(patterns[best])
    return tuple(tuple((1 + np.flatnonzero(pattern)).tolist()) for pattern in chosen)


def check_apart(objects: Mapping[str, Iterable[str]]) -> None:
    """Check that no two requests share an object, so that a model can lack one of them and not the other.

    Args:
        objects: by request; each object in words.

    Raises:
        UserError: two requests share one.
    """
    owners: dict[str, str] = {}
    for request, ones in objects.items():
        for one in ones:
            owner = owners.setdefault(one, request)
            if owner != request:
                raise UserError(
                    f"requests {owner} and {request} share {one}, so that no model of the bank can lack one of them "
                    "and not the other; allowed: requests without common objects, or references: {bank: null}"
                )


def _patterns(models: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return patterns [P, models] of `size` ones: all of them, or so many random ones."""
    every = itertools.islice(itertools.combinations(range(models), size), MOST_PATTERNS + 1)
    rows = list(every)
    if len(rows) > MOST_PATTERNS:
        rows = [tuple(rng.permutation(models)[:size]) for _ in range(MOST_PATTERNS)]
    patterns = np.zeros((len(rows), models))
    patterns[np.arange(len(rows))[:, None], np.array(rows)] = 1
    return patterns
