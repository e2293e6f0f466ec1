"""Every file in soulbench/attacks keeps the contract of an attack, on a tiny benchmark."""

import re

import numpy as np
import pandas as pd
import pytest
from scenes_factory import no_log

from soulbench.config import attacks, files
from soulbench.core import plugins, registry
from soulbench.core.columns import ATTACKED
from soulbench.core.errors import UserError
from soulbench.core.paths import MOMENTS, beside
from soulbench.core.records import file_hash, read_json
from soulbench.core.sources import ROOT
from soulbench.core.terms import TASKS
from soulbench.evaluation.attack import AttackCase, attack
from soulbench.evaluation.run import EvaluationRun, evaluate

#: Steps that make a dear attack a cheap one, by parameter.
CHEAP = {"steps": [1, 2], "queries": 3, "orders": 1}


@pytest.fixture(scope="module")
def cases(benchmark, tmp_path_factory):
    """The original and an unlearned model, each evaluated for one request."""
    folder = tmp_path_factory.mktemp("attacked")
    model = folder / "model.safetensors"
    benchmark.unlearn("obj-mk-pa", model)
    original = EvaluationRun("r1", str(benchmark.original), None, {}, folder / "original")
    own = EvaluationRun("r1", str(model), original.out, {original.out: []}, folder / "own")
    evaluate(benchmark.config, "original", 1, [original], benchmark.data, "source", no_log)
    evaluate(benchmark.config, "obj-mk-pa", 1, [own], benchmark.data, "source", no_log)
    before = str(benchmark.original)
    return {
        "original": AttackCase("r1", before, before, original.out, original.out),
        "obj-mk-pa": AttackCase(
            "r1", str(model), before, own.out, original.out, moments=beside(before, MOMENTS)
        ),
    }


@pytest.fixture
def run(benchmark, cases, tmp_path):
    """Return a function that makes an attack; it returns its table, its images and its record."""

    def run(name, method="obj-mk-pa", path=None, out="one", **entry):
        overlay = {"attacks": {name: entry}, "plugins": [str(path)] if path else []}
        config = files.merge(benchmark.config, overlay)
        outputs = [str(tmp_path / f"{name}-{method}-{out}.{suffix}") for suffix in ("csv", "npz", "json")]
        attack(config, name, method, 1, [cases[method]], benchmark.data, *outputs, "source", no_log)
        with np.load(outputs[1]) as images:
            kept = {key: images[key] for key in images.files}
        record = read_json(outputs[2])
        return pd.read_csv(outputs[0]), kept, record, outputs

    return run


def cheap(name):
    """Return an entry that makes an attack as short as it goes."""
    fields = getattr(registry.parameters_class("attacks", name), "__dataclass_fields__", {})
    return {key: value for key, value in CHEAP.items() if key in fields}


@pytest.mark.parametrize("name", registry.ids("attacks"))
def test_every_attack_yields_what_it_declares_and_leaves_its_inputs_alone(run, benchmark, cases, name):
    case = cases["obj-mk-pa"]
    inputs = [case.model, case.original, *map(str, [*case.record.iterdir(), *case.before.iterdir()])]
    before = [file_hash(path) for path in inputs]
    table, images, record, outputs = run(name, **cheap(name))
    code = attacks.attack(benchmark.config, name)
    assert list(table) == list(ATTACKED)
    assert set(table["metric"]) <= set(code.metrics)
    assert set(table["task"]) <= {*TASKS} and set(table["request"]) == {"r1"}
    assert code.judged in set(table["metric"]), "its verdict has a number, or a row that says why not"
    measured = table[table["status"] == "ok"]
    assert np.isfinite(measured["value"]).all() and table[table["status"] != "ok"]["value"].isna().all()
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in images.values())
    assert (record["attack"], record["method"], record["seed"], record["requests"]) == (
        name,
        "obj-mk-pa",
        1,
        ["r1"],
    )
    assert record["digests"] == {attacks.TABLE: file_hash(outputs[0])}
    assert record["timing"]["seconds"] > 0
    assert [file_hash(path) for path in inputs] == before


@pytest.mark.parametrize("name", registry.ids("attacks"))
def test_the_same_attack_finds_the_same_to_the_bit(run, name):
    one, other = (run(name, out=out, **cheap(name)) for out in ("one", "other"))
    pd.testing.assert_frame_equal(one[0], other[0], check_exact=True)
    assert one[1].keys() == other[1].keys()
    assert all((one[1][key] == other[1][key]).all() for key in one[1])


