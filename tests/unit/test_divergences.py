"""The table of docs/divergences.md: which variant is compared with which method, and by how much they differ."""

import pandas as pd
import pytest

from benchmarks import divergences
from benchmarks.divergences import CONFIG, CONFIGS, EFFECTS, RUNS, Run, partner, replaced, text, unlike
from soulbench.config import files, runs
from soulbench.core.columns import TABLES
from soulbench.core.paths import ResultPaths
from soulbench.core.tables import RESULT_FORMAT, write_csv
from soulbench.core.terms import BANK, TASKS

CONFIGURED = files.load(CONFIG, CONFIGS / "divergences.yaml")
PARTNERS = {
    "feat-mk-input": ("feat-mk", {"mask_on": "input"}),
    "feat-mk-described": ("feat-mk-input", {"loss_region": "outside"}),
    "obj-mk-pa-both": ("obj-mk-pa", {"mask_on": "both"}),
    "obj-mk-ns-described": ("obj-mk-ns-input", {"loss_region": "outside"}),
    "obj-if-image": ("obj-if", {"hessian": "image"}),
    "obj-if-lissa-once": ("obj-if-lissa", {"iterations": 1}),
    "obj-if-lissa-start": ("obj-if-lissa", {"right_side": "minuend"}),
    "obj-if-fresh-noise": ("obj-if", {"noise": "fresh"}),
}
ERROR = {"original": 20.0, "obj-mk-pa": 35.0, "obj-mk-pa-input": 22.0, "noop-ft": 21.0}


@pytest.mark.parametrize("name", PARTNERS)
def test_a_variant_is_compared_with_the_most_similar_method_before_it(name):
    other, difference = PARTNERS[name]
    assert (partner(CONFIGURED, name), unlike(CONFIGURED, name, other)) == (other, difference)


def test_every_variant_differs_in_something_from_what_it_is_compared_with():
    named = {name: partner(CONFIGURED, name) for name in runs.methods(CONFIGURED)}
    for name, other in named.items():
        is_variant = runs.base_method(CONFIGURED, name) != name
        assert is_variant == (other is not None)
        assert not is_variant or unlike(CONFIGURED, name, other)


def configured(name="small", requests=6, **sections):
    methods = dict.fromkeys(CONFIGURED["methods"])
    methods |= {"original": {}, "retrain": {}, "noop-ft": {}, "obj-mk-pa": {}, "obj-if": {}}
    methods |= {"obj-mk-pa-input": {"variant_of": "obj-mk-pa", "mask_on": "input"}}
    methods |= {"obj-if-image": {"variant_of": "obj-if", "hessian": "image"}}
    kinds = {"object": requests, "attached": 0, "person": 0, "group": 0}
    budgets = {"steps": 25, "snapshots": [6, 12], "strengths": [10, 100]}
    fixed = {"name": name, "methods": {}, "requests": {"kinds": kinds}, "seeds": [1, 2]}
    sections["unlearning"] = budgets | sections.get("unlearning", {})
    return files.merge(files.merge(CONFIGURED, fixed | sections), {"methods": methods})


def write(folder, config, shift=0.0, spread=0.0):
    """Write the tables of a run whose errors of the target are planted; `spread` sets requests apart."""
    paths = ResultPaths(str(folder / config["name"]))
    metrics, budgets = [], []
    for run in runs.planned(config):
        row = {
            "method": run.method,
            "request": run.request,
            "seed": run.seed,
            "metric": "mae",
            "unit": "",
            "regions": 4,
        }
        described = None if run.method in (BANK, "reseed") else runs.described_budget(config, run.method)
        error = 40.0 if run.method in (BANK, "retrain", "reseed") else ERROR.get(run.method, 30.0)
        error += shift + spread * int(run.request[1:]) * (run.method == "obj-mk-pa-input")
        for task in TASKS:
            for dimension, value in (("target_error", error), ("A2", 5.0 + error / 10)):
                metrics.append(row | {"task": task, "dimension": dimension, "value": value})
                amounts = [described, *runs.further_budgets(config, run.method)] if described else []
                budgets += [
                    row
                    | {
                        "task": task,
                        "dimension": dimension,
                        "budget": amount,
                        "value": value + amount * (amount > 30),
                    }
                    for amount in amounts
                ]
    queries = pd.DataFrame(columns=list(TABLES["queries"]))
    found = {"metrics": pd.DataFrame(metrics), "budgets": pd.DataFrame(budgets), "queries": queries}
    for name, table in found.items():
        path = paths.table(name)
        (folder / config["name"] / "tables").mkdir(parents=True, exist_ok=True)
        write_csv(table[list(TABLES[name])], path, RESULT_FORMAT)
    return Run.read(config, folder)


