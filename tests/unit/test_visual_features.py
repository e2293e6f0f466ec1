"""Visual features of the whole packed set: the file equals features computed object by object."""

import io

import numpy as np
import pytest
import torch
from literal import feature_crop
from scenes_factory import config, entry, no_log, write_source
from scenes_steps import packing, vocabulary

from soulbench.core.errors import UserError
from soulbench.data.batches import normalise
from soulbench.data.packed import PackedScenes
from soulbench.models import visual_features as module
from soulbench.models.visual_features import VisualFeatures, compute_features

BACKBONES = {
    "projection": {"backbone": "projection", "weights": None, "crop": 8, "features": 24},
    "vgg16": {"backbone": "vgg16", "weights": "seeded", "crop": 16, "features": 512},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Seven images of noise with one to four objects each."""
    folder = tmp_path_factory.mktemp("data")
    boxes = [(0, 0, 40, 40), (30, 20, 50, 33), (5, 60, 90, 15), (90, 1, 10, 70)]
    objects = {i: [entry(10 * i + k, "man", boxes[k]) for k in range(1 + i % 4)] for i in range(1, 8)}
    source = write_source(folder / "source", objects)
    vocabulary(config(), source, folder)
    packing(config(), source, folder)
    rng = np.random.default_rng(0)
    pixels = np.load(folder / "packed" / "pixels.npy")
    np.save(folder / "packed" / "pixels.npy", rng.integers(0, 256, pixels.shape, np.uint8))
    return folder


@pytest.mark.parametrize("settings", BACKBONES.values(), ids=BACKBONES)
def test_the_file_holds_each_objects_features_in_packed_order(data, tmp_path, monkeypatch, settings):
    monkeypatch.setattr(module, "CHUNK", 3)  # the last one is smaller
    compute_features({"generator": {"visual": settings}}, data, tmp_path / "visual.npy", no_log)
    features, scenes = np.load(tmp_path / "visual.npy"), PackedScenes.open(data / "packed")
    extractor, expected = VisualFeatures(settings), []
    for scene in map(scenes.scene, range(len(scenes))):
        image = normalise(torch.tensor(scene.pixels))
        crops = [feature_crop(image, torch.tensor(box), settings["crop"]) for box in scene.boxes]
        expected += [extractor.backbone(crop[None])[0].numpy() for crop in crops]
    assert features.dtype == np.float32
    assert features.shape == (len(scenes.object_ids), settings["features"])
    np.testing.assert_allclose(features, np.stack(expected), rtol=1e-4, atol=1e-6)
    assert len(np.unique(features.round(6), axis=0)) == len(
        features
    )  # no two are equal, so none is in the wrong row


def test_the_file_is_the_same_every_time_and_as_numpy_writes_it(data, tmp_path):
    for name in "ab":
        compute_features({"generator": {"visual": BACKBONES["projection"]}}, data, tmp_path / name, no_log)
    written, plain = (tmp_path / "a").read_bytes(), io.BytesIO()
    np.save(plain, np.load(tmp_path / "a"))
    assert (tmp_path / "b").read_bytes() == written == plain.getvalue()


def test_an_interrupted_computation_leaves_no_file(data, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("soulbench.core.records.os.posix_fallocate", full)
    with pytest.raises(UserError, match=r"v\.npy: cannot be written \(No space left"):
        compute_features({"generator": {"visual": BACKBONES["projection"]}}, data, tmp_path / "v.npy", no_log)
    assert not list(tmp_path.iterdir())
