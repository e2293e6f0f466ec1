"""After a merge, tables and page are made of the records that travelled, though no model is here."""

import shutil
from pathlib import Path

import pytest
import yaml
from snakemake_runs import call

from soulbench.analysis.claims.verdicts import write_claims
from soulbench.analysis.tables import write_tables
from soulbench.core.sources import ROOT
from soulbench.exchange.export import export
from soulbench.exchange.merge import merge
from tests.unit.exchange_factory import settings, write


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive of a planted benchmark, whose folder is gone but for its data."""
    monkeypatch.chdir(tmp_path)
    there = write(settings("there"), images=True)
    list(export(settings("there"), Path("there.zip"), with_images=True))
    write_tables(settings(), there, lambda line: None)
    write_claims(settings(), there, lambda line: None)
    shutil.move(there, tmp_path / "away")
    config = settings("here")
    methods = dict.fromkeys(yaml.safe_load((ROOT / "config.yaml").read_text())["methods"]) | config["methods"]
    (tmp_path / "here.yaml").write_text(yaml.safe_dump({**config, "methods": methods}))
    return tmp_path / "there.zip"


def snakemake(folder: Path, *arguments: str):
    run = call(ROOT, folder, "--configfile", "here.yaml", *arguments)
    assert run.status == 0, run.text
    return run


def test_tables_are_made_without_data_and_models(archive, tmp_path):
    list(merge(settings("here"), [archive]))
    assert set(snakemake(tmp_path, "--dry-run", "--", "tables", "claims").jobs) == {"tables", "claims"}
    snakemake(tmp_path, "--cores", "1", "--", "tables", "claims")
    made = {path.name: path.read_bytes() for path in (tmp_path / "results/here/tables").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "away/tables").iterdir()}
    assert snakemake(tmp_path, "--dry-run", "--", "tables", "claims").jobs == {}
    # The models are targets of `all`, and are not here.
    assert {"pretrain", "retrain", "obj-if"} <= set(snakemake(tmp_path, "--dry-run", "--", "all").jobs)


def test_the_page_is_made_where_the_data_were_made_before_the_merge(archive, tmp_path):
    data = shutil.copytree(tmp_path / "away/data", tmp_path / "results/here/data")
    for name in ("human.csv", "subset.csv", "summary.json", "requests.csv"):  # in the order of their rules
        (data / name).touch()
    list(merge(settings("here"), [archive]))
    jobs = set(snakemake(tmp_path, "--dry-run", "--", "page").jobs)
    assert {name for name in jobs if not name.startswith("figure_")} == {"tables", "claims", "page"}
    assert len(jobs) > 10
