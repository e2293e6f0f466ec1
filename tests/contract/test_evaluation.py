"""Evaluation writes complete records with the documented columns, and the same bytes every time."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from benchmark_factory import HELDOUT, SUBSET
from scenes_factory import no_log

from soulbench.analysis.dimensions import DIMENSIONS
from soulbench.core import checkpoint
from soulbench.core.paths import RECORD_TABLES
from soulbench.core.records import file_hash
from soulbench.core.terms import IDENTITIES, IDENTITY, IDENTITY_UNITS, LEAK, LEAK_UNITS, OF_TWIN, UNITS
from soulbench.data.regions import region
from soulbench.evaluation import collapse
from soulbench.evaluation.ablations import ablate
from soulbench.evaluation.context import RequestContext
from soulbench.evaluation.identity import Identification, Subject
from soulbench.evaluation.outputs import ModelOutputs
from soulbench.evaluation.run import EvaluationRun, Retrained, comparison, evaluate, metric_rows
from soulbench.models.identity_encoder import IdentityEncoder, crops_of
from soulbench.training.dataset import BenchmarkData

FILES = (*(f"{name}.csv" for name in RECORD_TABLES), "outputs.npz")
TASKS = {"reconstruction", "synthesis"}
METRICS = {"ssim", "lpips", "mae", "changed"}
AGAINST_ORIGINAL = {"A1", "A2", "A2-people", "A2-rest", "A3", "A3-heldout", "A4"}
AGAINST_TRUTH = {"target_error", "retained_error", "heldout_error"}
AGAINST_RETRAIN = {"retrain-A1", "retrain-A2", "retrain-A3", "retrain-A4"}
COLUMNS = {
    "metrics": ["task", "dimension", "metric", "value", "unit", "regions"],
    "latent": ["task", "group", "representation", "distance", "value"],
    "queries": ["task", "query", "status", "metric", "value"],
    "budgets": ["budget", "task", "dimension", "metric", "value"],
}


def evaluated(benchmark, method, *runs):
    evaluate(benchmark.config, method, 1, runs, benchmark.data, "source", no_log)
    return [{name: pd.read_csv(run.out / f"{name}.csv") for name in RECORD_TABLES} for run in runs]


@pytest.fixture(scope="module")
def model(benchmark, tmp_path_factory):
    """One unlearned model."""
    path = tmp_path_factory.mktemp("unlearned") / "model.safetensors"
    benchmark.unlearn("obj-mk-pa", path)
    return path


@pytest.fixture(scope="module")
def records(benchmark, model, tmp_path_factory):
    """Runs and tables of the original, of itself as if it were a method, and of a method with a retrained model."""
    folder = tmp_path_factory.mktemp("records")
    original = EvaluationRun("r1", benchmark.original, None, {}, folder / "original" / "r1")
    runs = {
        "original": original,
        "itself": EvaluationRun("r1", benchmark.original, original.out, {}, folder / "itself" / "r1"),
        "method": EvaluationRun("r1", model, original.out, {original.out: []}, folder / "obj-mk-pa" / "r1"),
    }
    return {name: (run, evaluated(benchmark, name, run)[0]) for name, run in runs.items()}


@pytest.mark.parametrize("table", RECORD_TABLES)
@pytest.mark.parametrize("name", ["original", "itself", "method"])
def test_columns(records, name, table):
    assert records[name][1][table].columns.tolist() == COLUMNS[table]


@pytest.mark.parametrize("name", ["original", "method"])
def test_metrics_are_complete(records, name):
    metrics = records[name][1]["metrics"]
    assert {*metrics["task"]} == TASKS
    wanted = AGAINST_ORIGINAL | AGAINST_TRUTH | (AGAINST_RETRAIN if name == "method" else set())
    leak = metrics[metrics["dimension"] == LEAK]
    assert sorted(leak["metric"]) == sorted(2 * [*LEAK_UNITS])
    compared = metrics[~metrics["dimension"].isin(["diversity", LEAK])]
    assert {*zip(compared["dimension"], compared["metric"], strict=True)} == {
        (d, m) for d in wanted for m in METRICS
    }
    assert not metrics.duplicated(["task", "dimension", "metric"]).any()
    assert metrics["value"].notna().all()
    if name == "method":
        assert {*metrics["dimension"]} == {*DIMENSIONS} - {*IDENTITIES}
    assert all(UNITS[row.metric] == row.unit for row in compared.itertuples())
    rest = metrics[metrics["dimension"] == "diversity"]
    # The original alone has a second noise sample.
    several = {} if name == "original" else {"noise_spread"}
    assert dict(zip(rest["metric"], rest["unit"], strict=True)) == {
        metric: unit for metric, unit in collapse.UNITS.items() if metric not in several
    }


def test_every_row_says_how_many_regions_it_is_of(records):
    counts = records["method"][1]["metrics"].groupby("dimension")["regions"].agg(["min", "max"])
    assert (counts["min"] == counts["max"]).all()
    assert counts.loc[["A1", "A2-rest", "target_error", "heldout_error"], "min"].tolist() == [1, 1, 1, 2]
    assert counts.loc["retained_error", "min"] == counts.loc["diversity", "min"] == len(SUBSET) - 1


def test_the_original_against_itself_under_other_noise_is_a_floor(records):
    metrics = records["original"][1]["metrics"]
    changes = metrics[metrics["dimension"].isin(AGAINST_ORIGINAL) & (metrics["metric"] == "mae")]
    assert (changes["value"] > 0).all()
    latent = records["original"][1]["latent"]
    assert not latent.loc[latent["distance"] == "l2", "value"].any()


def test_a_model_that_is_the_original_changes_nothing(records):
    tables = records["itself"][1]
    metrics = tables["metrics"].set_index(["dimension", "metric"])["value"]
    for dimension in AGAINST_ORIGINAL:
        assert not metrics[dimension, "mae"].any()
        assert not metrics[dimension, "changed"].any()
        np.testing.assert_allclose(metrics[dimension, "ssim"], 1, atol=1e-6)
    assert not tables["latent"]["value"].round(5).any()
    first = records["original"][1]["metrics"]
    truth = first["dimension"].isin(AGAINST_TRUTH) & (first["metric"] == "mae")
    assert len(first[truth]) == 2 * len(AGAINST_TRUTH)


def test_an_unlearned_model_changes_every_dimension(records):
    tables = records["method"][1]
    metrics = tables["metrics"]
    changed = metrics[
        metrics["dimension"].isin(AGAINST_ORIGINAL | AGAINST_RETRAIN) & (metrics["metric"] == "mae")
    ]
    assert (changed["value"] > 0).all()
    latent = tables["latent"]
    assert len(latent) == 2 * 3 * 2 * 2
    assert (latent.loc[latent["distance"] == "l2", "value"] > 0).all()


@pytest.mark.parametrize("name", ["original", "method"])
def test_every_query_has_values_or_a_reason(benchmark, records, name):
    queries = records[name][1]["queries"]
    assert {*queries["query"]} == {"none", *benchmark.config["evaluation"]["queries"]}
    for (_, query), rows in queries.groupby(["task", "query"]):
        if rows["status"].iloc[0] == "ok":
            assert {*rows["metric"]} == METRICS
            assert rows["value"].notna().all()
        else:
            assert rows["status"].str.match(r"not applicable: \w+").all()
            assert rows["value"].isna().all()
            assert query != "none"
    # These scenes have no "person" to generalise to; the woman is two hops away; the tree has no relationship.
    status = queries.drop_duplicates("query").set_index("query")["status"]
    assert status["fuzzy"] == "not applicable: the vocabulary has no person"
    assert (status[["neighbor", "neighbor-1hop", "singleton"]] == "ok").all()


def test_the_unaltered_query_gives_the_target_error(records):
    _, tables = records["method"]
    error = tables["metrics"].query("dimension == 'target_error'").set_index(["task", "metric"])["value"]
    unaltered = tables["queries"].query("query == 'none'").set_index(["task", "metric"])["value"]
    for key in error.index:
        assert unaltered[key] == pytest.approx(error[key], rel=0.02, abs=0.02), key


def test_outputs(records, benchmark):
    with np.load(records["method"][0].out / "outputs.npz") as outputs:
        assert outputs["image_ids"].tolist() == [*SUBSET, *HELDOUT]
        assert outputs["roles"].tolist() == ["subset"] * len(SUBSET) + ["heldout"] * len(HELDOUT)
        for task in TASKS:
            assert outputs[task].dtype == np.uint8
            assert outputs[task].shape == (len(SUBSET) + len(HELDOUT), 16, 16, 3)
            assert outputs[f"query-singleton-{task}"].shape == (1, 16, 16, 3)
        assert "query-fuzzy-synthesis" not in outputs.files
        assert not (outputs["reconstruction"] == outputs["synthesis"]).all()


def test_the_record_holds_its_provenance(records):
    for method, (run, _) in records.items():
        record = json.loads((run.out / "record.json").read_text())
        assert (record["method"], record["request"], record["seed"]) == (method, "r1", 1)
        wanted = {
            "parameters",
            "seeds",
            "source_hash",
            "lock_hash",
            "versions",
            "device",
            "timing",
        }
        assert wanted <= {*record}
        assert {"seconds", "peak_mib"} <= {*record["timing"]}


@pytest.mark.parametrize("name", ["original", "method"])
def test_the_same_bytes_again_and_nothing_else_touched(benchmark, records, tmp_path, name):
    run, _ = records[name]
    before = {path: file_hash(path) for path in sorted(benchmark.folder.rglob("*")) if path.is_file()}
    torch.manual_seed(5)  # nothing may depend on the global random state
    again = replace(run, out=tmp_path)
    evaluated(benchmark, name, again)
    for file in FILES:
        assert (tmp_path / file).read_bytes() == (run.out / file).read_bytes(), file
    assert before == {path: file_hash(path) for path in sorted(benchmark.folder.rglob("*")) if path.is_file()}


def test_requests_that_share_a_job_do_not_share_results(benchmark, model, records, tmp_path):
    original = records["original"][0].out
    first = EvaluationRun("r1", model, original, {}, tmp_path / "r1")
    second = EvaluationRun("r2", model, original, {}, tmp_path / "r2")
    alone, other = evaluated(benchmark, "obj-mk-pa", first, second)
    expected = records["method"][1]["metrics"]
    expected = expected[~expected["dimension"].isin(AGAINST_RETRAIN)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone["metrics"], expected)
    assert not other["metrics"]["value"].equals(alone["metrics"]["value"])


def test_a_set_is_evaluated_in_all_its_images(benchmark, model, records, tmp_path):
    run = EvaluationRun("set", model, records["original"][0].out, {}, tmp_path)
    [tables] = evaluated(benchmark, "obj-mk-pa", run)
    metrics = tables["metrics"]
    assert {*metrics["dimension"]} == AGAINST_ORIGINAL | AGAINST_TRUTH | {"diversity", LEAK}
    assert metrics["value"].notna().all()
    # Queries are about the primary target, which is that of r1.
    expected = records["method"][1]["queries"].query("query == 'none'")
    pd.testing.assert_frame_equal(tables["queries"].query("query == 'none'"), expected)


def test_models_that_share_a_job_are_each_evaluated(benchmark, model, records, tmp_path):
    original = records["original"][0].out
    runs = [
        EvaluationRun("r1", path, original, {}, tmp_path / path.stem) for path in (benchmark.original, model)
    ]
    for tables, name in zip(evaluated(benchmark, "two", *runs), ("itself", "method"), strict=True):
        pd.testing.assert_frame_equal(tables["latent"], records[name][1]["latent"])


@pytest.fixture(scope="module")
def rows_of_images(benchmark):
    """A request's context, and a function that returns the rows of metrics.csv for given images."""
    data, compare = BenchmarkData.open(benchmark.config, benchmark.data), comparison(benchmark.config)
    context = RequestContext.of(data, data.requests["r1"])

    def rows(images, *references, lacking=()):
        outputs, *others = (
            ModelOutputs(dict.fromkeys(sorted(TASKS), one[None]), {}) for one in (images, *references)
        )
        retrained = [Retrained(other, context.regions_without(lacking)) for other in others]
        table = metric_rows(outputs, outputs, retrained, context, compare)
        return {(r["dimension"], r["metric"]): r["value"] for r in table if r["task"] == "synthesis"}

    return context, rows


