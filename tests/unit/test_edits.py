"""Edits of a plan as tensors: what is filled, seen, compared, guided, and which nodes are gone."""

import numpy as np
import pytest
import torch
from benchmark_factory import Benchmark

from soulbench.data.batches import normalise
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.dataset import BenchmarkData
from soulbench.unlearning.edits import carried_out, edited_scenes
from soulbench.unlearning.plan import Edit

ROI = (3, 4, 9, 12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    written = Benchmark(tmp_path_factory.mktemp("tiny")).write()
    return BenchmarkData.open(written.config, written.data)


@pytest.fixture
def edited(data):
    def carried_out(image=1, seed=0, **edit):
        extractor = VisualFeatures(data.config["generator"]["visual"])
        found = edited_scenes({image: Edit(**edit)}, data.scenes, data.visual, extractor, seed)
        assert {*found} == {data.scenes.find(image)}
        return found[data.scenes.find(image)]

    return carried_out


@pytest.fixture
def image(data):
    return normalise(torch.tensor(data.scenes.scene(0).pixels))


def patch(picture, roi=ROI):
    x0, y0, x1, y1 = roi
    return picture[:, y0:y1, x0:x1]


def outside(picture, roi=ROI):
    x0, y0, x1, y1 = roi
    kept = picture.clone()
    kept[:, y0:y1, x0:x1] = 0
    return kept


def test_an_empty_edit_changes_nothing(edited, data, image):
    found, scene = edited(), data.scenes.scene(0)
    assert torch.equal(found.image, image)
    assert torch.equal(found.target, image)
    assert found.weights.all()
    assert not found.guidance.any()
    assert found.sign == 1
    np.testing.assert_array_equal(found.visual, data.visual[:5])
    for name in ("object_ids", "categories", "boxes", "triples"):
        np.testing.assert_array_equal(getattr(found.scene, name), getattr(scene, name))


@pytest.mark.parametrize("mask_on", ["target", "input", "both"])
def test_a_patch_of_zeros_goes_where_it_is_asked(edited, image, mask_on):
    found = edited(regions=(ROI,), fill="zero", mask_on=mask_on)
    for picture, masked in ((found.image, mask_on != "target"), (found.target, mask_on != "input")):
        assert torch.equal(outside(picture), outside(image))
        assert torch.equal(picture, image) != masked
        assert not masked or not patch(picture).any()


def test_noise_is_added_within_the_region_with_its_deviation(edited, image):
    roi = (0, 0, 16, 16)
    found = edited(regions=(roi,), fill="noise", noise=0.5)
    noise = found.target - image
    assert float(noise.mean()) == pytest.approx(0, abs=4 * 0.5 / noise.numel() ** 0.5)
    assert float(noise.std()) == pytest.approx(0.5, abs=0.05)
    part = edited(regions=(ROI,), fill="noise", noise=0.5).target
    assert torch.equal(outside(part), outside(image))
    torch.testing.assert_close(patch(part), patch(found.target))


def test_noise_depends_on_seed_and_image_alone(edited, data):
    noisy = {"regions": ((0, 0, 16, 16),), "fill": "noise", "noise": 0.5}
    first = edited(**noisy)
    assert torch.equal(first.target, edited(**noisy).target)
    assert not torch.equal(first.target, edited(seed=1, **noisy).target)
    second = edited(image=2, **noisy).target - normalise(torch.tensor(data.scenes.scene(1).pixels))
    own = first.target - normalise(torch.tensor(data.scenes.scene(0).pixels))
    assert not torch.allclose(own, second)


@pytest.mark.parametrize(("mask_on", "anew"), [("target", False), ("input", True), ("both", True)])
def test_features_are_of_what_the_network_sees(edited, data, mask_on, anew):
    found = edited(regions=(ROI,), fill="zero", mask_on=mask_on)
    stored, boxes = data.visual[:5], torch.tensor(data.scenes.scene(0).boxes)
    expected = VisualFeatures(data.config["generator"]["visual"]).of_scene(found.image, boxes).numpy()
    np.testing.assert_allclose(found.visual, expected, rtol=1e-5, atol=1e-6)
    # The image node and the target see the region, the tree beside it does not.
    changed = ~np.isclose(found.visual, stored, rtol=1e-3, atol=1e-4).all(axis=1)
    assert changed[[0, 4]].all() == anew
    assert not changed[3]


def test_the_packed_pixels_stay(edited, data):
    before = np.array(data.scenes.pixels)
    edited(regions=(ROI,), fill="zero", mask_on="both")
    np.testing.assert_array_equal(data.scenes.pixels, before)


@pytest.mark.parametrize(("removed", "gone"), [((11,), 0), ((13,), 2), ((14,), 3)])
def test_a_removed_node_takes_its_edges_and_the_others_are_renumbered(edited, data, removed, gone):
    found, scene = edited(removed=removed), data.scenes.scene(0)
    kept = [i for i in range(5) if i != gone]
    assert found.scene.object_ids.tolist() == [scene.object_ids[i] for i in kept]
    assert found.scene.categories.tolist() == [scene.categories[i] for i in kept]
    np.testing.assert_array_equal(found.scene.boxes, scene.boxes[kept])
    np.testing.assert_array_equal(found.visual, data.visual[:5][kept])

    def by_id(graph, triples):
        return [(graph.object_ids[s], p, graph.object_ids[o]) for s, p, o in triples.tolist()]

    expected = [t for t in by_id(scene, scene.triples) if removed[0] not in (t[0], t[2])]
    assert by_id(found.scene, found.scene.triples) == expected
    assert len(expected) < len(scene.triples)
    assert found.scene.object_ids[-1] == -1


def test_all_of_several_nodes_go(edited):
    found = edited(removed=(11, 12, 13))
    assert found.scene.object_ids.tolist() == [14, -1]
    assert found.scene.triples.tolist() == [[0, 0, 1]]


def test_weightless_regions(edited):
    second = (8, 0, 12, 5)
    found = edited(regions=(ROI, second), weightless=True)
    expected = torch.ones(1, 16, 16)
    for x0, y0, x1, y1 in (ROI, second):
        expected[:, y0:y1, x0:x1] = 0
    assert torch.equal(found.weights, expected)
    assert edited(regions=(ROI,)).weights.all()


def test_guidance_sums_to_the_regions_means(edited):
    regions = (ROI, (8, 0, 12, 5), (0, 0, 1, 1))
    found = edited(regions=regions, guidance=0.7)
    values = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = 0.7 * sum(patch(values, roi).mean() for roi in regions)
    torch.testing.assert_close((found.guidance * values).sum(), expected)


def test_a_negated_image(edited):
    assert edited(negate=True).sign == -1


def test_a_batch_holds_the_edit_for_its_image_alone(data):
    from soulbench.unlearning.plan import Plan

    plan = Plan(edits={2: Edit(regions=(ROI,), fill="zero", mask_on="both", guidance=1.0, removed=(21,))})
    batch = data.batches(carried_out(data, plan)).batch([0, 1, 2])
    plain = data.batches().batch([0, 1, 2])
    assert 21 not in batch.object_ids
    assert len(batch.object_ids) == len(plain.object_ids) - 1
    for place, changed in enumerate([False, True, False]):
        assert torch.equal(batch.images[place], plain.images[place]) != changed
        assert bool(batch.guidance[place].any()) == changed
    # Every edge still joins two nodes of one image.
    ends = batch.image_of[batch.triples[:, ::2]]
    assert torch.equal(ends[:, 0], ends[:, 1])
