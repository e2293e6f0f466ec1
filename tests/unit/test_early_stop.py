"""Early stop: it stops when it should, restores the best weights, and survives an interruption."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scenes_factory import no_log
from trainer_factory import CPU, LOSSES, STAGE, assert_equal, interrupt_at, state, train

from soulbench.core.errors import UserError
from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import UNCHANGED
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.masking import Masking
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.stages import train_stage
from soulbench.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("frequent_checks")


def early_stop_of(data, every=3, patience=2):
    return EarlyStop(data.batches(), data.heldout, every, patience)


def test_training_stops_when_the_validation_loss_no_longer_improves(data, tmp_path):
    constant = replace(STAGE, steps=40, learning_rate=0.0, frozen_statistics=True)
    early_stop, lines = early_stop_of(data), []
    _, result = train(data, tmp_path, constant, early_stop=early_stop, log=lines.append)
    assert (result.timing.steps, result.images, early_stop.best_step) == (9, 18, 3)
    assert any("9 of 40 steps; the weights of step 3 are kept" in line for line in lines)
    assert math.isfinite(result.losses["l1"])


def test_the_weights_of_the_best_validation_are_restored(data, tmp_path, monkeypatch):
    validations, late = [], []
    original, loss_of = EarlyStop.validate, EarlyStop._loss

    def worse_when_late(*arguments):
        return loss_of(*arguments) + 1000 * bool(late)

    def recording(early_stop, step, networks, *rest):
        late.extend([step] if step > 12 else [])  # so that the last validation is never the best
        loss = original(early_stop, step, networks, *rest)
        assert networks.generator.training  # the mode of the networks is as before
        validations.append((loss, step, state(networks)))
        return loss

    monkeypatch.setattr(EarlyStop, "validate", recording)
    monkeypatch.setattr(EarlyStop, "_loss", worse_when_late)
    monitor, longer = TrainingMonitor.off(), replace(STAGE, steps=24)
    networks, result = train(
        data, tmp_path, longer, early_stop=early_stop_of(data, patience=8), monitor=monitor
    )
    best = min(validations, key=lambda validation: validation[0])
    assert result.timing.steps == 24
    assert best[1] <= 12
    assert_equal(state(networks), best[2])
    recorded = [(row["validation"], row["step"]) for row in monitor.rows if "validation" in row]
    assert recorded == [validation[:2] for validation in validations]


def test_a_validation_depends_on_the_weights_alone(data):
    networks, objective = data.networks(1), Objective(LOSSES, None, None)
    early_stop, masking = early_stop_of(data), Masking(STAGE.masking, CPU.device)
    losses = [early_stop.validate(step, networks, objective, STAGE, masking, CPU) for step in (3, 6)]
    assert losses[0] == losses[1]
    of_each_image = [
        EarlyStop(data.batches(), [row], 1, 1).validate(1, networks, objective, STAGE, masking, CPU)
        for row in data.heldout
    ]
    assert np.mean(of_each_image) == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("moment", ["in the middle", "after the last step"])
def test_an_interrupted_run_stops_at_the_same_step(data, tmp_path, monkeypatch, moment):
    stage = replace(STAGE, steps=40, learning_rate=0.1, schedule="constant")
    whole, result = train(data, tmp_path / "whole", stage, early_stop=early_stop_of(data, every=2))
    assert result.timing.steps < 40, "choose a learning rate at which it stops early"
    original = Trainer._finish
    if moment == "in the middle":
        undo = interrupt_at(result.timing.steps - 3, monkeypatch)
    else:

        def failing(trainer):
            raise KeyboardInterrupt

        monkeypatch.setattr(Trainer, "_finish", failing)
        undo = lambda: monkeypatch.setattr(Trainer, "_finish", original)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "part", stage, early_stop=early_stop_of(data, every=2))
    undo()
    resumed, again = train(data, tmp_path / "part", stage, early_stop=early_stop_of(data, every=2))
    assert_equal(state(whole), state(resumed))
    assert (again.timing.steps, again.losses) == (result.timing.steps, result.losses)


def test_only_pre_training_stops_early(data, tmp_path):
    settings = data.config["training"] | {"early_stop": {"every": 1, "patience": 1}, "learning_rate": 0.5}
    validated = replace(data, config=data.config | {"training": settings}, validation=data.heldout)
    steps = {
        which: train_stage(
            validated, validated.networks(1), which, UNCHANGED, 1, WorkFolder(tmp_path / which, {}), no_log
        ).timing.steps
        for which in ("pretrain", "finetune")
    }
    assert steps["pretrain"] < settings["pretrain"]["steps"]
    assert steps["finetune"] == settings["finetune"]["steps"]
    without = replace(validated, validation=[])
    with pytest.raises(UserError, match=r"training\.early_stop: no image .* data\.split_shares\.val"):
        train_stage(without, without.networks(1), "pretrain", UNCHANGED, 1, WorkFolder(tmp_path, {}), no_log)
