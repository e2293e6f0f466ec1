"""Edits as tensors: what they fill, hide, weigh and guide, and which nodes they remove."""

import numpy as np
import pytest
import torch
from benchmark_factory import Benchmark

from soulbench.data.batches import normalise
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.dataset import BenchmarkData
from soulbench.unlearning.edits import apply_plan, edited_scenes
from soulbench.unlearning.plan import Edit, Plan

ROI = (3, 4, 9, 12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    written = Benchmark(tmp_path_factory.mktemp("tiny")).write()
    return BenchmarkData.open(written.config, written.data)


@pytest.fixture
def edit_scene(data):
    def edit_scene(image=1, seed=0, **edit):
        settings = data.config["generator"]["visual"]
        scenes = edited_scenes({image: Edit(**edit)}, data.scenes, data.visual, settings, seed)
        assert {*scenes} == {data.scenes.find(image)}
        return scenes[data.scenes.find(image)]

    return edit_scene


@pytest.fixture
def image(data):
    return normalise(torch.tensor(data.scenes.scene(0).pixels))


def patch(image, roi=ROI):
    x0, y0, x1, y1 = roi
    return image[:, y0:y1, x0:x1]


def outside(image, roi=ROI):
    x0, y0, x1, y1 = roi
    rest = image.clone()
    rest[:, y0:y1, x0:x1] = 0
    return rest


def test_an_empty_edit_changes_nothing(edit_scene, data, image):
    edited, scene = edit_scene(), data.scenes.scene(0)
    assert torch.equal(edited.image, image)
    assert torch.equal(edited.target, image)
    assert edited.weights.all()
    assert not edited.guidance.any()
    assert edited.sign == 1
    np.testing.assert_array_equal(edited.visual, data.visual[:5])
    for name in ("object_ids", "categories", "boxes", "triples"):
        np.testing.assert_array_equal(getattr(edited.scene, name), getattr(scene, name))


@pytest.mark.parametrize("mask_on", ["target", "input", "both"])
def test_a_patch_of_zeros_is_in_the_input_the_target_or_both(edit_scene, image, mask_on):
    edited = edit_scene(regions=(ROI,), fill="zero", mask_on=mask_on)
    for copy, masked in ((edited.image, mask_on != "target"), (edited.target, mask_on != "input")):
        assert torch.equal(outside(copy), outside(image))
        assert torch.equal(copy, image) != masked
        assert not masked or not patch(copy).any()


def test_noise_of_the_given_deviation_is_added_within_the_region(edit_scene, image):
    roi = (0, 0, 16, 16)
    edited = edit_scene(regions=(roi,), fill="noise", noise=0.5)
    noise = edited.target - image
    assert float(noise.mean()) == pytest.approx(0, abs=4 * 0.5 / noise.numel() ** 0.5)
    assert float(noise.std()) == pytest.approx(0.5, abs=0.05)
    part = edit_scene(regions=(ROI,), fill="noise", noise=0.5).target
    assert torch.equal(outside(part), outside(image))
    torch.testing.assert_close(patch(part), patch(edited.target))


def test_noise_depends_on_seed_and_image_alone(edit_scene, data):
    noisy = {"regions": ((0, 0, 16, 16),), "fill": "noise", "noise": 0.5}
    first = edit_scene(**noisy)
    assert torch.equal(first.target, edit_scene(**noisy).target)
    assert not torch.equal(first.target, edit_scene(seed=1, **noisy).target)
    second_noise = edit_scene(image=2, **noisy).target - normalise(torch.tensor(data.scenes.scene(1).pixels))
    first_noise = first.target - normalise(torch.tensor(data.scenes.scene(0).pixels))
    assert not torch.allclose(first_noise, second_noise)


@pytest.mark.parametrize(("mask_on", "recomputed"), [("target", False), ("input", True), ("both", True)])
def test_features_are_those_of_the_networks_input(edit_scene, data, mask_on, recomputed):
    edited = edit_scene(regions=(ROI,), fill="zero", mask_on=mask_on)
    stored, boxes = data.visual[:5], torch.tensor(data.scenes.scene(0).boxes)
    expected = VisualFeatures(data.config["generator"]["visual"]).of_scene(edited.image, boxes).numpy()
    np.testing.assert_allclose(edited.visual, expected, rtol=1e-5, atol=1e-6)
    # The crops of the image node and the target contain the region, that of the tree does not.
    changed = ~np.isclose(edited.visual, stored, rtol=1e-3, atol=1e-4).all(axis=1)
    assert changed[[0, 4]].all() == recomputed
    assert not changed[3]


def test_the_packed_pixels_are_not_changed(edit_scene, data):
    before = np.array(data.scenes.pixels)
    edit_scene(regions=(ROI,), fill="zero", mask_on="both")
    np.testing.assert_array_equal(data.scenes.pixels, before)


@pytest.mark.parametrize(("removed", "index"), [((11,), 0), ((13,), 2), ((14,), 3)])
def test_a_removed_node_takes_its_edges_and_the_others_are_renumbered(edit_scene, data, removed, index):
    edited, scene = edit_scene(removed=removed), data.scenes.scene(0)
    kept = [i for i in range(5) if i != index]
    assert edited.scene.object_ids.tolist() == [scene.object_ids[i] for i in kept]
    assert edited.scene.categories.tolist() == [scene.categories[i] for i in kept]
    np.testing.assert_array_equal(edited.scene.boxes, scene.boxes[kept])
    np.testing.assert_array_equal(edited.visual, data.visual[:5][kept])

    def by_id(graph, triples):
        return [(graph.object_ids[s], p, graph.object_ids[o]) for s, p, o in triples.tolist()]

    expected = [t for t in by_id(scene, scene.triples) if removed[0] not in (t[0], t[2])]
    assert by_id(edited.scene, edited.scene.triples) == expected
    assert len(expected) < len(scene.triples)
    assert edited.scene.object_ids[-1] == -1


def test_several_nodes_are_removed(edit_scene):
    edited = edit_scene(removed=(11, 12, 13))
    assert edited.scene.object_ids.tolist() == [14, -1]
    assert edited.scene.triples.tolist() == [[0, 0, 1]]


def test_weightless_regions_have_no_weight(edit_scene):
    second = (8, 0, 12, 5)
    edited = edit_scene(regions=(ROI, second), weightless=True)
    expected = torch.ones(1, 16, 16)
    for x0, y0, x1, y1 in (ROI, second):
        expected[:, y0:y1, x0:x1] = 0
    assert torch.equal(edited.weights, expected)
    assert edit_scene(regions=(ROI,)).weights.all()


def test_guidance_is_a_sum_of_means_over_the_regions(edit_scene):
    regions = (ROI, (8, 0, 12, 5), (0, 0, 1, 1))
    edited = edit_scene(regions=regions, guidance=0.7)
    values = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = 0.7 * sum(patch(values, roi).mean() for roi in regions)
    torch.testing.assert_close((edited.guidance * values).sum(), expected)


def test_a_negated_image_has_a_negative_sign(edit_scene):
    assert edit_scene(negate=True).sign == -1


def test_a_batch_holds_the_edit_of_its_image_alone(data):
    plan = Plan(edits={2: Edit(regions=(ROI,), fill="zero", mask_on="both", guidance=1.0, removed=(21,))})
    batch = data.batches(apply_plan(data, plan)).batch([0, 1, 2])
    plain = data.batches().batch([0, 1, 2])
    assert 21 not in batch.object_ids
    assert len(batch.object_ids) == len(plain.object_ids) - 1
    for index, changed in enumerate([False, True, False]):
        assert torch.equal(batch.images[index], plain.images[index]) != changed
        assert bool(batch.guidance[index].any()) == changed
    # Every edge still joins two nodes of the same image.
    ends = batch.image_of[batch.triples[:, ::2]]
    assert torch.equal(ends[:, 0], ends[:, 1])
