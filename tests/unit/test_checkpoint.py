import pickle

import pytest
import torch

from soulbench.core import checkpoint
from soulbench.core.errors import UserError

META = {"architecture": {"width": 64, "decoder": [8, 4]}, "vocabulary": "abc", "step": 3}


def tensors():
    return {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor([1, 2])}


def test_a_saved_checkpoint_is_loaded(tmp_path):
    checkpoint.save(tmp_path / "m.safetensors", tensors(), META)
    loaded, meta = checkpoint.load(tmp_path / "m.safetensors", {"architecture": META["architecture"]})
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
    with pytest.raises(
        UserError, match=r"another model: architecture\.decoder is \[8, 4\] there and 'absent' here$"
    ):
        checkpoint.load(tmp_path / "m.safetensors", {"architecture": {"width": 64}})


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