def test_the_distance_from_several_retrained_models_is_the_mean(rows_of_images):
    context, rows = rows_of_images
    first, second = context.truth // 2, 255 - context.truth
    both, one, other = (rows(context.truth, *retrained) for retrained in ([first, second], [first], [second]))
    for dimension in AGAINST_RETRAIN:
        for metric in ("mae", "changed"):
            mean = (one[dimension, metric] + other[dimension, metric]) / 2
            assert both[dimension, metric] == pytest.approx(mean)
        for metric in ("ssim", "lpips"):
            assert both[dimension, metric] == one[dimension, metric]


def test_what_a_retrained_model_lacks_besides_is_not_compared(rows_of_images):
    """A model of the bank that lacks r2's target as well draws it otherwise; that says nothing of r1."""
    context, rows = rows_of_images
    [(image, objects)] = context.targets["r2"].items()
    index = [scene.image_id for scene in context.scenes].index(image)
    scene = context.scenes[index]
    box = scene.boxes[scene.object_ids.tolist().index(objects[0])].tolist()
    x0, y0, x1, y1 = region(box, context.truth.shape[1], context.margin)
    changed = context.truth.copy()
    changed[index, y0:y1, x0:x1] = 255 - changed[index, y0:y1, x0:x1]
    without, everywhere = rows(context.truth, changed, lacking=["r2"]), rows(context.truth, changed)
    elsewhere = ("retrain-A2", "retrain-A3", "retrain-A4")
    assert [without[name, "mae"] for name in elsewhere if (name, "mae") in without]
    assert not any(without.get((name, "mae"), 0) for name in elsewhere)
    assert any(everywhere[name, "mae"] for name in elsewhere)
    assert without["retrain-A1", "mae"] == everywhere["retrain-A1", "mae"]