MINE = '''
"""Noise: how much a wrong graph changes the target."""
from soulbench.evaluation.attacked import Outcome

BUDGET, METRICS, JUDGED = "queries", {"error": ("grey levels", "smaller")}, "error"


def attack(models, parameters):
    for model in models:
        model.load()
        image = model.generate([model.scene], [model.visual], "synthesis")
        yield Outcome(model.request.id, "synthesis", 1.0, "error", model.error(image)[0], image=image[0])
'''


@pytest.fixture
def mine(tmp_path):
    """Return a function that writes an attack of one's own."""

    def mine(text):
        plugins.forget()
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    yield mine
    plugins.forget()


def test_an_attack_that_nobody_here_wrote_is_made_and_its_image_kept(run, mine, cases):
    table, images, _, _ = run("mine", path=mine(MINE))
    assert table.to_dict("records")[0] | {"value": 0} == {
        "request": "r1",
        "task": "synthesis",
        "budget": 1.0,
        "metric": "error",
        "unit": "grey levels",
        "value": 0,
        "status": "ok",
    }
    (key,) = images
    assert key == "r1/synthesis/error/1"
    # What is generated is what the evaluation generated of the same scene under the same noise.
    with np.load(cases["obj-mk-pa"].record / "outputs.npz") as outputs:
        assert any((images[key] == one).all() for name in outputs.files for one in _images(outputs[name]))


def _images(array):
    return array.reshape(-1, *array.shape[-3:]) if array.ndim >= 3 and array.shape[-1] == 3 else []


def test_the_attack_of_the_documentation_is_made(run, mine):
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "attacks.md").read_text(), re.DOTALL)
    table = run("mine", path=mine(text), images=3)[0]
    for task in TASKS:
        errors = table[table["task"] == task].sort_values("budget")["value"].tolist()
        assert len(errors) == 3 and errors == sorted(errors, reverse=True)
    code = attacks.attack({"plugins": [str(mine(text))]}, "mine")
    assert code.work(registry.parameters("attacks", "mine", {"images": 3}, plugins=(str(mine(text)),))) == {
        "outputs": 6
    }


BROKEN = {
    "another metric": (
        '"error", model',
        '"mistake", model',
        "yields the metric 'mistake', which METRICS does not declare",
    ),
    "no such task": (
        'model.request.id, "synthesis"',
        'model.request.id, "drawing"',
        "there is no task 'drawing'",
    ),
    "not finite": ("model.error(image)[0]", 'float("nan")', "error is nan; a finite number is needed"),
    "neither value nor reason": ("model.error(image)[0]", "None", "needs a value, or a status that says why"),
}


@pytest.mark.parametrize(("old", "new", "message"), BROKEN.values(), ids=BROKEN)
def test_an_outcome_that_is_none_is_refused_and_nothing_is_written(run, mine, tmp_path, old, new, message):
    assert old in MINE
    with pytest.raises(UserError) as caught:
        run("mine", path=mine(MINE.replace(old, new)))
    assert str(caught.value).startswith(f"{tmp_path / 'mine.py'}: attack mine, request r1: ")
    assert message in str(caught.value)
    assert not list(tmp_path.glob("mine-*"))


def test_why_an_attack_does_not_apply_is_a_row(run, mine):
    text = MINE.replace("model.error(image)[0], image=image[0]", 'None, "not applicable: no other view"')
    table, images, _, _ = run("mine", path=mine(text))
    assert table["status"].tolist() == ["not applicable: no other view"] and table["value"].isna().all()
    assert not images


def test_weights_that_an_attack_changed_are_as_before_when_loaded_again(run, mine):
    text = MINE.replace(
        "        model.load()\n",
        "        for weight in model.load().parameters():\n            weight.data.zero_()\n        model.load()\n",
    )
    assert text != MINE
    pd.testing.assert_frame_equal(
        run("mine", path=mine(text))[0], run("mine", path=mine(MINE), out="other")[0]
    )


def test_compression_at_full_precision_is_the_model_as_it_is(run, cases):
    table = run("compression", "original", pruned=[0.9], bits=[2])[0]
    whole = table[(table["budget"] == 32) & (table["metric"] == "error")].set_index("task")["value"]
    metrics = pd.read_csv(cases["original"].record / "metrics.csv")
    errors = metrics[(metrics["dimension"] == "target_error") & (metrics["metric"] == "mae")].set_index(
        "task"
    )["value"]
    assert whole.loc[list(TASKS)].tolist() == pytest.approx(errors.loc[list(TASKS)].tolist(), abs=1.5)
    assert len(table) == 2 * 5
