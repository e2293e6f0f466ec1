"""After a SIGKILL of Snakemake alone, the next run goes on, and no job writes beside the one that was left behind."""

import os
import signal
import time

import psutil
import pytest
from snakemake_runs import call, started
from tiny_workflow import PROFILE, use_these_sources, write

RULES = """
rule all:
    default_target: True
    input: "result.txt"

rule count:
    output: "result.txt"
    log: "logs/count.log"
    script: "count.py"
"""
#: Writes its process number again and again, as a training run writes its checkpoint. The first process does so until
#: it is stopped or another process waits for it.
COUNT = """
import os, time
from pathlib import Path
from soulbench.core import lock
from soulbench.core.log import job
{before}
trace, work, stop = map(Path, ["trace.txt", "work.txt", "stop"])
first = not trace.exists()

def is_last(step):
    if not first:
        return step == 30
    try:
        return stop.exists() or "waiting" in Path(snakemake.log[0]).read_text()
    except FileNotFoundError:  # Snakemake has deleted it before it starts the second process
        return False

with job(snakemake.log[0]), trace.open("a", buffering=1) as lines:
    step = 0
    while not is_last(step):
        lines.write(f"{{os.getpid()}}\\n")
        work.write_text(f"{{os.getpid()}} {{step}}")
        time.sleep(0.1)
        assert work.read_text() == f"{{os.getpid()}} {{step}}"
        step += 1
    Path(snakemake.output[0]).write_text("first" if first else "second")
    lines.write(f"{{os.getpid()}}-end\\n")
"""
#: A job that does not notice that its Snakemake is gone.
UNAWARE = "os.environ.pop(lock.SNAKEMAKE)"


@pytest.fixture(params=["", UNAWARE], ids=["the orphan ends", "the orphan goes on"])
def tree(request, tmp_path, monkeypatch):
    use_these_sources(monkeypatch)
    write(tmp_path, RULES, count=COUNT.format(before=request.param))
    return tmp_path


def wait_for(path, process):
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def wait_until_gone(number):
    end = time.monotonic() + 60
    while psutil.pid_exists(number):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_next_run_goes_on_alone(tree, request):
    running = started(tree, tree, *PROFILE, "--cores", "2")
    trace = tree / "trace.txt"
    wait_for(trace, running)
    running.send_signal(signal.SIGKILL)
    running.wait()
    orphan = trace.read_text().split()[0]
    os.kill(int(orphan), 0)
    if "ends" in request.node.name:
        wait_until_gone(int(orphan))

    run = call(tree, tree, *PROFILE, "--cores", "2")
    assert run.status == 0, run.text
    assert "an earlier run was killed; its lock is removed" in run.text
    assert "cannot be locked" not in run.text
    assert (tree / "result.txt").read_text() == "second"

    lines = trace.read_text().split()
    new = lines[-1].removesuffix("-end")
    writers = [line.removesuffix("-end") for line in lines]
    assert set(writers) == {orphan, new} and orphan != new
    assert writers == sorted(writers, key=[orphan, new].index), "both wrote at the same time"
    assert lines.count(new) == 30
    waited = f"count: process {orphan} on" in run.text
    if "goes on" in request.node.name:
        assert f"{orphan}-end" in lines
        assert waited
    else:
        assert f"{orphan}-end" not in lines
    assert call(tree, tree, *PROFILE, "--cores", "2").text.count("Nothing to be done") == 1


def test_a_second_run_beside_a_live_one_is_refused(tree):
    running = started(tree, tree, *PROFILE, "--cores", "1")
    wait_for(tree / "trace.txt", running)
    run = call(tree, tree, *PROFILE, "--cores", "1")
    assert run.status == 1
    assert f"process {running.pid} on" in run.text
    assert "snakemake --unlock" in run.text
    (tree / "stop").touch()
    assert running.wait(60) == 0
    assert (tree / "result.txt").read_text() == "first"
