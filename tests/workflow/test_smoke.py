"""The whole benchmark on tiny settings, in a copy of the project with four more methods; then what reruns.

One is a new file in the package, two are files elsewhere (`plugins`), and one is the package's, but off by default.
"""

import json
import os
import re
import shutil
import signal
import time
import zipfile
from pathlib import Path

import pytest
from snakemake_runs import call, copy_of_the_project, started

from soulbench import figures
from soulbench.core.sources import ROOT

GATHERED = {"tables", "claims", "page", "all"}
TABLES = ("metrics", "summary", "latent", "queries", "timing", "ablation_modules", "ablation_alpha", "claims")


#: The methods that docs/add-a-method.md walks through.
EXAMPLES = ROOT / "docs" / "examples"


class Bench:
    """A copy of the project with one more method, and a folder where it runs."""

    def __init__(self, folder: Path):
        self.folder = folder / "work"
        self.folder.mkdir()
        self.tree = copy_of_the_project(folder / "tree")
        self.overlay = self.tree / "configs" / "smoke.yaml"
        self.method = self.tree / "soulbench" / "unlearning" / "methods" / "obj_cut.py"
        shutil.copyfile(EXAMPLES / "obj_cut.py", self.method)
        self.plugin = self.folder / "ascent.py"
        for path in (self.plugin, self.folder / "feature_distillation.py"):
            shutil.copyfile(EXAMPLES / path.name, path)
        self.change(
            "methods: {",
            "methods: {obj-cut: {roi_counts: true}, ascent: {}, feature-distillation: {}, ssd: {}, ",
        )
        self.change("report: {", "plugins: [ascent.py, feature_distillation.py]\nreport: {")
        self.results = self.folder / "results" / "smoke"

    def change(self, old: str, new: str) -> None:
        text = self.overlay.read_text()
        assert text.count(old) == 1, old
        self.overlay.write_text(text.replace(old, new))

    def run(self, *arguments: str):
        return call(self.tree, self.folder, "--configfile", str(self.overlay), *arguments, "--", "all")

    def planned(self) -> set[str]:
        run = self.run("--dry-run")
        assert run.status == 0, run.text
        return set(run.jobs)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("bench"))
    run = bench.run("--cores", "2")
    assert run.status == 0, run.text
    return bench


def test_all_results_are_written(bench):
    assert (bench.results / "report" / "index.html").stat().st_size > 10_000
    for name in TABLES:
        assert len((bench.results / "tables" / f"{name}.csv").read_text().splitlines()) > 1, name
    assert len(list((bench.results / "figures").glob("*.png"))) == 23


@pytest.mark.parametrize("name", ["obj-cut", "ascent", "feature-distillation", "ssd"])
def test_an_added_method_is_in_the_tables_and_on_the_page(bench, name):
    assert (bench.results / "unlearned" / name / "r1" / "seed1" / "model.safetensors").is_file()
    assert f"\n{name},r1,1," in (bench.results / "tables" / "metrics.csv").read_text()
    scores = (bench.results / "tables" / "scoreboard.csv").read_text()
    assert f"\nas described,{name},object,beyond the paper," in scores
    assert f"\n{name}," in (bench.results / "tables" / "paths.csv").read_text()
    assert name in (bench.results / "report" / "index.html").read_text().lower()


def test_every_rule_has_its_log_and_no_work_folder_is_left(bench):
    for path in (bench.results / "logs").rglob("*.log"):
        assert "done in" in path.read_text(), path
    assert not list(bench.results.rglob("*.work"))


def test_a_second_run_has_nothing_to_do(bench):
    assert "Nothing to be done" in bench.run("--cores", "1").text


