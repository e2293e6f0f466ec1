"""A wheel, built in a clean folder and installed elsewhere, works without the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from snakemake_runs import copy_of_the_project

from soulbench import __version__
from soulbench.core.sources import ROOT


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(folder: Path, *arguments: str) -> None:
    run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    tree = copy_of_the_project(folder / "tree")
    pip(folder, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(tree))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a function that runs Python with the wheel's package, in a folder with configuration files only."""
    target, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    pip(folder, "install", "--no-deps", "--target", str(target), str(wheel))
    shutil.copy(ROOT / "config.yaml", folder)
    shutil.copy(ROOT / "configs" / "smoke.yaml", folder)
    return lambda *command: run([sys.executable, *command], folder, PYTHONPATH=str(target))


def test_it_holds_every_file_of_the_package_and_no_other(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("soulbench/")}
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "soulbench").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == tracked


def test_it_checks_a_configuration(installed):
    assert installed("-m", "soulbench", "check", "smoke.yaml").startswith("smoke: ")


def test_it_lists_the_methods(installed):
    assert "obj-mk-pa" in installed("-m", "soulbench", "methods")


def test_it_has_a_console_script(wheel):
    archive = zipfile.ZipFile(wheel)
    scripts = archive.read(f"soulbench-{__version__}.dist-info/entry_points.txt").decode()
    assert "soulbench = soulbench.__main__:main" in scripts


def test_it_has_neither_a_commit_nor_a_lock_file(installed):
    code = "from soulbench.core import records, sources; print(sources.ROOT, records.commit(), records.lock_hash())"
    root, *facts = installed("-c", code).split()
    assert root != str(ROOT)
    assert facts == ["None", "None"]


def test_it_finds_the_sources_that_a_job_reaches(installed):
    code = "from soulbench.core.sources import source_hash as hash; print(hash('soulbench.report.page'))"
    assert installed("-c", code) == run([sys.executable, "-c", code], ROOT)
