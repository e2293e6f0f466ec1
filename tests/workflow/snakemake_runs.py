"""Run Snakemake as a user does, in a folder of the test's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from soulbench.core.sources import ROOT

NOT_SOURCES = shutil.ignore_patterns(
    ".git", ".venv", "results", ".snakemake", "__pycache__", ".*_cache", ".hypothesis", "*.work"
)


class Run:
    """What a Snakemake call said: its exit status, all of its text, and the planned jobs by rule."""

    def __init__(self, done: subprocess.CompletedProcess):
        self.status = done.returncode
        self.text = done.stdout + done.stderr

    @property
    def jobs(self) -> dict[str, int]:
        """Planned jobs by rule; empty where nothing is to be done."""
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total +\d+$", self.text, re.MULTILINE | re.DOTALL)
        return {} if table is None else {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()}


def _command(tree: Path, folder: Path, arguments: tuple[str, ...]) -> tuple[list[str], dict]:
    program = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(tree / "Snakefile"),
        "--directory",
        str(folder),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return [*program, *arguments], {"text": True, "env": environment, "cwd": folder}


def call(tree: Path, folder: Path, *arguments: str) -> Run:
    """Run the Snakefile of a tree in a folder."""
    command, options = _command(tree, folder, arguments)
    return Run(subprocess.run(command, capture_output=True, check=False, **options))


def started(tree: Path, folder: Path, *arguments: str) -> subprocess.Popen:
    """Start the same as the head of a process group of its own, which a test may kill as a whole."""
    command, options = _command(tree, folder, arguments)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **silent, **options)


def copy_of_the_project(target: Path) -> Path:
    """Copy the sources, so that a test may add to them."""
    shutil.copytree(ROOT, target, ignore=NOT_SOURCES)
    return target
