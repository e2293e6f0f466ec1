"""The published sizes: every module has as many parameters as in the paper's released networks."""

import pytest
import torch
from torch import nn

from soulbench.config import files
from soulbench.core.sources import ROOT
from soulbench.models.discriminators import Discriminators
from soulbench.models.generator import MODULES, Generator, module_parameters
from soulbench.models.parameters import table

CATEGORIES, PREDICATES = 179, 46
COUNTS = {
    "visual_features": 14_714_688,
    "object_embedding": 23_040,
    "predicate_embedding": 5_888,
    "visual_projection": 65_664,
    "norm": 520,
    "graph convolution 1": 1_382_912,
    "graph convolution 2": 5_777_408 // 4,
    "graph convolution 3": 5_777_408 // 4,
    "graph convolution 4": 5_777_408 // 4,
    "graph convolution 5": 5_777_408 // 4,
    "box_head": 133_636,
    "mask_head": 2_362_625,
    "norm_layout": 768,
    "image_branch": 224,
    "decoder": 28_136_883,
    "generator": 52_604_256,
    "object_discriminator": 1_106_932,
    "image_discriminator": 5_533_058,
}


@pytest.fixture(scope="module")
def sizes():
    return files.load(ROOT / "config.yaml", ROOT / "configs" / "visual-genome.yaml")["generator"]


@pytest.fixture(scope="module")
def model(sizes):
    with torch.device("meta"):  # shapes without memory
        return Generator(sizes, CATEGORIES, PREDICATES)


@pytest.fixture(scope="module")
def counted(sizes):
    with torch.device("meta"):
        return {name: (total, trained) for name, total, trained in table(sizes, CATEGORIES, PREDICATES)}


def test_every_module_is_counted(counted):
    assert {*counted} == {*COUNTS}


@pytest.mark.parametrize("name", COUNTS)
def test_a_module_has_the_published_number_of_parameters(counted, name):
    assert counted[name][0] == COUNTS[name]


def test_only_the_visual_features_are_frozen(counted):
    assert counted["generator"][1] == 37_889_568
    assert counted["visual_features"][1] == 0
    for name in COUNTS.keys() - {"generator", "visual_features"}:
        assert counted[name][0] == counted[name][1], name


def test_the_first_convolution_that_the_release_redacts(model):
    named = dict(model.named_parameters())
    first = module_parameters(model, "first_convolution")
    assert sum(named[key].numel() for key in first) == 593_920
    assert module_parameters(model, "all") == list(named)
    assert all(module_parameters(model, name) for name in MODULES)


def test_modules_of_an_ablation_do_not_overlap(model):
    parts = [
        key
        for name in MODULES.keys() - {"all", "first_convolution"}
        for key in module_parameters(model, name)
    ]
    assert sorted(parts) == sorted(key for key, _ in model.named_parameters())


def test_the_discriminators_take_images_of_the_configured_size(sizes):
    discriminators = Discriminators(
        {**sizes["discriminators"], "object_filters": 4, "image_filters": 4}, CATEGORIES
    )
    images, boxes = torch.randn(2, 3, 64, 64), torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 3)
    logits, categories = discriminators.object(images, boxes, torch.tensor([0, 1, 1]))
    assert logits.shape == (3,)
    assert categories.shape == (3, CATEGORIES)
    scales = discriminators.image(images)
    assert [len(scale) for scale in scales] == [sizes["discriminators"]["image_layers"] + 2] * 2
    assert scales[0][-1].shape[-1] > scales[1][-1].shape[-1]
    assert not any(isinstance(part, nn.BatchNorm2d) for part in discriminators.image[0][0])
