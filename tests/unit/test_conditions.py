"""What training hides and how often, and what the two tasks hide."""

from dataclasses import replace

import pytest
import torch
from literal import hidden_pixels
from networks_factory import generator, random_batch

from soulbench.core.terms import TASKS
from soulbench.training.conditions import noise_for, task_condition, training_condition

SHARES = ("box", "feature", "hide_image", "hide_features")
NOTHING = {**dict.fromkeys(SHARES, 0.0), "image_node": "dropped"}
SETTINGS = {"layernorm": True, "boxes": "truth", "image_node": "dropped"}


@pytest.fixture(scope="module")
def batch():
    return random_batch([6] * 150, size=8, dtype=torch.float32)


def nodes(batch):
    return torch.tensor(batch.object_ids) < 0


def condition_of(batch, shares, seed):
    return training_condition(batch, shares, [1000 * seed + i for i in range(len(batch.image_ids))])


def near(actual, share, count):
    """Return whether a share of `count` random events is within four standard deviations of the expected one."""
    return abs(float(actual) - share) < 4 * (share * (1 - share) / count) ** 0.5


def test_nothing_is_hidden_with_shares_of_zero(batch):
    condition = condition_of(batch, NOTHING, 0)
    assert not condition.hidden.any()
    assert condition.features.all()
    assert condition.boxes.all()


def test_shares_are_as_configured(batch):
    shares = {"box": 0.35, "feature": 0.25, "hide_image": 0.4, "hide_features": 0.3}
    condition = condition_of(batch, NOTHING | shares, 1)
    whole = condition.hidden.flatten(1).all(dim=1)
    node = nodes(batch)
    dropped = (condition.features[node] == 0).flatten()
    assert near(whole.float().mean(), 0.4, 150)
    assert near(dropped[whole].float().mean(), 0.3, int(whole.sum()))
    assert not dropped[~whole].any()
    free = ~node & ~(condition.features[node].flatten() == 0)[batch.image_of]
    count = int(free.sum())
    no_box, no_feature = condition.boxes[free] == 0, condition.features[free] == 0
    assert near(no_box.float().mean(), 0.35, count)
    assert near(no_feature.float().mean(), 0.25, count)
    assert near((no_box & no_feature).float().mean(), 0.35 * 0.25, count)  # independent of each other


@pytest.mark.parametrize("what", ["box", "feature"])
def test_the_image_node_is_never_dropped_and_dropped_objects_are_hidden(batch, what):
    condition = condition_of(batch, NOTHING | {what: 1.0}, 2)
    node = nodes(batch)
    column, other = (
        (condition.boxes, condition.features) if what == "box" else (condition.features, condition.boxes)
    )
    assert column[node].all()
    assert not column[~node].any()
    assert other.all()
    objects = (~node).nonzero().flatten().tolist()
    expected = hidden_pixels(batch, objects)
    assert torch.equal(condition.hidden, expected)
    assert not expected.all()
    assert condition.redrawn.tolist() == objects


def test_only_hidden_objects_are_redrawn(batch):
    condition = condition_of(batch, NOTHING | {"box": 0.3, "feature": 0.2, "hide_image": 0.2}, 5)
    whole = condition.hidden.flatten(1).all(dim=1)
    expected = [
        index
        for index, object_id in enumerate(batch.object_ids)
        if object_id >= 0
        and (whole[batch.image_of[index]] or not condition.features[index] or not condition.boxes[index])
    ]
    assert condition.redrawn.tolist() == expected
    assert condition.redrawn_count == len(expected)
    assert 0 < len(expected) < len(batch.object_ids) - len(whole)


def test_where_nothing_is_hidden_all_nodes_are_judged(batch):
    assert condition_of(batch, NOTHING, 0).redrawn.tolist() == [*range(len(batch.object_ids))]


