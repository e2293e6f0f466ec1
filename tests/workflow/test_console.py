"""What a run prints: one line per job, and each failure once."""

import re

import pytest
from snakemake_runs import call
from tiny_workflow import PROFILE, use_these_sources, write

RULES = """
rule all:
    input: expand("made/{n}.txt", n=[1, 2]), "broken.txt", "report/index.html"

rule make:
    output: "made/{n}.txt"
    log: "logs/make/{n}.log"
    script: "make.py"

rule broken:
    output: "broken.txt"
    log: "logs/broken.log"
    script: "broken.py"

rule page:
    input: expand("made/{n}.txt", n=[1, 2])
    output: "report/index.html"
    log: "logs/page.log"
    script: "make.py"
"""
MAKE = """
from pathlib import Path
from soulbench.core.log import Progress, job
with job(snakemake.log[0]) as log, Progress("making", 1, log) as progress:
    Path(snakemake.output[0]).write_text("made")
    progress.advance()
"""
BROKEN = """
from soulbench.core.errors import UserError
from soulbench.core.log import job
with job(snakemake.log[0]):
    raise UserError("objects.json: cut short")
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    use_these_sources(monkeypatch)
    write(tmp_path, RULES, make=MAKE, broken=BROKEN)
    return tmp_path


def test_a_run_prints_a_head_a_line_per_job_and_a_tail(tree):
    run = call(tree, tree, *PROFILE, "--cores", "2")
    assert run.status == 1
    lines = [line for line in run.text.splitlines() if "profile" not in line]
    assert lines[0] == "4 jobs on 2 cores: 2 make, 1 broken, 1 page"
    jobs = [re.match(r"\[(\d)/4\] ([\w ]+) · (failed after )?\d+ s", line) for line in lines]
    jobs = [match for match in jobs if match]
    assert [match[1] for match in jobs] == ["1", "2", "3", "4"]
    assert {match[2] for match in jobs} == {"make 1", "make 2", "broken", "page"}
    failed = next(index for index, line in enumerate(lines) if "failed after" in line)
    assert lines[failed + 1 : failed + 3] == ["  log: logs/broken.log", "  objects.json: cut short"]
    assert re.fullmatch(r"3 of 4 jobs done in \d+ s; 1 failed. The next run goes on from here", lines[-2])
    assert lines[-1] == "page: report/index.html"
    assert len(lines) == 1 + 4 + 2 + 2


def test_a_dry_run_prints_the_job_counts(tree):
    run = call(tree, tree, *PROFILE, "--dry-run")
    assert run.status == 0
    assert run.jobs == {"make": 2, "broken": 1, "page": 1, "all": 1}
    assert "This was a dry-run" in run.text


def test_without_the_profile_snakemake_prints_as_usual(tree):
    run = call(tree, tree, "--cores", "1", "made/1.txt")
    assert run.status == 0
    assert "rule make:" in run.text
    assert "1 of 1 steps (100%) done" in run.text
    assert "make 1: done in 0 s" in run.text
