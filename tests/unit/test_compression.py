"""Compression: rounding and pruning by hand, and what they bring back of a pair of models built to show it."""

import types

import numpy as np
import pytest
import torch
from torch import nn

from soulbench.attacks.compression import Parameters, attack, pruned, rounded
from soulbench.core.terms import TASKS

STEPS = 127  # of 8 bits, on either side of 0


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        # Steps of 1 / 7 of the largest magnitude: 0.45 is 3.15 of them, 0.05 a third of one, 0.1 more than half.
        (4, [[1.0, -3 / 7], [0.0, 1 / 7]]),
        (2, [[1.0, 0.0], [0.0, 0.0]]),
        (8, [[1.0, -57 / 127], [6 / 127, 13 / 127]]),
    ],
)
def test_weights_are_rounded_to_equal_steps_up_to_the_largest(bits, expected):
    weight = torch.tensor([[1.0, -0.45], [0.05, 0.1]])
    assert rounded(weight, bits).tolist() == [pytest.approx(row) for row in expected]
    assert rounded(7 * weight, bits).tolist() == [
        pytest.approx([7 * value for value in row]) for row in expected
    ]


def test_sixteen_bits_are_those_of_bfloat16():
    weight = torch.tensor([[1 + 2**-9, 3.0, -1 - 2**-7]])
    assert rounded(weight, 16).tolist() == [[1.0, 3.0, -1 - 2**-7]]


def test_weights_that_are_all_zero_stay_so():
    assert not rounded(torch.zeros(2, 2), 8).any()
    assert not pruned(torch.zeros(2, 2), 0.5).any()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, [[0.1, -0.4], [0.3, -0.2]]),
        (0.2, [[0.1, -0.4], [0.3, -0.2]]),
        (0.25, [[0.0, -0.4], [0.3, -0.2]]),
        (0.6, [[0.0, -0.4], [0.3, 0.0]]),
        (1.0, [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_the_smallest_weights_are_pruned(share, expected):
    weight = torch.tensor([[0.1, -0.4], [0.3, -0.2]])
    assert pruned(weight, share).tolist() == [pytest.approx(row) for row in expected]


class Drawing:
    """A model that draws its weights, in grey levels: rounded to 8 bits, they are whole."""

    def __init__(self, weight: torch.Tensor, truth: torch.Tensor):
        self.weight, self.truth = weight, truth
        self.request, self.scene, self.visual = types.SimpleNamespace(id="r1"), None, None

    def load(self) -> nn.Module:
        self.layer = nn.Linear(*self.weight.shape)
        with torch.no_grad():
            self.layer.weight.copy_(self.weight)
        return self.layer

    def generate(self, scenes: list, visual: list, task: str) -> np.ndarray:
        return self.layer.weight.detach().numpy()[None] * STEPS

    def error(self, images: np.ndarray) -> list[float]:
        return [float(np.abs(image - self.truth.numpy() * STEPS).mean()) for image in images]


def found(weight, truth, **parameters):
    """Return the outcomes of both tasks, which are alike, by budget and metric."""
    outcomes = list(attack([Drawing(weight, truth)], Parameters(**parameters)))
    by_task = [
        {(one.budget, one.metric): one.value for one in outcomes if one.task == task} for task in TASKS
    ]
    assert by_task[0] == by_task[1]
    return by_task[0]


@pytest.fixture
def original():
    """Weights that 8 bits hold exactly, the largest of them 1."""
    levels = torch.randint(-STEPS, STEPS + 1, (12, 12), generator=torch.Generator().manual_seed(0))
    levels[0, 0] = STEPS
    return levels / STEPS


def test_a_difference_below_the_rounding_step_is_gone_when_weights_are_rounded(original):
    signs = torch.where(original > 0, -1, 1)
    signs[0, 0] = 0  # the largest weight, and with it the step, stays
    unlearned = original + 0.4 * signs / STEPS
    outcomes = found(unlearned, original, bits=(8, 4), pruned=())
    assert outcomes[32.0, "error"] == pytest.approx(0.4 * 143 / 144, abs=1e-4)
    assert outcomes[8.0, "error"] == pytest.approx(0, abs=1e-4)
    assert outcomes[32.0, "recovered"] == pytest.approx(0.4 * 143 / 144, abs=2e-4)
    assert outcomes[32.0, "least-error"] == pytest.approx(
        outcomes[32.0, "error"] - outcomes[32.0, "recovered"]
    )
    # A difference of more than half a step is there to stay.
    kept = found(original + 0.9 * signs / STEPS, original, bits=(8,), pruned=())
    assert kept[8.0, "error"] == pytest.approx(143 / 144, abs=1e-4)
    assert kept[32.0, "recovered"] == 0


def test_a_compressed_original_is_no_better_than_the_original(original):
    outcomes = found(original, original)
    assert outcomes[32.0, "error"] == outcomes[32.0, "recovered"] == 0
    assert all(value >= 0 for value in outcomes.values())
    errors = [outcomes[bits, "error"] for bits in (8.0, 6.0, 4.0)]
    assert errors == sorted(errors) and errors[-1] > 1
    assert outcomes[22.4, "error"] < outcomes[12.8, "error"], "more is pruned"
