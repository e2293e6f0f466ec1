"""Early stop: it stops where it should, gives the best weights, and an interruption changes nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scenes_factory import no_log
from trainer_factory import CPU, LOSSES, STAGE, assert_equal, killed_at, state, train

from soulbench.core.errors import UserError
from soulbench.training import monitor as monitor
from soulbench.training import trainer as loop
from soulbench.training.dataset import UNCHANGED
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.stages import train_stage

pytestmark = pytest.mark.usefixtures("looks_often")


def early_stop(data, every=3, patience=2):
    return EarlyStop(data.batches(), data.heldout, every, patience)


def test_it_stops_when_the_validation_loss_gets_no_better(data, tmp_path):
    still = replace(STAGE, steps=40, learning_rate=0.0, frozen_statistics=True)
    early, lines = early_stop(data), []
    _, facts = train(data, tmp_path, still, early=early, log=lines.append)
    assert (facts["steps"], facts["images"], early.best_step) == (9, 18, 3)
    assert any("9 of 40 steps; the weights of step 3 are kept" in line for line in lines)
    assert math.isfinite(facts["losses"]["l1"])


def test_the_weights_of_the_best_look_are_kept(data, tmp_path, monkeypatch):
    looks, original, loss_of, late = [], EarlyStop.look, EarlyStop._loss, []

    def spoiled(*arguments):
        return loss_of(*arguments) + 1000 * bool(late)

    def followed(early, step, networks, *rest):
        late.extend(
            [step] if step > 12 else []
        )  # so that the last look is not the best, whatever the machine
        loss = original(early, step, networks, *rest)
        assert networks.generator.training  # the look leaves the networks as it found them
        looks.append((loss, step, state(networks)))
        return loss

    monkeypatch.setattr(EarlyStop, "look", followed)
    monkeypatch.setattr(EarlyStop, "_loss", spoiled)
    seen = monitor.TrainingMonitor.off()
    longer = replace(STAGE, steps=24)
    networks, facts = train(data, tmp_path, longer, early=early_stop(data, patience=8), seen=seen)
    best = min(looks, key=lambda look: look[0])
    assert facts["steps"] == 24
    assert best[1] <= 12
    assert_equal(state(networks), best[2])
    shown = [(row["validation"], row["step"]) for row in seen.rows if "validation" in row]
    assert shown == [look[:2] for look in looks]


def test_a_look_depends_on_the_weights_alone(data):
    networks, objective = data.networks(1), Objective(LOSSES, None, None)
    early = early_stop(data)
    found = [early.look(step, networks, objective, STAGE, CPU) for step in (3, 6)]
    assert found[0] == found[1]
    halves = [
        EarlyStop(data.batches(), [row], 1, 1).look(1, networks, objective, STAGE, CPU)
        for row in data.heldout
    ]
    assert np.mean(halves) == pytest.approx(found[0], rel=1e-5)


@pytest.mark.parametrize("place", ["in the middle", "after the last step"])
def test_an_interrupted_training_stops_where_it_would_have(data, tmp_path, monkeypatch, place):
    stage = replace(STAGE, steps=40, learning_rate=0.1, schedule="constant")
    whole, facts = train(data, tmp_path / "whole", stage, early=early_stop(data, every=2))
    assert facts["steps"] < 40, "choose a rate at which it stops early"
    original = loop._Run.finish
    if place == "in the middle":
        revive = killed_at(facts["steps"] - 3, monkeypatch)
    else:

        def dying(run):
            raise KeyboardInterrupt

        monkeypatch.setattr(loop._Run, "finish", dying)
        revive = lambda: monkeypatch.setattr(loop._Run, "finish", original)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "part", stage, early=early_stop(data, every=2))
    revive()
    resumed, again = train(data, tmp_path / "part", stage, early=early_stop(data, every=2))
    assert_equal(state(whole), state(resumed))
    assert (again["steps"], again["losses"]) == (facts["steps"], facts["losses"])


def test_only_pre_training_stops_early(data, tmp_path):
    settings = data.config["training"] | {"early_stop": {"every": 1, "patience": 1}, "learning_rate": 1e-12}
    judged = replace(data, config=data.config | {"training": settings}, validation=data.heldout)
    made = {
        which: train_stage(judged, judged.networks(1), which, UNCHANGED, 1, tmp_path / which, no_log)["steps"]
        for which in ("pretrain", "finetune")
    }
    assert made["pretrain"] < settings["pretrain"]["steps"]
    assert made["finetune"] == settings["finetune"]["steps"]
    with pytest.raises(UserError, match=r"training\.early_stop: no image .* data\.split_shares\.val"):
        train_stage(
            replace(judged, validation=[]), judged.networks(1), "pretrain", UNCHANGED, 1, tmp_path, no_log
        )
