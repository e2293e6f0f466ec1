"""A tiny benchmark: the drawn world, a generator of a few thousand parameters, an original model that knows little."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "unit"))

from scenes_steps import everything

from soulbench import config as configuration
from soulbench.generator.visual import compute_features
from soulbench.scenes.world import draw_world
from soulbench.sources import ROOT
from soulbench.training.stages import finetune, pretrain

# Every image is seen at least once while unlearning: 14 in 4 steps of 4.
TINY = {
    "seeds": [1],
    "data": {"image_size": 16, "demo": {"images": 72, "individuals": 14, "twins": 1}},
    "human": {"size": 14, "held_out": 2},
    "requests": {"count": 2},
    "generator": {
        "embedding": 8,
        "visual": {"features": 12, "crop": 4},
        "graph": {"layers": 2, "width": 12, "hidden": 12},
        "mask_size": 4,
        "mask_channels": 4,
        "image_channels": 2,
        "spade_hidden": 4,
        "decoder": [12, 8, 6],
        "discriminators": {"object_filters": 2, "object_hidden": 4, "image_filters": 2, "image_layers": 1},
    },
    "training": {"pretrain": {"steps": 3, "batch": 4}, "finetune": {"steps": 3, "batch": 4}},
    "unlearning": {"steps": 4, "batch": 4, "learning_rate": 1e-2},
    "methods": {"feat-if": {"iterations": 3}, "obj-if": {"iterations": 3}},
    "evaluation": {"noise_draws": 2},
}


def silent(line: str) -> None:
    pass


@dataclass
class Bench:
    """Where the tiny benchmark lies."""

    config: dict
    data: Path
    pretrained: Path
    original: Path


def configured(**sections) -> dict:
    """The demo's configuration, tiny, with further changes."""
    config = configuration.load(ROOT / "config.yaml")
    return configuration.merge(configuration.merge(config, TINY), sections)


def trained(config: dict, data: Path, folder: Path) -> Bench:
    """Both trainings of seed 1."""
    first, second = folder / "pretrained.safetensors", folder / "original.safetensors"
    pretrain(config, data, 1, first, "source", silent)
    finetune(config, data, first, 1, second, "source", silent)
    return Bench(config, data, first, second)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = configured()
    draw_world(config, folder / "source", silent)
    everything(config, folder / "source", folder)
    compute_features(config, folder, folder / "visual.npy", silent)
    return folder


@pytest.fixture(scope="session")
def bench(data, tmp_path_factory):
    return trained(configured(), data, tmp_path_factory.mktemp("models"))
