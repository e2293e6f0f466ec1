import pickle

import numpy as np
import pytest
import torch

from soulbench.core import checkpoint
from soulbench.core.errors import UserError

META = {"architecture": {"width": 64, "decoder": [8, 4]}, "vocabulary": "abc", "step": 3}


def tensors():
    return {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor([1, 2])}


def test_a_saved_checkpoint_is_loaded(tmp_path):
    checkpoint.save(tmp_path / "m.safetensors", tensors(), META)
    loaded, meta = checkpoint.load(tmp_path / "m.safetensors", {"architecture": {"width": 64}})
    assert meta == META
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors().items())


def test_tied_tensors_are_kept(tmp_path):
    weight = torch.ones(3)
    checkpoint.save(tmp_path / "m.safetensors", {"a": weight, "b": weight}, {})
    assert set(checkpoint.load(tmp_path / "m.safetensors")[0]) == {"a", "b"}


def test_equal_models_are_equal_bytes(tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", tensors(), META)
    checkpoint.save(tmp_path / "b.safetensors", tensors(), dict(reversed(META.items())))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_another_architecture_is_named(tmp_path):
    checkpoint.save(tmp_path / "m.safetensors", tensors(), META)
    wanted = {"architecture": {"width": 128, "decoder": [8, 4]}, "vocabulary": "xyz"}
    with pytest.raises(UserError) as caught:
        checkpoint.load(tmp_path / "m.safetensors", wanted)
    assert "architecture.width is 64 there and 128 here" in str(caught.value)
    assert "vocabulary is 'abc' there" in str(caught.value)
    assert "decoder" not in str(caught.value)


def test_the_first_difference_of_another_vocabulary_is_named(tmp_path):
    names = [f"name {i}" for i in range(20)]
    checkpoint.save(tmp_path / "m.safetensors", tensors(), {"objects": names})
    with pytest.raises(UserError) as caught:
        checkpoint.load(tmp_path / "m.safetensors", {"objects": [*names[:7], "tree", *names[8:15]]})
    expected = "objects has 20 entries there and 15 here; number 7 is 'name 7' there and 'tree' here"
    assert str(caught.value).endswith(expected)
    with pytest.raises(UserError, match=r"objects has 20 entries there and 21 here$"):
        checkpoint.load(tmp_path / "m.safetensors", {"objects": [*names, "cat"]})


class Trap:
    """An object that fails the test when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 100, pickle.dumps(Trap()), b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":']
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.load(path)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save(path, tensors(), META)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.load(path)


def test_another_programs_safetensors_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "m.safetensors")
    with pytest.raises(UserError, match="not a checkpoint written by soulbench"):
        checkpoint.load(tmp_path / "m.safetensors")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no such checkpoint"):
        checkpoint.load(tmp_path / "m.safetensors")


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
    checkpoint.save_state(path, state, "settings")

    model, optimiser = trained(0)
    loaded = checkpoint.load_state(path, "settings")
    model.load_state_dict(loaded["model"])
    optimiser.load_state_dict(loaded["optimiser"])
    advance(model, optimiser, 3)
    assert torch.equal(model.weight, whole.weight)
    assert loaded["at"] == (3, [numbers.bit_generator.state])


def test_a_state_of_other_settings_is_ignored(tmp_path):
    checkpoint.save_state(tmp_path / "s.safetensors", {"step": 1}, "old")
    assert checkpoint.load_state(tmp_path / "s.safetensors", "new") is None
    assert checkpoint.load_state(tmp_path / "none.safetensors", "new") is None


def test_the_work_folder_survives_a_failure_and_goes_with_success(tmp_path):
    output = tmp_path / "seed1.safetensors"
    with pytest.raises(RuntimeError), checkpoint.work_folder(output) as work:
        (work / "state").write_text("step 3")
        raise RuntimeError
    with checkpoint.work_folder(output) as work:
        assert (work / "state").read_text() == "step 3"
    assert list(tmp_path.iterdir()) == []
