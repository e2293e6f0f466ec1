"""Adam's moments are saved with a checkpoint, and unlearning may start with them."""

from dataclasses import replace

import pytest
import torch
from networks_factory import networks
from trainer_factory import CPU, LOSSES, STAGE, state, trainer_of

from soulbench.core import checkpoint
from soulbench.core.errors import UserError
from soulbench.training.losses import Objective
from soulbench.training.moments import load_moments, save_moments
from soulbench.training.trainer import Trainer

CONSTANT = replace(STAGE, schedule="constant", frozen_statistics=True)


def steps(trainer, first, count):
    for step in range(first, first + count):
        trainer.train_step(step, trainer.micro_batches(step))


def resumed(data, nets, path, stage=CONSTANT):
    objective = Objective(LOSSES, nets.discriminators, None)
    return Trainer(nets, objective, data.batches(), data.subset, stage, CPU, moments=path)


def test_a_training_that_resumes_its_moments_is_one_that_never_stopped(data, tmp_path):
    whole = data.networks(1)
    trainer = trainer_of(data, whole, CONSTANT)
    steps(trainer, 0, 3)
    trainer.save_moments(tmp_path / "moments.safetensors")
    parts, fresh = data.networks(2), data.networks(2)
    for nets in (parts, fresh):
        nets.modules().load_state_dict(whole.modules().state_dict())
    steps(trainer, 3, 2)
    steps(resumed(data, parts, tmp_path / "moments.safetensors"), 3, 2)
    steps(trainer_of(data, fresh, CONSTANT), 3, 2)
    expected = state(whole)
    assert all(torch.equal(value, expected[name]) for name, value in state(parts).items())
    assert not all(torch.equal(value, expected[name]) for name, value in state(fresh).items())


def test_muon_leaves_the_moments_that_adam_would_have_of_the_same_gradients(data, tmp_path):
    first, second = data.networks(1), data.networks(1)
    for name, nets, optimiser in (("adam", first, "adam"), ("muon", second, "muon")):
        trainer = trainer_of(data, nets, replace(CONSTANT, optimiser=optimiser))
        # At a rate of 0 both see the same weights, and so the same gradients.
        trainer.stage = replace(trainer.stage, learning_rate=0.0)
        steps(trainer, 0, 3)
        trainer.save_moments(tmp_path / f"{name}.safetensors")
    of_adam, of_muon = (checkpoint.load(tmp_path / f"{name}.safetensors")[0] for name in ("adam", "muon"))
    assert of_adam.keys() == of_muon.keys()
    assert any(value.any() for name, value in of_muon.items() if name.endswith("exp_avg_sqs"))
    assert all(torch.equal(value, of_muon[name]) for name, value in of_adam.items())


def test_moments_of_other_networks_or_of_none_are_refused(data, tmp_path):
    nets = data.networks(1)
    trainer = trainer_of(data, nets, CONSTANT)
    with pytest.raises(UserError, match=r"moments\.safetensors: there is no such checkpoint"):
        resumed(data, nets, tmp_path / "moments.safetensors")
    other = networks(embedding=8)
    save_moments(tmp_path / "moments.safetensors", other, {})
    with pytest.raises(UserError, match=r"a checkpoint of another model"):
        resumed(data, nets, tmp_path / "moments.safetensors")
    save_moments(tmp_path / "moments.safetensors", nets, {})
    with pytest.raises(UserError, match=r"it has no generator\..*; make it anew by the rules"):
        load_moments(tmp_path / "moments.safetensors", nets, trainer.optimisers)


def test_a_running_training_knows_the_moments_it_started_with(data, tmp_path):
    nets = data.networks(1)
    trainer = trainer_of(data, nets, CONSTANT)
    trainer.save_moments(tmp_path / "cold.safetensors")
    steps(trainer, 0, 1)
    trainer.save_moments(tmp_path / "warm.safetensors")
    keys = [
        resumed(data, nets, tmp_path / f"{name}.safetensors").inputs()["moments"] for name in ("cold", "warm")
    ]
    assert len({*keys, trainer.inputs()["moments"]}) == 3
