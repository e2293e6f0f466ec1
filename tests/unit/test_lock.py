"""Snakemake's lock is removed only after its owner is gone; a job ends after its Snakemake is gone."""

import contextlib
import os
import platform
import subprocess
import sys
import time

import psutil
import pytest

from soulbench.core import lock

LOCK = "0.output.lock"
#: Registers as a Snakemake, locks as one, and lives until its standard input ends.
SNAKEMAKE = """
import pathlib, sys
from soulbench.core import lock
lock.register_run(pathlib.Path.cwd())
pathlib.Path(".snakemake/locks/0.output.lock").touch()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a process that has locked the folder; it is killed afterwards."""
    monkeypatch.setenv(lock.SNAKEMAKE, "0")
    process = python(SNAKEMAKE, cwd=tmp_path)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.wait()


def python(code, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, env=environment, **pipes, **options)


def register(folder):
    """Register this process, and release it again at once."""
    lock.register_run(folder)
    lock._run_locks.pop().close()
    for path in folder.glob(f".snakemake/*/{platform.node()}.{os.getpid()}.*.owner"):
        path.unlink()


def locked(folder):
    return (folder / ".snakemake" / "locks" / LOCK).exists()


def test_the_lock_of_a_killed_run_is_removed(tmp_path, run, capsys):
    run.kill()
    run.wait()
    register(tmp_path)
    assert not locked(tmp_path)
    assert "an earlier run was killed" in capsys.readouterr().err
    assert not list(tmp_path.glob(".snakemake/*/*"))


def test_the_lock_of_a_live_run_stays(tmp_path, run, capsys):
    register(tmp_path)
    assert locked(tmp_path)
    assert f"process {run.pid} on " in capsys.readouterr().err
    register(tmp_path)
    assert locked(tmp_path)


def test_a_dead_run_beside_a_live_one_does_not_unlock(tmp_path, run):
    dead = python(SNAKEMAKE, cwd=tmp_path)
    assert dead.stdout.readline() == "locked\n"
    dead.kill()
    dead.wait()
    register(tmp_path)
    assert locked(tmp_path)


def test_a_process_number_that_is_used_again_does_not_mislead(tmp_path, capsys):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / LOCK).touch()
    (locks / f"{platform.node()}.{os.getpid()}.456.owner").touch()
    register(tmp_path)
    assert not locked(tmp_path)


def test_the_lock_of_another_host_stays(tmp_path, capsys):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / LOCK).touch()
    (locks / "node7.cluster.123.456.owner").touch()
    register(tmp_path)
    assert locked(tmp_path)
    text = capsys.readouterr().err
    assert "process 123 on node7.cluster" in text
    assert "snakemake --unlock" in text


def test_a_lock_without_an_owner_stays(tmp_path, capsys):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / LOCK).touch()
    register(tmp_path)
    assert locked(tmp_path)
    assert "an unknown process" in capsys.readouterr().err


def test_without_a_lock_nothing_is_printed(tmp_path, capsys):
    register(tmp_path)
    assert capsys.readouterr().err == ""


def test_a_run_that_ends_leaves_no_owner(tmp_path, run):
    run.communicate()
    assert not list(tmp_path.glob(".snakemake/*/*.owner"))


def test_a_snakemake_that_runs_one_job_for_another_owns_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(lock.SNAKEMAKE, "0")
    lock.register_run(tmp_path, main_process=False)
    assert not (tmp_path / ".snakemake").exists()
    assert os.environ[lock.SNAKEMAKE] == str(os.getpid())


#: A Snakemake; its job, two levels below it; and what the job has started.
FAMILY = """
import os, subprocess, sys
from soulbench.core import lock
os.environ[lock.SNAKEMAKE] = str(os.getpid())
job = '''
import subprocess, sys, time
from soulbench.core import lock
lock.POLL_SECONDS = 0.05
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
lock.end_with_snakemake(lambda: None)
print(__import__("os").getpid(), child.pid, flush=True)
time.sleep(60)
'''
subprocess.run(["bash", "-c", '"$0" -c "$1"; true', sys.executable, job])
"""


def test_a_job_and_its_children_end_after_their_snakemake():
    snakemake = python(FAMILY)
    numbers = [int(number) for number in snakemake.stdout.readline().split()]
    processes = [psutil.Process(number) for number in numbers]
    time.sleep(0.3)
    assert all(process.is_running() for process in processes)
    snakemake.kill()
    snakemake.wait()
    _, alive = psutil.wait_procs(processes, timeout=10)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    assert not alive


def test_a_job_that_snakemake_did_not_start_is_left_alone(monkeypatch):
    monkeypatch.setenv(lock.SNAKEMAKE, "1")
    monkeypatch.setattr(lock.threading, "Thread", pytest.fail)
    monkeypatch.setattr(lock.psutil.Process, "parents", lambda self: [])
    lock.end_with_snakemake(lambda: None)


def test_children_of_a_job_can_keep_its_lock(tmp_path):
    with lock.exclusive(tmp_path / "lock", waiting=pytest.fail):
        (descriptor,) = lock.job_descriptors()
        child = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
    assert lock.job_descriptors() == ()
    with (tmp_path / "lock").open() as file:
        assert not lock._lock(file)
        child.kill()
        child.wait()
        assert lock._lock(file)