def table_of(markdown):
    rows = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    return {(row[0], row[2]): row[3:] for row in rows[2:]}


def test_effects_are_paired_differences_with_intervals(tmp_path):
    markdown = text(write(tmp_path, configured(), spread=1.0))
    sentence = " ".join(markdown.partition("\n\n")[0].split())
    assert "Requests: 6, seeds: 2; intervals of 95 % over requests." in sentence
    assert "error of 20.0 / 20.0 grey levels on the target, retrained models 40.0 / 40.0" in sentence
    rows = table_of(markdown)
    assert rows["`noop-ft`", ""] == ["+1.0 [1.0, 1.0]"] * 2 + ["+7.1 [7.1, 7.1]"] * 2
    # 22 - 35 grey levels, and 1 to 6 more by request: Student's t of six requests around the mean of 3.5.
    half = 2.5706 * 1.8708 / 6**0.5
    values = rows["`obj-mk-pa-input`", "`mask_on: input`"]
    mean, low, high = (float(part.strip("[],")) for part in values[0].split())
    assert (mean, low, high) == pytest.approx((-9.5, -9.5 - half, -9.5 + half), abs=0.15)
    assert rows["`obj-if`, alpha 100", ""][0] == "+110.0 [110.0, 110.0]"
    assert rows["`obj-if-image`, alpha 10", "`hessian: image`"] == ["+0.0 [0.0, 0.0]"] * 4
    assert len(rows) == 1 + 2 + 2 * 3


def test_another_run_is_compared_method_by_method_with_the_first(tmp_path):
    first = write(tmp_path, configured())
    start = configured("other", unlearning={"start": "pretrained"})
    rows = table_of(text(first, [write(tmp_path, start, shift=3.0)]))
    # Each run's original model is its own zero, so the shift of all errors is none of the target's.
    key = "`obj-mk-pa`", "`unlearning.start: pretrained`"
    assert rows[key] == ["+0.0 [0.0, 0.0]"] * 2 + ["+0.3 [0.3, 0.3]"] * 2
    assert rows["`original`", key[1]] == ["+3.0 [3.0, 3.0]"] * 2 + ["-"] * 2
    assert not any(difference == "" for _, difference in rows)


def test_few_requests_give_points(tmp_path):
    markdown = text(write(tmp_path, configured(requests=2)))
    assert "too few for intervals" in markdown
    rows = table_of(markdown)
    assert rows["`noop-ft`", ""] == ["+1.0"] * 2 + ["+7.1"] * 2


def document(**tables):
    return "before\n" + "".join(
        f"<!-- {name}: begin -->\n{table}\n<!-- {name}: end -->\nafter {name}\n"
        for name, table in tables.items()
    )


def test_a_table_replaces_what_is_between_its_markers():
    found = replaced(document(effects="old", runs="other"), EFFECTS, "new")
    assert found == document(effects="new", runs="other")
    with pytest.raises(SystemExit, match="lacks the lines <!-- runs: begin -->"):
        replaced(document(effects="old"), RUNS, "new")


def test_each_table_is_written_once_its_first_run_is_there(tmp_path, monkeypatch, capsys):
    configs = tmp_path / "configs"
    (configs / "divergences").mkdir(parents=True)
    loaded = {
        (configs / "divergences.yaml",): configured("variants"),
        (configs / "divergences/methods.yaml",): configured("methods"),
        (configs / "divergences/methods.yaml", configs / "divergences/start.yaml"): configured(
            "start", unlearning={"start": "pretrained"}
        ),
    }
    for path in {path for paths in loaded for path in paths}:
        path.write_text("", "utf-8")
    monkeypatch.setattr(divergences, "CONFIGS", configs)
    monkeypatch.setattr(divergences.files, "load", lambda _, *paths: loaded[paths])
    written = tmp_path / "divergences.md"
    written.write_text(document(effects="old", runs="old"), "utf-8")
    monkeypatch.setattr("sys.argv", ["divergences", "--results", str(tmp_path), "--document", str(written)])
    methods, start = (write(tmp_path, config) for config in list(loaded.values())[1:])
    divergences.main()
    assert written.read_text("utf-8") == document(effects="old", runs=text(methods, [start]))
    assert capsys.readouterr().out.splitlines() == [
        f"effects: as it was; {tmp_path / 'variants'} or what is compared with it has no tables",
        "runs: written, with 1 of 1 further runs",
    ]