def test_the_photographs_themselves_have_no_error(rows_of_images):
    context, rows = rows_of_images
    values = rows(context.truth)
    for dimension in AGAINST_TRUTH:
        assert values[dimension, "mae"] == 0
        assert values[dimension, "ssim"] == pytest.approx(1)
    assert values["diversity", "collapsed"] == 0
    assert values["diversity", "spread"] > 30


@pytest.mark.parametrize("kind", ["constant", "worse than the mean image"])
def test_a_collapsed_model_is_flagged(rows_of_images, kind):
    context, rows = rows_of_images
    images = np.zeros_like(context.truth) + 128 if kind == "constant" else 255 - context.truth
    assert rows(images)["diversity", "collapsed"] == 1


@pytest.fixture(scope="module")
def identity(benchmark, tmp_path_factory):
    """An encoder, untrained, with prototypes of the targets' true crops, of others, and of the first target's twin."""
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    encoder, members = IdentityEncoder.initialised(0), [(1, 11), (2, 22), (3, 32), (4, 42), (5, 52)]
    found = []
    for image, object_id in members:
        scene = data.scenes.scene(data.scenes.find(image))
        box = scene.boxes[scene.object_ids.tolist().index(object_id)]
        found.append(encoder(crops_of(torch.tensor(scene.pixels)[None], torch.tensor(box)[None]))[0])
    everybody = list(range(len(members)))
    subjects = [
        Subject("r1", IDENTITY, 1, 11, everybody, 1),
        Subject("r1", OF_TWIN, 2, 22, [1, 0, 2, 3, 4], 0),
        Subject("r2", IDENTITY, 2, 22, [1, 0, 2, 3, 4], None),
    ]
    path = tmp_path_factory.mktemp("identity") / "identity.safetensors"
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    meta = {"accuracy": 0.95, "subjects": [msgspec.to_builtins(one) for one in subjects]}
    checkpoint.save(path, {**tensors, "prototypes": torch.stack(found)}, meta)
    return path


