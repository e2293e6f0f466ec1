"""A workflow of a few seconds, whose jobs use `soulbench.core.log.job` as those of the benchmark do."""

import os
from pathlib import Path

import pytest

from soulbench.core.log import CONSOLE
from soulbench.core.sources import ROOT

PROFILE = ("--workflow-profile", str(ROOT / "profiles" / "default"))
HEAD = """
from pathlib import Path
from soulbench.core import lock
lock.register_run(Path.cwd(), workflow.is_main_process)
"""


def write(folder: Path, rules: str, **scripts: str) -> None:
    """Write a Snakefile, and a script for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Snakefile").write_text(HEAD + rules)
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text)


def use_these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Snakemake and its jobs import this tree's packages."""
    path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.delenv(CONSOLE, raising=False)
