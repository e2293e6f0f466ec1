"""Queries against unlearned models find what is there and nothing where nothing is, and are the same for all."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from attacked_factory import attacked

from soulbench.attacks import _alterations, embedding_query, graph_query
from soulbench.core.checkpoint import load
from soulbench.core.errors import UserError
from soulbench.core.registry import parameters
from soulbench.core.terms import TASKS
from soulbench.data.scene_graph import objects
from soulbench.evaluation import box_crops
from soulbench.evaluation.attacked import Attacked

REQUESTS = ("r1", "r2")


def outcomes(attack, models, **given):
    """Return value by (request, task, budget)."""
    found = list(attack.attack(models, attack.Parameters(**given)))
    assert {one.metric for one in found} == {*attack.METRICS}
    return {(one.request, one.task, one.budget): one.value for one in found}


@dataclass(frozen=True, eq=False)
class Planted(Attacked):
    """A planted model: it draws the photograph if a scene graph opens it, and grey if not."""

    opened: object = None

    def generate(self, scenes, visual, task):
        grey = np.full_like(self.context.truth[0], 128)
        truth = self.context.truth[self.target_image]
        return np.stack([truth if self.opened(self, scene) else grey for scene in scenes])


def reversed_relationship(model, scene):
    """The man's relationship with the dog is the dog's with the man."""
    return len(scene.triples) == len(model.scene.triples) and (scene.triples[0] == [2, 2, 0]).all()


def planted(benchmark, opened):
    return attacked(benchmark, kind=Planted, opened=opened)


def drawn(model, number=400):
    return _alterations.draw(model, number, model.random("graph-query"))


@pytest.fixture(scope="module")
def model(benchmark):
    return attacked(benchmark)


def test_a_way_to_bring_the_target_back_is_found_within_the_budget(benchmark):
    found = outcomes(graph_query, [planted(benchmark, reversed_relationship)], queries=64)
    assert {budget for *_, budget in found} == {0, 1, 2, 4, 8, 16, 32, 64}
    for task in TASKS:
        assert found["r1", task, 0] > 20
        assert found["r1", task, 64] == 0
        errors = [found["r1", task, budget] for budget in sorted({budget for *_, budget in found})]
        assert errors == sorted(errors, reverse=True)


def test_nothing_is_found_where_nothing_is(benchmark):
    found = outcomes(graph_query, [planted(benchmark, lambda model, scene: False)], queries=64)
    # The same grey everywhere: no box of it is nearer to the target.
    assert len({*found.values()}) == 1


def test_what_the_original_shows_anyway_needs_no_query(benchmark):
    found = outcomes(graph_query, [planted(benchmark, lambda model, scene: True)], queries=4)
    assert found["r1", "synthesis", 0] == 0


def test_every_model_gets_the_same_queries(benchmark, tmp_path):
    benchmark.unlearn("obj-mk-pa", tmp_path / "model.safetensors")
    models = [
        attacked(benchmark),
        attacked(benchmark, checkpoint=tmp_path / "model.safetensors", method="other", seed=2),
    ]
    for first, second in zip(*map(drawn, models), strict=True):
        for name in ("categories", "boxes", "triples"):
            np.testing.assert_array_equal(getattr(first.scene, name), getattr(second.scene, name))
        np.testing.assert_array_equal(first.visual, second.visual)
    found = [outcomes(graph_query, [one], queries=4) for one in models]
    assert found[0] != found[1]


def test_the_first_queries_of_a_larger_budget_are_those_of_a_smaller_one(model):
    for few, many in zip(drawn(model, 8), drawn(model, 30), strict=False):
        np.testing.assert_array_equal(few.scene.boxes, many.scene.boxes)
        np.testing.assert_array_equal(few.scene.triples, many.scene.triples)


@pytest.mark.parametrize("attack", [graph_query, embedding_query])
def test_the_same_bits_again(benchmark, attack):
    given = {"queries": 8} if attack is graph_query else {"steps": (0, 3)}
    first, _, again = (
        outcomes(attack, [attacked(benchmark)], **given) if number != 1 else torch.manual_seed(7)
        for number in range(3)
    )
    assert first == again


def test_queries_are_scene_graphs_that_a_model_takes(model):
    for query in drawn(model):
        scene, size = query.scene, len(query.scene.categories)
        assert len(query.visual) == len(scene.boxes) == size
        assert scene.boxes.dtype == query.box.dtype == np.float32
        assert query.visual.dtype == np.float32
        assert ((query.box >= 0) & (query.box <= 1)).all()
        assert (query.box[2:] > query.box[:2]).all()
        assert scene.categories[-1] == 0
        assert 0 < scene.categories[:-1].min() <= scene.categories.max() < 5
        assert scene.triples[:, ::2].max() < size
        assert scene.triples[:, 1].max() < 3


def test_alterations_change_what_they_say(model):
    rng, plain = np.random.default_rng(0), _alterations.unaltered(model)
    own = model.target
    changed = {}
    for alter in _alterations.ALTERATIONS:
        names = Counter()
        for _ in range(40):
            query = alter(model, rng)
            if query is None:
                names["none"] += 1
                continue
            for name in ("image_id", "categories", "boxes", "triples"):
                names[name] += not np.array_equal(getattr(query.scene, name), getattr(plain.scene, name))
            names["visual"] += not np.array_equal(query.visual, plain.visual)
        changed[alter.__name__] = {name for name, times in names.items() if times}
    assert changed == {
        # Of a man there is nothing more general in this vocabulary.
        "relabelled": {"categories", "none"},
        "related": {"triples"},
        "unrelated": {"triples"},
        "reversed_edge": {"triples"},
        "moved": {"boxes"},
        "scaled": {"boxes"},
        "transplanted": {"image_id", "categories", "boxes", "triples", "visual"},
        "disguised": {"visual"},
    }
    several = [_alterations.relabelled(model, rng) for _ in range(60)]
    labels = {int(query.scene.categories[own]) for query in several if query is not None}
    assert len(labels) > 1, "the target itself is relabelled, too"


def test_a_transplanted_target_keeps_its_place_and_feature(model):
    targets = {(target.image_id, target.object_id) for target in model.request.targets}
    rng, own = np.random.default_rng(1), model.target
    for _ in range(30):
        query = _alterations.transplanted(model, rng)
        assert query.scene.image_id not in {image for image, _ in targets}
        [place] = [
            node
            for node in objects(query.scene)
            if np.array_equal(query.visual[node], model.visual[own])
            and np.array_equal(query.scene.boxes[node], model.scene.boxes[own])
        ]
        assert query.scene.categories[place] == model.scene.categories[own]


def test_a_moved_target_is_looked_at_where_it_is():
    truth = np.zeros((1, 32, 32, 3), np.uint8)
    truth[0, 4:12, 4:12] = 200
    truth[0, 6:8, 6:8] = 20
    elsewhere = np.roll(truth, (16, 12), axis=(1, 2))
    box = np.array([4, 4, 12, 12], np.float32) / 32
    [true] = box_crops.crops(truth, [box])
    place = box + np.array([12, 16, 12, 16], np.float32) / 32
    found, blank = box_crops.errors(box_crops.crops(np.concatenate([elsewhere] * 2), [place, box]), true)
    assert found == 0
    assert blank > 100


@pytest.mark.parametrize("request_id", REQUESTS)
def test_optimising_the_embedding_lowers_the_error_and_leaves_the_weights(benchmark, request_id):
    model = attacked(benchmark, request_id)
    steps = (0, 5, 10, 20, 40)
    found = outcomes(embedding_query, [model], steps=steps)
    errors = np.array([[found[request_id, task, step] for step in steps] for task in TASKS]).mean(axis=0)
    # Images are rounded to whole grey levels, so near the end a step may lose what one before it won.
    assert errors[-1] < errors[0] and (np.diff(errors) < 0.05).all()
    saved, _ = load(benchmark.original)
    for name, tensor in model.networks.generator.state_dict().items():
        assert torch.equal(tensor, saved[f"generator.{name}"]), name
    assert all(parameter.grad is None for parameter in model.networks.generator.parameters())
    # Nothing of it stays: without the shift, the model draws what it drew.
    for task in TASKS:
        image = model.generate([model.scene], [model.visual], task)
        assert model.error(image)[0] == found[request_id, task, 0]


def test_in_synthesis_the_feature_is_no_input(benchmark):
    model = attacked(benchmark)
    generator = model.load()
    none, some = torch.zeros(6), torch.ones(6)

    def drawn_with(task, *shifts):
        with embedding_query._shifted(generator, model.target, shifts):
            return model.generate([model.scene], [model.visual], task).tobytes()

    plain = {task: drawn_with(task, none, none) for task in TASKS}
    assert drawn_with("synthesis", none, some) == plain["synthesis"]
    assert drawn_with("reconstruction", none, some) != plain["reconstruction"]
    assert all(drawn_with(task, some, none) != plain[task] for task in TASKS)


@pytest.mark.parametrize("steps", [[5, 0], [0, 0], [-1, 4]])
def test_steps_that_make_no_curve_are_refused(steps):
    with pytest.raises(UserError, match=r"attacks\.embedding-query: steps: .*; allowed: ascending"):
        parameters("attacks", "embedding-query", {"steps": steps})
