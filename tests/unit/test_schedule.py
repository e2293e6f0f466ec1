"""Learning rates and the order of images: pure functions of a stage's settings."""

from dataclasses import replace

import numpy as np
import pytest
from trainer_factory import STAGE

from soulbench.training.schedule import learning_rate, rows_of_step


def test_a_cosine_schedule_ends_at_zero():
    rates = [learning_rate(STAGE, step) for step in range(9)]
    assert rates[0] == STAGE.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 * STAGE.learning_rate
    constant = replace(STAGE, schedule="constant")
    assert {learning_rate(constant, step) for step in range(9)} == {STAGE.learning_rate}


def test_a_linear_schedule_falls_by_equal_steps():
    linear = replace(STAGE, schedule="linear", steps=4)
    assert [learning_rate(linear, step) for step in range(4)] == pytest.approx(
        [STAGE.learning_rate * left for left in (1, 0.75, 0.5, 0.25)]
    )


def test_the_learning_rate_rises_to_its_schedule():
    stage = replace(STAGE, schedule="linear", steps=10, warmup=4)
    rates = [learning_rate(stage, step) / STAGE.learning_rate for step in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize(("count", "batch"), [(5, 2), (6, 3), (7, 1), (4, 9), (1, 3)])
def test_every_row_comes_once_per_epoch(count, batch):
    rows = [10 * i for i in range(count)]
    stage = replace(STAGE, batch=batch)
    stream = [row for step in range(3 * count) for row in rows_of_step(rows, stage, step)]
    epochs = np.array(stream[: len(stream) // count * count]).reshape(-1, count)
    assert (np.sort(epochs, axis=1) == rows).all()
    assert len(epochs) >= 3
    assert count == 1 or len({tuple(epoch) for epoch in epochs.tolist()}) > 1


def test_stages_of_other_names_have_other_orders():
    rows = list(range(20))
    first = rows_of_step(rows, STAGE, 0), rows_of_step(rows, STAGE, 1)
    other = replace(STAGE, name="unlearning")
    assert first != (rows_of_step(rows, other, 0), rows_of_step(rows, other, 1))
