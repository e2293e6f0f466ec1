"""Run Snakemake as a user does, in a temporary folder."""

import contextlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from snakemake import cli

import soulbench.config.model  # noqa: F401  what the Snakefile imports slowly, as forks need it
from soulbench import figures
from soulbench.core import registry
from soulbench.core.sources import ROOT, closure

# What forks need is there before they start: the code of all figures, and the sources that the rules take hashes of.
for figure in registry.ids("figures"):
    figures.get(figure.replace("-", "_"))
closure(
    *(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "soulbench").rglob("*.py")
        if path.name != "__init__.py"
    )
)

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


def forked(folder: Path, *arguments: str) -> Run:
    """Do the same for the project's own tree in a fork of this process: imports are most of a plan's time."""
    command = [*_snakefile(ROOT), *arguments]
    process = multiprocessing.get_context("fork").Process(target=_main, args=(folder, command))
    process.start()
    process.join()
    output = (folder / "output.txt").read_text()
    return Run(subprocess.CompletedProcess(command, process.exitcode, output, ""))


def _main(folder: Path, command: list[str]) -> None:
    os.chdir(folder)
    os.environ.update(PYTHONPATH=_search_path(ROOT), OMP_NUM_THREADS="1")
    with Path("output.txt").open("w") as sys.stdout, contextlib.redirect_stderr(sys.stdout):
        cli.main(command)


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
    # As on a stranger's machine: Python writes the code that it compiles.
    own = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {"text": True, "cwd": folder, "env": {**own, "OMP_NUM_THREADS": "1", **environment}}


def copy_of_the_project(target: Path) -> Path:
    """Copy the sources, so that a test may change them."""
    shutil.copytree(ROOT, target, ignore=NOT_SOURCES)
    return target