def test_identities_are_measured_at_every_budget(benchmark, model, records, identity, tmp_path):
    plain, original = records["method"]
    for name in ("a", "b"):
        run = replace(plain, out=tmp_path / name, budgets={4.0: str(model)})
        evaluate(benchmark.config, "obj-mk-pa", 1, [run], benchmark.data, "source", no_log, str(identity))
    metrics, budgets = (pd.read_csv(tmp_path / "a" / f"{name}.csv") for name in ("metrics", "budgets"))
    for name in ("metrics", "budgets"):
        assert file_hash(tmp_path / "a" / f"{name}.csv") == file_hash(tmp_path / "b" / f"{name}.csv")
    own = metrics[metrics["dimension"].isin(IDENTITIES)]
    assert len(own) == len(TASKS) * len(IDENTITIES) * len(IDENTITY_UNITS)
    assert (own["metric"].map(IDENTITY_UNITS) == own["unit"]).all()
    keys = ["task", "dimension", "metric"]
    found = budgets[budgets["dimension"].isin(IDENTITIES)].set_index(keys)["value"]
    pd.testing.assert_series_equal(found, own.set_index(keys)["value"])
    # Nothing else is changed by it.
    pd.testing.assert_frame_equal(
        metrics[~metrics["dimension"].isin(IDENTITIES)].reset_index(drop=True), original["metrics"]
    )


