"""`training.eval_mode_after`: from some step on, the generator is in eval mode and has a new optimiser."""

from dataclasses import replace

import pytest
import torch
from scenes_factory import no_log
from trainer_factory import STAGE, state, trainer_of

from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import UNCHANGED
from soulbench.training.stages import train_stage
from soulbench.training.trainer import Trainer


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_the_generators_statistics_are_frozen_and_its_optimiser_is_new(data, optimiser):
    stage = replace(STAGE, eval_mode_after=4, optimiser=optimiser)
    trainer = trainer_of(data, data.networks(1), stage)
    for step in range(4):
        trainer.train_step(step, trainer.micro_batches(step))
    before, optimisers = state(trainer.networks), dict(trainer.optimisers)
    trainer.train_step(4, trainer.micro_batches(4))
    assert trainer.optimisers["generator"] is not optimisers["generator"]
    assert trainer.optimisers["discriminators"] is optimisers["discriminators"]
    changed = {n for n, value in state(trainer.networks).items() if not torch.equal(value, before[n])}
    statistics = {n for n in before if n.endswith(("running_mean", "running_var", ".left", ".right"))}
    assert {n.split(".")[0] for n in statistics} == {"generator", "discriminators"}
    assert {n for n in statistics & changed if n.startswith("generator")} == set()
    assert any(n.startswith("discriminators") for n in statistics & changed)
    assert "generator.decoder.out.0.weight" in changed
    fresh = trainer_of(data, data.networks(1), stage)
    fresh.networks.modules().load_state_dict(before)
    fresh.train_step(4, fresh.micro_batches(4))  # a new optimiser, and the mode switched at this very step
    for name, value in fresh.networks.generator.state_dict().items():
        assert torch.equal(value, trainer.networks.generator.state_dict()[name]), name


def test_both_stages_count_towards_eval_mode(data, tmp_path, monkeypatch):
    stages = []
    monkeypatch.setattr(
        Trainer, "fit", lambda trainer, *_, **__: stages.append(trainer.stage.eval_mode_after)
    )
    for after in (None, 2, 6):
        monkeypatch.setitem(data.config["training"], "eval_mode_after", after)
        for which in ("pretrain", "finetune"):
            train_stage(data, data.networks(1), which, UNCHANGED, 1, WorkFolder(tmp_path, {}), no_log)
    assert data.config["training"]["pretrain"]["steps"] == 4
    assert stages == [None, None, 2, 0, 6, 2]
