"""The design of the bank: which retrained model lacks which requests."""

import itertools
import math

import pytest

from soulbench.config.bank import design

SHAPES = [(6, 4, 0.5), (8, 4, 0.5), (36, 16, 0.5), (36, 16, 0.25), (24, 20, 0.5), (5, 6, 0.5)]


def together(rows):
    """Return, for each pair of requests, how many models lack both."""
    return [len(set(a) & set(b)) for a, b in itertools.combinations(rows, 2)]


@pytest.mark.parametrize(("requests", "models", "share"), SHAPES)
def test_every_request_is_out_of_its_share_of_the_models(requests, models, share):
    rows = design(0, requests, models, share)
    assert len(rows) == requests
    for row in rows:
        assert len(set(row)) == models * share and set(row) <= set(range(1, models + 1))


@pytest.mark.parametrize(("requests", "models", "share"), SHAPES)
def test_pairs_are_out_together_about_as_often_as_by_chance(requests, models, share):
    counts = together(design(0, requests, models, share))
    assert sum(counts) / len(counts) == pytest.approx(models * share**2, abs=0.35)
    # No two requests have the same models as references, where there are enough patterns.
    assert max(counts) < models * share or requests > math.comb(models, round(models * share))


@pytest.mark.parametrize(("requests", "models", "share"), SHAPES)
def test_models_lack_about_as_many_requests_each(requests, models, share):
    rows = design(0, requests, models, share)
    lacked = [sum(number in row for row in rows) for number in range(1, models + 1)]
    assert max(lacked) - min(lacked) <= 2


def test_a_further_request_changes_no_earlier_one():
    assert design(0, 12, 8, 0.5)[:7] == design(0, 7, 8, 0.5)


def test_the_seed_decides():
    assert design(0, 12, 8, 0.5) == design.__wrapped__(0, 12, 8, 0.5) != design(1, 12, 8, 0.5)
