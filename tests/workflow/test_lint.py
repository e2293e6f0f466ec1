"""Snakemake's linter, and the files of the continuous integration."""

import re

import yaml
from snakemake_runs import snakemake

from soulbench.core.sources import ROOT

#: Findings of the linter that stay, with the reason.
EXCEPTIONS = {
    "Specify a conda environment or container for each rule.": "All jobs run in the environment of Snakemake, "
    "which envs/requirements.txt pins by hash: the rules import soulbench too, so one environment serves both.",
}


def test_the_linter_finds_nothing_but_the_exceptions():
    run = snakemake(ROOT, "--lint", PYTHONPATH=str(ROOT))
    assert set(re.findall(r"^    \* (.+):$", run.text, re.MULTILINE)) == set(EXCEPTIONS), run.text


def commands():
    """Yield every command of the GitHub workflows and the pre-commit hooks."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            yield from (step["run"] for step in job["steps"] if "run" in step)
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    yield from (hook["entry"] for repository in hooks["repos"] for hook in repository["hooks"])


def test_continuous_integration_calls_targets_of_the_makefile_and_nothing_else():
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    for command in commands():
        program, *targets = command.split()
        assert program == "make"
        assert set(targets) <= set(phony)
