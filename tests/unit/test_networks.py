"""Networks and their checkpoints."""

import pytest
import torch
from networks_factory import SIZES, VOCABULARY, networks

from soulbench.core.errors import UserError
from soulbench.training.networks import new_discriminators


def state(nets):
    return {name: value.clone() for name, value in nets.modules().state_dict().items()}


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = state(networks(seed=1))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again, other = state(networks(seed=1)), state(networks(seed=2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["generator.decoder.out.0.weight"], other["generator.decoder.out.0.weight"])


def test_the_generator_is_the_same_with_and_without_discriminators():
    alone, both = state(networks(adversarial=False)), state(networks())
    assert {name.split(".")[0] for name in alone} == {"generator"}
    assert all(torch.equal(alone[name], both[name]) for name in alone)


def test_discriminators_of_another_role_have_other_weights():
    first = new_discriminators(SIZES, 4, 1, "discriminators")
    second = new_discriminators(SIZES, 4, 1, "finetune-discriminators")
    assert not torch.equal(first.object.real.weight, second.object.real.weight)


def test_a_checkpoint_restores_every_tensor(tmp_path):
    saved, loaded = networks(seed=1), networks(seed=2)
    saved.save(tmp_path / "model.safetensors", seed=1)
    loaded.load(tmp_path / "model.safetensors")
    expected = state(saved)
    assert all(torch.equal(value, expected[name]) for name, value in state(loaded).items())
    saved.save(tmp_path / "again.safetensors", seed=1)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "model.safetensors").read_bytes()


MORE = {"objects": [*VOCABULARY["objects"], "cat"], "predicates": VOCABULARY["predicates"]}
SWAPPED = {"objects": ["__image__", "dog", "man", "tree"], "predicates": VOCABULARY["predicates"]}
OTHERS = {
    "embedding": ({"embedding": 8}, r"signature\.sizes\.embedding is 6 there and 8 here"),
    "decoder": ({"decoder": [7, 6]}, r"signature\.sizes\.decoder is \[7, 6, 6\] there and \[7, 6\]"),
    "graph": (
        {"graph": {**SIZES["graph"], "layers": 3}},
        r"signature\.sizes\.graph\.layers is 2 there and 3",
    ),
    "vocabulary": ({"vocabulary": MORE}, r"signature\.objects is .* there and .*'cat'"),
    "order of the vocabulary": ({"vocabulary": SWAPPED}, r"signature\.objects is \['__image__', 'man'"),
    "losses": ({"adversarial": False}, r"signature\.adversarial is True there and False"),
}


@pytest.mark.parametrize(("other", "message"), OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_model_is_refused_with_what_differs(tmp_path, other, message):
    networks().save(tmp_path / "model.safetensors")
    other_networks = networks(**other)
    before = state(other_networks)
    with pytest.raises(UserError, match=rf"model\.safetensors: a checkpoint of another model: {message}"):
        other_networks.load(tmp_path / "model.safetensors")
    assert all(torch.equal(value, before[name]) for name, value in state(other_networks).items())


def test_several_differences_are_all_named(tmp_path):
    networks().save(tmp_path / "model.safetensors")
    with pytest.raises(
        UserError, match=r"mask_size is 4 there and 8 .*; signature\.sizes\.spade_hidden is 4"
    ):
        networks(mask_size=8, spade_hidden=5).load(tmp_path / "model.safetensors")