@pytest.mark.parametrize(("features", "given"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_hidden_image_with_and_without_its_features(batch, features, given):
    condition = condition_of(batch, NOTHING | {"hide_image": 1.0, "hide_features": features}, 3)
    assert condition.hidden.all()
    assert (condition.features == given).all()
    assert (condition.boxes == given).all()
    assert condition.redrawn.tolist() == (~nodes(batch)).nonzero().flatten().tolist()


def test_the_image_node_of_a_hidden_image_may_be_kept(batch):
    kept = {"hide_image": 1.0, "hide_features": 1.0, "image_node": "kept"}
    condition, node = condition_of(batch, NOTHING | kept, 3), nodes(batch)
    for given in (condition.features, condition.boxes):
        assert given[node].all()
        assert not given[~node].any()


def test_features_are_dropped_as_a_whole_only_where_the_image_is_hidden(batch):
    condition = condition_of(batch, NOTHING | {"hide_features": 1.0}, 4)
    assert condition.features.all()
    assert not condition.hidden.any()


def test_a_condition_depends_on_the_seeds_alone(batch):
    shares = NOTHING | dict.fromkeys(SHARES, 0.5)
    torch.manual_seed(1)
    first = condition_of(batch, shares, 7)
    torch.manual_seed(2)
    again, other = condition_of(batch, shares, 7), condition_of(batch, shares, 8)
    for name in ("hidden", "noise", "features", "boxes"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
        assert not torch.equal(getattr(first, name), getattr(other, name)), name


@pytest.mark.parametrize("layernorm", [True, False])
@pytest.mark.parametrize("boxes", ["truth", "predicted"])
@pytest.mark.parametrize("image_node", ["dropped", "kept"])
def test_conditions_of_the_tasks(layernorm, boxes, image_node):
    settings = {"layernorm": layernorm, "boxes": boxes, "image_node": image_node}
    batch = random_batch([3, 2])
    noise = torch.randn(batch.images.shape)
    reconstruction = task_condition(batch, "reconstruction", noise, settings)
    synthesis = task_condition(batch, "synthesis", noise, settings)
    kept = [0.0, 0.0, 1.0, 0.0, 1.0] if image_node == "kept" else [0.0] * 5
    for condition, given in ((reconstruction, [1.0] * 5), (synthesis, kept)):
        assert condition.hidden.all()
        assert condition.noise is noise
        assert condition.features.tolist() == condition.boxes.tolist() == [[value] for value in given]
    assert (reconstruction.layernorm, reconstruction.predicted_boxes) == (True, False)
    assert (synthesis.layernorm, synthesis.predicted_boxes) == (layernorm, boxes == "predicted")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("what", ["images", "visual", "boxes", "categories"])
def test_hidden_inputs_do_not_reach_the_generated_images(task, what):
    model, batch = generator().eval(), random_batch([3, 4])
    noise = noise_for(batch.image_ids, 16, 0, 0).double()
    changed = {
        "images": batch.images + 1,
        "visual": batch.visual + 1,
        "boxes": torch.where(batch.is_object[:, None], batch.boxes * 0.9, batch.boxes),
        "categories": (batch.categories + 1) % 4,
    }[what]
    other = replace(batch, **{what: changed})
    before, after = (
        model(b, task_condition(b, task, noise, SETTINGS | {"boxes": "predicted"})).images
        for b in (batch, other)
    )
    hidden = {"reconstruction": {"images"}, "synthesis": {"images", "visual", "boxes"}}[task]
    assert torch.equal(before, after) == (what in hidden)


def test_noise_depends_on_image_noise_sample_and_base_seed_alone():
    noise = noise_for((7, 8, 9), 4, 0, 0)
    assert noise.shape == (3, 3, 4, 4)
    torch.manual_seed(5)
    assert torch.equal(noise_for((9, 7), 4, 0, 0), noise[[2, 0]])
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise_for((7,), 4, 0, 1)[0], noise[0])
    assert not torch.equal(noise_for((7,), 4, 1, 0)[0], noise[0])


def test_noise_is_standard_normal():
    noise = noise_for(tuple(range(20)), 16, 0, 0)
    assert abs(float(noise.mean())) < 4 / noise.numel() ** 0.5
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