def test_the_report_of_snakemake_has_every_figure_with_its_title_and_caption(bench):
    run = bench.run("--report", "report.zip")
    assert run.status == 0, run.text
    with zipfile.ZipFile(bench.folder / "report.zip") as archive:
        text = archive.read("report/report.html").decode()
        results = json.JSONDecoder().raw_decode(text, text.index("{", text.index('<script id="results">')))[0]
        shown = {Path(path).stem: entry for path, entry in results.items() if path.endswith(".png")}
        images = {name: archive.read(f"report/{entry['data_uri']}") for name, entry in shown.items()}
    assert images == {path.stem: path.read_bytes() for path in (bench.results / "figures").glob("*.png")}
    captions = {entry["caption"] for entry in shown.values()}
    assert len(captions) == len(shown)  # each figure has its own
    for name, entry in shown.items():
        assert entry["labels"] == {"figure": figures.get(name).title}
        assert "device: cpu" in " ".join(entry["caption"].split()), name
        assert "system-message" not in entry["caption"], name
    assert {Path(path).stem for path in results if path.endswith(".csv")} >= {*TABLES, "timing_claims"}


def test_a_deleted_model_is_made_again_with_what_gathers_it(bench):
    folder = bench.results / "unlearned" / "obj-mk-pa"
    shutil.move(folder, bench.folder / "away")
    try:
        planned = bench.planned()
    finally:
        shutil.move(bench.folder / "away", folder)
    assert {"obj-mk-pa", "evaluate_obj-mk-pa"} | GATHERED <= planned
    assert not planned & {"pretrain", "finetune", "retrain", "obj-ng", "evaluate_obj-ng", "ablate"}


def test_a_deleted_record_is_made_again_without_its_model(bench):
    folder = bench.results / "records" / "obj-ng"
    shutil.move(folder, bench.folder / "away")
    try:
        planned = bench.planned()
    finally:
        shutil.move(bench.folder / "away", folder)
    assert {"evaluate_obj-ng"} | GATHERED <= planned
    assert "obj-ng" not in planned


def test_a_heading_rebuilds_the_page_alone(bench):
    before = bench.overlay.read_text()
    bench.change("report: {", "report: {title: Another, ")
    planned = bench.planned()
    bench.overlay.write_text(before)
    assert planned == {"page", "all"}


def test_a_parameter_reruns_its_method_alone(bench):
    before = bench.overlay.read_text()
    bench.change("roi_counts: true", "roi_counts: false")
    planned = bench.planned()
    bench.overlay.write_text(before)
    assert {"obj-cut", "evaluate_obj-cut"} | GATHERED <= planned
    assert not planned & {"pretrain", "retrain", "obj-ng", "ablate"}


@pytest.mark.parametrize(
    ("name", "file", "old", "new"),
    [
        ("obj-cut", "method", "not parameters.roi_counts", "parameters.roi_counts"),
        ("ascent", "plugin", "-self.parameters.weight", "-2 * self.parameters.weight"),
    ],
)
def test_changed_code_reruns_what_reaches_it_and_a_comment_reruns_nothing(bench, name, file, old, new):
    path = getattr(bench, file)
    before = path.read_text()
    assert old in before
    path.write_text(before + "\n# A comment.\n")
    assert "Nothing to be done" in bench.run("--dry-run").text
    path.write_text(before.replace(old, new))
    planned = bench.planned()
    path.write_text(before)
    assert {name, f"evaluate_{name}"} | GATHERED <= planned
    assert not planned & {"pretrain", "retrain", "obj-ng", "ssd"}


def test_a_killed_training_run_resumes(bench):
    """This is the last test here, because it trains another original model."""
    bench.change("finetune: {steps: 4,", "checkpoint_seconds: 0.5, finetune: {steps: 200,")
    model = bench.results / "models" / "original" / "seed1.safetensors"
    model.unlink()
    target = ["--configfile", str(bench.overlay), "--cores", "1", "--", str(model.relative_to(bench.folder))]
    running = started(bench.tree, bench.folder, *target)
    saved = model.with_suffix(".work") / "fine-tuning.safetensors"
    while not saved.exists():
        assert running.poll() is None
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not model.exists()

    run = call(bench.tree, bench.folder, *target)
    assert run.status == 0, run.text
    assert model.exists()
    assert not saved.parent.exists()
    log = (bench.results / "logs" / "finetune" / "seed1.log").read_text()
    assert int(re.search(r"fine-tuning: goes on at (\d+) of 200", log)[1]) > 0
