"""The trace: at chance where both kinds of models are drawn alike, near 1 where a method shifts all outputs."""

import numpy as np
import pytest
from attacked_factory import attacked
from benchmark_factory import HELDOUT, REQUESTS, SUBSET

from soulbench.attacks import trace
from soulbench.core.terms import TASKS
from soulbench.evaluation.outputs import REPRESENTATIONS, ModelOutputs

NOISE = 12
#: Images of the benchmark that show no target of any request.
UNRELATED = {*SUBSET, *HELDOUT} - {image for _, _, role, image, *_ in REQUESTS if role != "elsewhere"}


@pytest.fixture
def write(tmp_path):
    """A function that writes the record of a planted model: the photographs, shifted, with noise of its own."""

    def record(model, name, number, shift=0, on=None):
        rng = np.random.default_rng([number, len(name), *map(ord, name)])
        truth = model.context.truth.astype(int)
        # Each model errs by its own amount for each image, and differently in each of the tasks.
        images = {
            task: (truth + rng.integers(-NOISE, NOISE + 1, (len(truth), 1, 1, 1)) + _shift(model, shift, on))
            .clip(0, 255)
            .astype(np.uint8)[None]
            for task in TASKS
        }
        objects = {(task, name): np.zeros((1, 1), np.float32) for task in TASKS for name in REPRESENTATIONS}
        folder = tmp_path / f"{name}{number}"
        folder.mkdir()
        ids = [scene.image_id for scene in model.context.scenes]
        ModelOutputs(images, objects).save(folder / "outputs.npz", ids, model.context.roles, {})
        return folder

    return record


def _shift(model, shift, on):
    """Return the grey levels that are added to each image; `on` names the images, all without it."""
    shifted = [on is None or scene.image_id in on for scene in model.context.scenes]
    return shift * np.array(shifted)[:, None, None, None]


def found(benchmark, write, name, shift=0, on=None, unlearned=4, retrained=4, never_saw=4):
    """Return what the attack finds of a model that is planted as its shadow models are."""
    plain = attacked(benchmark)
    own = write(plain, f"{name}-own", 0, shift, on)
    shadows = {
        "unlearned": [write(plain, f"{name}-u", n, shift, on) for n in range(unlearned)],
        "retrained": [write(plain, f"{name}-r", n) for n in range(retrained)],
        "never_saw": [write(plain, f"{name}-n", n) for n in range(never_saw)],
    }
    model = attacked(benchmark, record=own, before=own, shadows=shadows)
    rows = list(trace.attack([model], trace.Parameters()))
    assert rows
    return rows


def test_a_method_that_shifts_all_outputs_is_told_apart(benchmark, write):
    for one in found(benchmark, write, "shifted", shift=40):
        assert (one.metric, one.status, one.value) == ("auc", "ok", 1.0)
        assert one.budget == len(UNRELATED)


def test_models_that_are_drawn_alike_are_told_apart_by_chance(benchmark, write):
    values = [one.value for n in range(20) for one in found(benchmark, write, f"alike{n}-")]
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)
    assert np.std(values) > 0.1


def test_what_changes_the_targets_alone_leaves_no_trace(benchmark, write):
    related = {*SUBSET, *HELDOUT} - UNRELATED
    values = [
        one.value for n in range(20) for one in found(benchmark, write, f"target{n}-", shift=90, on=related)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.12)


def test_the_controls_own_models_are_at_chance_on_average(benchmark, write):
    """Each plays the attacked one against the others: what one wins, another loses."""
    plain = attacked(benchmark)
    out = [write(plain, "out", n, shift=5 * n) for n in range(4)]
    shadows = {
        "unlearned": [write(plain, "a", n) for n in range(2)],
        "retrained": [write(plain, "b", n) for n in range(2)],
    }
    models = [
        attacked(
            benchmark,
            record=own,
            before=own,
            shadows={**shadows, "never_saw": [one for one in out if one != own]},
        )
        for own in out
    ]
    values = [one.value for one in trace.attack(models, trace.Parameters())]
    assert np.mean(values) == pytest.approx(0.5)
    assert {*values} == {0, 1 / 3, 2 / 3, 1}


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ({"unlearned": 0}, "no model was unlearned with another seed for another request"),
        ({"retrained": 0}, "no model was retrained without another request"),
        ({"never_saw": 0}, "no other model never saw the targets"),
    ],
)
def test_where_there_are_too_few_models_the_row_says_so(benchmark, write, missing, reason):
    for one in found(benchmark, write, "few", **missing):
        assert one.value is None
        assert one.status.startswith(f"not applicable: {reason}")


def test_the_classifier_weighs_what_varies_little():
    rng = np.random.default_rng(0)
    first, second = (rng.normal((mean, 0), (0.2, 2), (20, 2)) for mean in (1, 0))
    score = trace.classifier(first, second)
    assert score(np.array([1.0, 0.0])) > 0 > score(np.array([0.0, 0.0]))
    # A standard deviation of the second feature says less than half of one of the first.
    first, second = (score(np.array(step)) - score(np.zeros(2)) for step in ((0.2, 0.0), (0.0, 2.0)))
    assert abs(second) < first / 2


def test_one_model_of_each_kind_is_enough_for_a_nearest_mean():
    score = trace.classifier(np.array([[2.0, 0.0]]), np.array([[0.0, 0.0]]))
    assert score(np.array([[1.5, 9.0], [0.5, -9.0]])).tolist() == [1.0, -1.0]
