"""How often Snakemake looks for jobs to start: once for each job that has ended, and not every second as well."""

import pytest
from snakemake_runs import call
from tiny_workflow import PROFILE, use_these_sources, write

from soulbench.core.sources import ROOT

JOBS = 4
RULES = f"""
include: "{ROOT}/workflow/rules/scheduling.smk"

rule all:
    default_target: True
    input: expand("{{n}}.txt", n=range({JOBS}))

rule work:
    output: "{{n}}.txt"
    shell: "sleep 0.7 && touch {{output}}"
"""


@pytest.mark.parametrize("limit", [[], ["--max-jobs-per-timespan", "99/1s"]], ids=["ours", "the user's"])
def test_a_look_for_each_job_unless_the_user_limits_jobs(tmp_path, monkeypatch, limit):
    use_these_sources(monkeypatch)
    write(tmp_path, RULES)
    run = call(tmp_path, tmp_path, *PROFILE, "--cores", "1", "--verbose", *limit)
    assert run.status == 0, run.text
    looks, needed = run.text.count("Ready jobs: "), JOBS + 1  # and one for `all`, in which nothing is done
    assert looks == needed if not limit else looks > needed


def test_the_workflow_has_it():
    assert 'include: "rules/scheduling.smk"' in (ROOT / "workflow" / "Snakefile").read_text(encoding="utf-8")
