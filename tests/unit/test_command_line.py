"""The command `soulbench`."""

import shutil
import subprocess
import sys

import pytest

from soulbench.__main__ import main
from soulbench.core.sources import ROOT


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Enter a folder that holds nothing but a config.yaml."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_reads_the_current_folder_and_counts_what_would_run(project, capsys):
    (project / "mine.yaml").write_text("name: mine\nseeds: [3]\n")
    assert main(["check", "mine.yaml", "--no-estimate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine: the configuration is valid"
    assert ["seeds", "1"] in [line.split() for line in lines]


def test_check_estimates_what_the_run_costs(project, capsys, monkeypatch):
    monkeypatch.setattr("soulbench.planning.machine.MEASURED_SECONDS", 0.05)
    (project / "mine.yaml").write_text("seeds: [3]\nablations: {requests: 0}\n")
    assert main(["check", "mine.yaml"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    work = {row[0]: float(row[2]) for row in rows if row[0] in ("fine-tuning", "retraining", "redaction")}
    assert work["retraining"] > work["fine-tuning"] > work["redaction"] / 20 > 0
    assert any("GiB" in row for row in rows)


@pytest.mark.parametrize(
    "arguments", [["check", "--no-estimate"], ["methods"], ["queries"], ["metrics"], ["attacks"]]
)
def test_what_computes_nothing_imports_no_torch(arguments):
    code = f"import sys; from soulbench.__main__ import main; main({arguments})"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_check_reports_all_errors_and_fails(project, capsys):
    (project / "mine.yaml").write_text("seed: -1\ndevice: abacus\n")
    assert main(["check", "mine.yaml"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(":")[:2] for line in errors] == [["error", " device"], ["error", " seed"]]


def test_a_folder_without_a_configuration_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 1
    assert f"config.yaml: there is none in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("methods", "obj-ng  [object, finetune]"),
        ("queries", "fuzzy  "),
        ("attacks", "compression  [budget: bits per weight]"),
        ("attacks", "measures least-error, grey levels: smaller is better for the attacker; the verdict's"),
        ("attacks", "pruned  (0.3, 0.6)     list of number"),
    ],
)
def test_lists_name_what_there_is(command, text, capsys):
    assert main([command]) == 0
    assert text in capsys.readouterr().out


def test_parameters_are_counted_by_module(project, capsys):
    assert main(["parameters", "--objects", "20", "--predicates", "10"]) == 0
    assert "decoder" in capsys.readouterr().out


def test_what_jobs_import_of_the_configuration_needs_no_pydantic():
    code = "import sys; from soulbench.config import files, runs, sections; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