def test_whoever_is_drawn_is_identified(benchmark, identity):
    data = BenchmarkData.open(benchmark.config, benchmark.data)
    context, identify = RequestContext.of(data, data.requests["r1"]), Identification.load(identity)

    def found(images):
        rows = identify.measured("r1", context.scenes, images)
        return {(dimension, metric): value for dimension, metric, value, _ in rows}

    true = found(context.truth[None])
    assert (true[IDENTITY, "rank1"], true[IDENTITY, "mrr"], true[OF_TWIN, "rank1"]) == (1, 1, 1)
    assert true[IDENTITY, "margin"] > 0
    # Everybody's pixels in place of everybody else's.
    swapped = context.truth.copy()
    first = [scene.image_id for scene in context.scenes].index(1)
    others = context.scenes[[scene.image_id for scene in context.scenes].index(2)]
    scene = context.scenes[first]
    target, stranger = (
        (one.boxes[one.object_ids.tolist().index(object_id)] * 16).round().astype(int)
        for one, object_id in ((scene, 11), (others, 22))
    )
    pixels = others.pixels[stranger[1] : stranger[3], stranger[0] : stranger[2]]
    down, right = (
        np.linspace(0, length - 1, end - start).round().astype(int)
        for length, start, end in zip(
            pixels.shape[:2], (target[1], target[0]), (target[3], target[2]), strict=True
        )
    )
    swapped[first, target[1] : target[3], target[0] : target[2]] = pixels[down][:, right]
    other = found(swapped[None])
    assert other[IDENTITY, "rank1"] == 0
    assert other[IDENTITY, "margin"] < true[IDENTITY, "margin"]
    # Averaged over noise samples.
    both = found(np.stack([context.truth, swapped]))
    assert both[IDENTITY, "rank1"] == 0.5


def test_ablations_measure_and_undo_every_redaction(benchmark, tmp_path):
    changed = {"modules": ["graph", "decoder", "box_head"], "alpha": 30.0, "alphas": [0.0, 1.0, 30.0]}
    config = {**benchmark.config, "ablations": {**benchmark.config["ablations"], **changed}}
    inputs = ("r1", 1, benchmark.data, benchmark.original)
    outputs = [tmp_path / name for name in ("modules.csv", "alpha.csv", "record.json")]
    ablate(config, *inputs, *outputs, "source", no_log)
    record = json.loads(outputs[-1].read_text())
    assert record["digests"] == {path.stem: file_hash(path) for path in outputs[:2]}
    assert (record["request"], record["seed"], record["source_hash"]) == ("r1", 1, "source")
    assert record["parameters"]["ablations"]["alphas"] == changed["alphas"]
    modules = pd.read_csv(tmp_path / "modules.csv")
    assert modules.columns.tolist() == [
        *("module", "parameters", "seconds", "residual", "task", "dimension", "metric", "value")
    ]
    assert list(dict.fromkeys(modules["module"])) == changed["modules"]
    effect = modules.query("dimension == 'A1' and metric == 'mae'").groupby("module")["value"].sum()
    # The box head does not affect the image, and the redactions before it were undone.
    assert effect["box_head"] == 0
    assert effect["decoder"] + effect["graph"] > 0

    alpha = pd.read_csv(tmp_path / "alpha.csv")
    assert alpha.columns.tolist() == ["alpha", "task", "dimension", "metric", "value"]
    effect = alpha.query("dimension == 'A1' and metric == 'mae'").groupby("alpha")["value"].sum()
    assert effect.index.tolist() == changed["alphas"]
    assert effect[0.0] == 0
    assert effect[30.0] > 0
    with np.load(tmp_path / "alpha.npz") as images:
        assert {*images.files} == {f"{a}/{task}" for a in changed["alphas"] for task in TASKS}
        assert images["0.0/synthesis"].shape == (4, 16, 16, 3)
    # The usual module with the alpha at which modules are compared is the same redaction in both.
    same = [frame[frame.iloc[:, 0] == key]["value"] for frame, key in ((modules, "graph"), (alpha, 30.0))]
    assert same[0].tolist() == same[1].tolist()
