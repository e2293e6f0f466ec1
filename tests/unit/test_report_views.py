"""What the views of the page are made of: numbers as in the tables, images within the space left, links that lead."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soulbench.analysis import methods
from soulbench.analysis.evidence import Evidence
from soulbench.analysis.pairs import pairs
from soulbench.config import runs
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import read_csv
from soulbench.core.terms import AS_DESCRIBED, SELECTED, TASKS, UNITS
from soulbench.report import film, pictures, shown_models
from soulbench.report.claims import forest, links
from soulbench.report.compact import compact_json
from soulbench.report.costs import cost_view
from soulbench.report.measurements import measurements
from soulbench.report.page import embedded
from soulbench.report.scores import with_measured_beside
from tests.unit.records_factory import config
from tests.unit.test_figures import prepare


def settings(bank=False):
    """Return settings; with a bank, there are requests on which budgets are selected."""
    found = config(bootstrap=60)
    if bank:
        found["references"]["bank"] = {"models": 4, "share": 0.5}
        found["requests"]["development"] = 2
    return found


@pytest.fixture(scope="module")
def given(results):
    return measurements(*results)


@pytest.fixture(scope="module", params=[False, True], ids=["retrain", "bank"])
def results(request, tmp_path_factory):
    found = settings(request.param)
    return found, prepare(tmp_path_factory.mktemp("results"), found)


def test_the_plane_is_that_of_the_tables(results, given):
    (found, paths), plane = results, given["plane"]["all"]
    selected = {method["id"]: method["selected"] for method in given["methods"]}
    for row in read_csv(paths.table("scoreboard")).to_dict("records"):
        points = plane[row["task"]]["mae"]["points"][row["method"]]
        budget = runs.described_budget(found, row["method"])
        if row["operating_point"] == SELECTED:
            budget = selected[row["method"]]
        point = next(point for point in points if point["budget"] == budget)
        ends = [row["forgotten"], row["forgotten_low"], row["forgotten_high"]]
        assert point["forgotten"] == pytest.approx(ends if np.isfinite(ends).all() else ends[:1])
        assert point["harm"]["A3"][0] == pytest.approx(row["harm_A3"], nan_ok=True)
    for row in read_csv(paths.table("paths")).to_dict("records"):
        points = plane[row["task"]]["mae"]["points"][row["method"]]
        point = next(point for point in points if point["budget"] == row["budget"])
        assert point["forgotten"][0] == pytest.approx(row["forgotten"])
        assert point["harm"]["A2"][0] == pytest.approx(row["harm"])


def test_a_metric_that_the_configuration_adds_has_its_name_unit_and_threshold(results):
    config, paths = results
    added = {**config, "evaluation": {**config["evaluation"], "metrics": {"delta-e": {}}}}
    given = measurements(added, paths)
    assert [metric["id"] for metric in given["metrics"]] == [*UNITS, "delta-e"]
    assert given["metrics"][-1] == {
        "id": "delta-e",
        "name": "colour difference (CIEDE2000)",
        "unit": "delta E",
        "similarity": False,
    }
    assert given["negligible"]["delta-e"] == 1.0 and given["negligible"]["mae"] == 2.55


def test_methods_have_their_outcomes_at_every_operating_point(results, given):
    found, paths = results
    selected = read_csv(paths.table("selected")).set_index("method")["budget"]
    assert bool(len(selected)) == bool(found["requests"]["development"])
    scores = read_csv(paths.table("scoreboard"))
    for method in given["methods"]:
        assert method["selected"] == selected.get(method["id"])
        rows = scores[scores["method"] == method["id"]]
        for point, task, outcome in rows[["operating_point", "task", "outcome"]].itertuples(index=False):
            assert method["outcomes"][point][task] == outcome
        assert len(method["outcomes"]) == rows["operating_point"].nunique()


def test_values_are_the_measurements(results, given):
    found, paths = results
    index = [request["id"] for request in given["requests"]].index("r2")
    rows = read_csv(paths.table("metrics"))
    rows = rows[(rows["request"] == "r2") & (rows["task"] == TASKS[1]) & (rows["metric"] == "ssim")]
    for name in ("obj-if", "original", "reseed"):
        own = rows[(rows["method"] == name) & (rows["dimension"] == "A2")].sort_values("seed")["value"]
        assert given["values"][name][TASKS[1]]["A2"]["ssim"][index] == pytest.approx(own.tolist())
    errors = rows[rows["dimension"] == "target_error"]
    if found["references"]["bank"]:
        out = errors[(errors["method"] == "bank") & errors["seed"].isin(runs.out_models(found, "r2"))]
    else:
        out = errors[errors["method"] == "retrain"]
    expected = out.sort_values("seed")["value"].tolist()
    assert given["values"]["retrained"][TASKS[1]]["target_error"]["ssim"][index] == pytest.approx(expected)


def test_pairs_agree_with_contrasts_and_are_corrected_in_families(results):
    found, paths = results
    table = pairs(Evidence(found, read_csv(paths.table("metrics")), read_csv(paths.table("queries"))))
    rows = table[(table["task"] == TASKS[0]) & (table["dimension"] == "A2")]
    contrasts = read_csv(paths.table("contrasts"))
    contrasts = contrasts[(contrasts["against"] == "noop-ft") & (contrasts["metric"] == "mae")]
    contrasts = contrasts[(contrasts["task"] == TASKS[0]) & (contrasts["dimension"] == "A2")]
    against = rows[(rows["a"] == "noop-ft") & (rows["family"] == "noop-ft")].set_index("b")
    compared = contrasts[contrasts["method"].isin(methods.unlearners(found, contrasts["method"]))]
    assert len(compared) == 9
    for row in compared.to_dict("records"):
        assert against.loc[row["method"], "difference"] == pytest.approx(-row["difference"])
        assert against.loc[row["method"], "p"] == pytest.approx(row["p"])
    own = rows[rows["family"] == ""]
    assert len(own) == 9 * 8 / 2
    assert (own["comparisons"] == len(own)).all()
    assert own["p_holm"].max() <= 1
    least = own.loc[own["p"].idxmin()]
    assert least["p_holm"] == pytest.approx(min(least["p"] * len(own), 1.0))


def test_sprites_hold_one_retrained_model_and_every_method(results):
    found, paths = results
    made = list(pictures.sprites(found, paths))
    assert [sprite.name for sprite in made] == runs.request_ids(found)
    first, rows = made[0], made[0].facts["rows"]
    assert rows[:2] == ["truth", "retrained"]
    assert {"original", "obj-if"} < set(rows)
    assert [image.shape for image in first.images] == [(first.side, 2 * first.side, 3)] * len(rows)
    run = shown_models.of_request(found, "r1")["retrained"]
    assert run.method == ("bank" if found["references"]["bank"] else "retrain")
    assert paths.record(*run, "outputs.npz") in shown_models.output_inputs(found, paths)
    assert all(Path(path).is_file() for path in shown_models.output_inputs(found, paths))


def test_images_are_compressed_only_as_far_as_they_must_be_and_what_is_missing_is_named(results):
    made = list(pictures.sprites(*results))
    best = pictures.fitted(made, 10**8)
    assert (best["words"], best["missing"]) == ("", [])
    assert best["bytes"] >= sum(len(sprite["data"]) for sprite in best["sprites"])
    smaller = pictures.fitted(made, best["bytes"] - 1)
    assert smaller["words"] == pictures.FORMS[1].words
    nothing = pictures.fitted(made, 1)
    assert (nothing["sprites"], nothing["bytes"]) == ([], 0)
    assert nothing["missing"] == [sprite.name for sprite in made]


def test_films_hold_every_snapshot_once_with_its_loss(results):
    found, paths = results
    made = {one.name: one for one in film.films(found, paths)}
    assert list(made) == [film.ORIGINAL, *runs.request_ids(found)]
    shown = made["r2"]
    rows, frames = shown.facts["rows"], shown.facts["frames"]
    assert set(rows) < {name for name in runs.methods(found) if runs.method(found, name).family == "finetune"}
    folder = Path(paths.unlearned("obj-mk-pa", "r2", 1)).parent
    stored, curves = np.load(folder / "model.snapshots.npz"), pd.read_csv(folder / "model.curves.csv")
    assert [frame["step"] for frame in frames] == stored["steps"].tolist()
    row = rows.index("obj-mk-pa")
    for index, frame in enumerate(frames):
        for task in TASKS:
            image = shown.images[1 + index * len(TASKS) + TASKS.index(task)]
            place = frame["places"][task][row]
            tile = image[place * shown.side : (place + 1) * shown.side]
            assert np.array_equal(tile, stored[task][index, 0])
        nearest = min(curves["step"], key=lambda step, at=frame["step"]: abs(step - at))
        expected = curves.set_index("step").loc[nearest, "loss"] if frame["step"] else None
        assert frame["losses"][row] == expected
    # All methods start from the same model, whose image is there once.
    assert shown.images[1].shape[0] == shown.side
    assert all(Path(path).is_file() for path in film.inputs(found, paths))
    learning = made[film.ORIGINAL].facts["frames"]
    assert [frame["stage"] for frame in learning] == sorted(
        (frame["stage"] for frame in learning), key=["pre-training", "fine-tuning"].index
    )
    assert learning[0]["losses"] == [None] * len(made[film.ORIGINAL].facts["rows"])


def test_the_page_keeps_room_for_the_film(results):
    """Where images of requests alone would fill the page, they are compressed first."""
    found, paths = results
    sprites = pictures.fitted(list(pictures.sprites(found, paths)), 10**8)["bytes"]
    both = embedded(found, paths, sprites)
    assert '"words":null' not in both["pictures"]["facts"]
    assert len(both["film"]["sprites"]) > 0
    assert sum(len(one["data"]) for kind in both.values() for one in kind["sprites"]) <= sprites


def test_scores_have_identity_and_leak_with_interval_and_control(results):
    paths = results[1]
    scores = read_csv(paths.table("scoreboard"))
    described = scores[scores["operating_point"] == AS_DESCRIBED]
    rows = with_measured_beside(described, paths)
    assert len(rows) == len(described)
    leak = read_csv(paths.table("update_leak")).query("metric == 'auc'").set_index(["method", "task"])
    for row in rows.to_dict("records"):
        assert row["place"] == pytest.approx(row["identity"], nan_ok=True)
        assert row["place_control"] == pytest.approx(row["identity_retrain"], nan_ok=True)
        if (row["method"], row["task"]) in leak.index:
            expected = leak.loc[row["method"], row["task"]]
            for ours, theirs in {"": "value", "_low": "value_low", "_control": "control"}.items():
                assert row[f"leak{ours}"] == pytest.approx(expected[theirs], nan_ok=True)


def test_costs_are_those_of_methods_that_serve_requests(results):
    found, paths = results
    view, timing = cost_view(found, paths), read_csv(paths.table("timing")).set_index("method")
    shown = {row["id"]: row for row in view["methods"]}
    assert {"original", "noop-ft", "bank"}.isdisjoint(shown)
    assert view["retrain"] == pytest.approx(timing.loc["retrain", "seconds"])
    assert shown["obj-if"]["break_even"] == timing.loc["obj-if", "break_even"]


def test_the_seconds_of_retraining_are_those_of_its_jobs_and_no_quotient_of_rounded_numbers(
    results, tmp_path
):
    (found, paths), rounded = results, ResultPaths(str(tmp_path))
    jobs, timing = (read_csv(paths.table(name)) for name in ("timing_jobs", "timing"))
    Path(rounded.table()).mkdir()
    jobs.to_csv(rounded.table("timing_jobs"), index=False)
    timing.round({"ratio_to_retrain": 1}).to_csv(rounded.table("timing"), index=False)
    median = jobs.loc[jobs["method"] == "retrain", "seconds"].median()
    assert cost_view(found, rounded)["retrain"] == median


def test_a_forest_plot_has_the_threshold_in_its_middle():
    part = {"effect": 3.0, "threshold": 2.0, "ci_low": 1.5, "ci_high": 4.0}
    assert forest(part) == {"effect": 146.0, "low": 77.0, "high": 192.0}
    assert forest(part | {"ci_low": float("nan")}) == {"effect": 192.0, "low": None, "high": None}
    assert forest(part | {"effect": float("nan")}) is None


def test_parts_link_to_the_methods_that_they_name():
    methods = ["retrain", "retrain-sample", "obj-if", "noop-ft"]
    assert links("retrain-sample removes it in synthesis", methods) == [
        {"text": "retrain-sample", "href": "#explore?method=retrain-sample&task=synthesis"}
    ]
    assert links("obj-if less than noop-ft", methods)[0]["href"] == "#compare?a=obj-if&b=noop-ft"
    assert links("the tasks differ", methods) == []


def test_data_of_scripts_is_short_and_cannot_end_them():
    value = {"a": [np.float64(0.123456), 12.0, float("nan"), np.array([True, False])], "b": "</script>"}
    assert str(compact_json(value)) == '{"a":[0.1235,12,null,[true,false]],"b":"\\u003c/script>"}'
