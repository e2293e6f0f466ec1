"""Distances between object representations against values computed by hand."""

import numpy as np
import pytest
from scenes_by_hand import scene

from soulbench.data.requests.request import Request, RequestedObject
from soulbench.evaluation.latent import groups, rows
from soulbench.evaluation.outputs import ModelOutputs

MAN, DOG, BOX = 1, 2, (2, 2, 6, 6)
REQUEST = Request("r1", "object", (RequestedObject(10, 100, MAN),))
SCENES = [
    scene(9, (100, MAN, BOX)),  # the same object id in another image
    scene(10, (101, DOG, BOX), (100, MAN, BOX), (102, MAN, BOX)),
    scene(11, (110, DOG, BOX)),
]


def test_the_groups_exclude_image_nodes():
    masks = groups(SCENES, REQUEST)
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {
        "target": [3],
        "same-image": [2, 4],
        "other-images": [0, 6],
    }


def test_the_targets_of_a_set_are_one_group():
    targets = (RequestedObject(11, 110, DOG), RequestedObject(10, 102, MAN))
    masks = groups(SCENES, Request("r1", "object", targets))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {
        "target": [4, 6],
        "same-image": [2, 3],
        "other-images": [0],
    }


def outputs(vectors):
    return ModelOutputs({}, {("synthesis", "graph"): np.array(vectors, dtype=np.float32)})


def table(model, original, masks):
    return {(row["group"], row["distance"]): row["value"] for row in rows(model, original, masks)}


def test_distances():
    original = outputs([[1, 0], [1, 0], [1, 0], [0, 0]])
    model = outputs([[4, 4], [0, 2], [2, 0], [0, 0]])
    masks = {
        "one": np.array([1, 0, 0, 0], bool),
        "two": np.array([0, 1, 1, 0], bool),
        "zero": np.array([0, 0, 0, 1], bool),
    }
    distances = table(model, original, masks)
    assert distances["one", "l2"] == pytest.approx(5)
    assert distances["one", "cosine"] == pytest.approx(1 - 4 / 32**0.5)
    assert distances["two", "l2"] == pytest.approx((5**0.5 + 1) / 2)
    assert distances["two", "cosine"] == pytest.approx((1 + 0) / 2)
    assert distances["zero", "l2"] == 0
    assert distances["zero", "cosine"] == 0


def test_a_model_is_at_distance_0_from_itself():
    same = outputs(np.random.default_rng(0).standard_normal((6, 5)))
    distances = table(same, same, {"all": np.ones(6, bool)})
    assert distances["all", "l2"] == 0
    assert distances["all", "cosine"] == 0


def test_an_empty_group_has_no_value():
    same = outputs([[1.0, 2.0]])
    assert np.isnan(table(same, same, {"none": np.zeros(1, bool)})["none", "l2"])


def test_every_task_and_representation_has_its_rows():
    vectors = np.ones((2, 3), np.float32)
    both = ModelOutputs({}, {(task, kind): vectors for task in ("a", "b") for kind in ("graph", "input")})
    written = list(rows(both, both, {"all": np.ones(2, bool)}))
    assert len(written) == 8
    assert len({(row["task"], row["representation"], row["distance"]) for row in written}) == 8
