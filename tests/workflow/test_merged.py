"""After a merge, tables and page are made of the records that travelled, though no model is here."""

import shutil
from pathlib import Path

import pytest
import yaml
from snakemake_runs import call

from soulbench.__main__ import main
from soulbench.analysis.claims.table import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.config import files
from soulbench.core.sources import ROOT
from tests.unit.exchange_factory import settings, write


@pytest.fixture
def merged(tmp_path, monkeypatch):
    """Return a function that merges the archive of a planted benchmark, whose own folder was renamed to `away`."""
    monkeypatch.chdir(tmp_path)
    demo = yaml.safe_load((ROOT / "config.yaml").read_text())
    methods = dict.fromkeys(demo["methods"]) | settings()["methods"]
    Path("here.yaml").write_text(yaml.safe_dump({**settings("here"), "methods": methods}))
    config = files.load(ROOT / "config.yaml", "here.yaml")  # with the methods in Snakemake's order
    there = write({**config, "name": "there"}, images=True)
    shutil.copy(ROOT / "config.yaml", tmp_path)
    Path("there.yaml").write_text("name: there\n")
    overlays = ["--configfile", "here.yaml", "there.yaml"]
    assert main(["export", *overlays, "--out", "there.zip", "--outputs"]) == 0
    for step in (write_tables, write_claims):
        step(config, there, lambda line: None)
    shutil.move(there, "away")
    return lambda: main(["merge", "there.zip", "--configfile", "here.yaml"])


def snakemake(folder: Path, *arguments: str):
    run = call(ROOT, folder, "--configfile", "here.yaml", *arguments)
    assert run.status == 0, run.text
    return run


def test_tables_are_made_without_data_and_models(merged, tmp_path):
    assert merged() == 0
    assert set(snakemake(tmp_path, "--dry-run", "--", "tables", "claims").jobs) == {"tables", "claims"}
    snakemake(tmp_path, "--cores", "1", "--", "tables", "claims")
    made = {path.name: path.read_bytes() for path in (tmp_path / "results/here/tables").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "away/tables").iterdir()}


def test_the_page_is_made_where_the_data_were_made_before_the_merge(merged, tmp_path):
    data = shutil.copytree(tmp_path / "away/data", tmp_path / "results/here/data")
    for name in ("human.csv", "subset.csv", "summary.json", "requests.csv"):  # in the order of their rules
        (data / name).touch()
    assert merged() == 0
    jobs = set(snakemake(tmp_path, "--dry-run", "--", "page").jobs)
    assert {name for name in jobs if not name.startswith("figure_")} == {"tables", "claims", "page"}
    assert len(jobs) > 10
