"""The workflow as a module of another Snakefile, in another folder, with the installed package."""

import json
import shutil

import pytest
from snakemake_runs import call, snakemake

from soulbench.config import files, runs
from soulbench.core import arithmetic
from soulbench.core.paths import ResultPaths
from soulbench.core.sources import ROOT

SNAKEFILE = f"""
configfile: "config.yaml"
configfile: "smoke.yaml"
config["arithmetic"] = "portable"

module soulbench:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: config

use rule * from soulbench

rule environment:
    output: "environment.json"
    script: "environment.py"
"""
ENVIRONMENT = "import json, os; json.dump(dict(os.environ), open(snakemake.output[0], 'w'))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    shutil.copy(ROOT / "config.yaml", folder)
    shutil.copy(ROOT / "configs" / "smoke.yaml", folder)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "environment.py").write_text(ENVIRONMENT)
    return folder


def test_it_plans_the_same_jobs_as_the_repository(folder, tmp_path):
    overlay = str(ROOT / "configs" / "smoke.yaml")
    jobs = snakemake(folder, "--dry-run").jobs
    assert jobs["page"] == 1
    assert jobs == call(ROOT, tmp_path, "--dry-run", "--configfile", overlay, "--", "all").jobs


def test_its_rules_may_be_renamed_and_their_settings_changed(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    text = SNAKEFILE.replace("* from soulbench", "* from soulbench as bench_*")
    text = text.replace("\nmodule", '\nconfig["name"] = "other"\nmodule')
    (tmp_path / "Snakefile").write_text(text)
    jobs = snakemake(tmp_path, "--dry-run", "results/other/report/index.html").jobs
    assert (jobs["bench_page"], jobs["bench_obj-mk-pa"]) == (1, 2)  # a test and a development request


def test_it_prepares_the_data(folder):
    config = files.load(folder / "config.yaml", folder / "smoke.yaml")
    paths = ResultPaths.of(config)
    targets = [paths.data("requests.csv"), paths.data("visual.npy"), "environment.json"]
    run = snakemake(folder, "--cores", "1", *targets)
    assert run.status == 0, run.text
    assert all((folder / target).is_file() for target in targets)
    lines = (folder / targets[0]).read_text().splitlines()[1:]
    requests = [*runs.request_ids(config), *runs.development_ids(config)]
    assert list(dict.fromkeys(line.partition(",")[0] for line in lines)) == requests
    environment = json.loads((folder / targets[2]).read_text())
    assert not arithmetic.is_available() or environment.items() >= arithmetic.VARIABLES.items()
