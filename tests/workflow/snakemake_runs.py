"""Run Snakemake as a user does, in a temporary folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from soulbench.core.sources import ROOT

NOT_SOURCES = shutil.ignore_patterns(
    *(".git", ".venv", "results", ".snakemake", "__pycache__", ".*_cache", ".hypothesis", "*.work"),
    *("build", "dist", "*.egg-info"),
)


class Run:
    """The result of a Snakemake call: exit status, output, and the planned jobs by rule."""

    def __init__(self, done: subprocess.CompletedProcess):
        self.status = done.returncode
        self.text = done.stdout + done.stderr

    @property
    def jobs(self) -> dict[str, int]:
        """Number of planned jobs by rule; empty if nothing is to be done."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total +\d+$", self.text, re.MULTILINE | re.DOTALL)
        return {} if table is None else {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()}


def snakemake(folder: Path, *arguments: str, **environment: str) -> Run:
    """Run Snakemake in a folder, with the Snakefile that it finds there and the installed package."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    return Run(subprocess.run(command, capture_output=True, check=False, **_options(folder, environment)))


def call(tree: Path, folder: Path, *arguments: str) -> Run:
    """Run the Snakefile of a tree, and the package in that tree, in a folder."""
    return snakemake(folder, *_snakefile(tree), *arguments, PYTHONPATH=_search_path(tree))


def started(tree: Path, folder: Path, *arguments: str) -> subprocess.Popen:
    """Start the same as the head of a new process group, which a test can kill as a whole."""
    command = [sys.executable, "-m", "snakemake", *_snakefile(tree), *arguments]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = _options(folder, {"PYTHONPATH": _search_path(tree)})
    return subprocess.Popen(command, start_new_session=True, **silent, **options)


def _snakefile(tree: Path) -> list[str]:
    return ["--snakefile", str(tree / "Snakefile")]


def _search_path(tree: Path) -> str:
    """Return the variable with which Python finds the package in a tree before any other."""
    return os.pathsep.join(filter(None, [str(tree), os.environ.get("PYTHONPATH")]))


def _options(folder: Path, environment: dict[str, str]) -> dict:
    return {"text": True, "cwd": folder, "env": {**os.environ, "OMP_NUM_THREADS": "1", **environment}}


def copy_of_the_project(target: Path) -> Path:
    """Copy the sources, so that a test may change them."""
    shutil.copytree(ROOT, target, ignore=NOT_SOURCES)
    return target
