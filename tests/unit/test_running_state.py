"""The state of a running training: everything comes back, and only to the training that it belongs to."""

import numpy as np
import pytest
import torch
from scenes_factory import no_log

from soulbench.core.running_state import RunningState, WorkFolder, work_folder

KEY = {"settings": {"l1": 1.0, "boxes": 1.0}, "source": "a"}


def trained(steps):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    advance(model, optimiser, steps)
    return model, optimiser


def advance(model, optimiser, steps):
    for _ in range(steps):
        optimiser.zero_grad()
        (model(torch.ones(4, 3)) ** 2).sum().backward()
        optimiser.step()


def test_a_resumed_training_run_gives_the_same_weights(tmp_path):
    path = tmp_path / "state.safetensors"
    whole, _ = trained(6)
    model, optimiser = trained(3)
    numbers = np.random.default_rng(7)
    numbers.random(5)
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "at": (3, [numbers.bit_generator.state]),
    }
    RunningState(path, KEY).save(state)

    model, optimiser = trained(0)
    loaded = RunningState(path, KEY).load(no_log)
    model.load_state_dict(loaded["model"])
    optimiser.load_state_dict(loaded["optimiser"])
    advance(model, optimiser, 3)
    assert torch.equal(model.weight, whole.weight)
    assert loaded["at"] == (3, [numbers.bit_generator.state])


def test_a_state_of_another_training_is_put_aside_and_the_log_says_what_differs(tmp_path):
    path, lines = tmp_path / "s.safetensors", []
    RunningState(path, KEY).save({"step": 1})
    other = RunningState(path, {"settings": {"l1": 5.0, "boxes": 1.0}, "source": "b"})
    assert other.load(lines.append) is None
    assert len(lines) == 1
    assert "settings.l1 is 1.0 there and 5.0 here; source is 'a' there and 'b' here" in lines[0]
    assert [file.name for file in tmp_path.iterdir()] == ["s.put-aside.safetensors"]
    assert RunningState(tmp_path / "s.put-aside.safetensors", KEY).load(no_log) == {"step": 1}
    assert other.load(pytest.fail) is None


def test_a_setting_that_is_gone_makes_another_training(tmp_path):
    RunningState(tmp_path / "s.safetensors", KEY).save({"step": 1})
    fewer = RunningState(tmp_path / "s.safetensors", {"settings": {"l1": 1.0}, "source": "a"})
    assert fewer.load(no_log, put_aside=False) is None
    assert RunningState(tmp_path / "s.safetensors", KEY).load(no_log) == {"step": 1}


def test_a_new_commit_alone_does_not_end_a_training(tmp_path):
    first, second = (
        WorkFolder(tmp_path, {"commit": commit, "lock_hash": commit, "source_hash": "a"}) for commit in "xy"
    )
    first.state("fine-tuning", {}).save({"step": 1})
    assert second.state("fine-tuning", {}).load(no_log) == {"step": 1}


def test_the_work_folder_survives_a_failure_and_goes_with_success(tmp_path):
    output = tmp_path / "seed1.safetensors"
    with pytest.raises(RuntimeError), work_folder(output, {}) as work:
        (work.path / "state").write_text("step 3")
        raise RuntimeError
    with work_folder(output, {}) as work:
        assert (work.path / "state").read_text() == "step 3"
    assert list(tmp_path.iterdir()) == []
