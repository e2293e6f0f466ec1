"""Jobs forked from one process are jobs like others: own status, log, lock and end; Snakemake notices nothing."""

import os
import re
import signal
import socket
import threading
import time

import psutil
import pytest
from snakemake_runs import call, started
from tiny_workflow import PROFILE, use_these_sources, write

from soulbench.core import fork_server, lock

RULES = """
from soulbench.core import fork_server
fork_server.allow(workflow.is_main_process)

rule all:
    default_target: True
    input: expand("{name}.txt", name=["first", "second", "third"])

rule work:
    output: "{name}.txt"
    log: "logs/{name}.log"
    script: "work.py"
"""
#: Writes its process, its parent, whether the module was there before the script asked for it, and its folder.
WORK = """
from soulbench.core import fork_server
import sys
there = "wave" in sys.modules
fork_server.fork("wave")
import os, time
from pathlib import Path
from soulbench.core.log import job

with job(snakemake.log[0]) as log:
    facts = [os.getpid(), os.getppid(), int("wave" in sys.modules), int(there), Path.cwd()]
    Path(snakemake.output[0]).write_text(" ".join(map(str, facts)))
    {more}
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    use_these_sources(monkeypatch)
    monkeypatch.delenv(fork_server.ALLOWED, raising=False)
    return tmp_path


def facts(tree, name):
    return (tree / f"{name}.txt").read_text().split()


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jobs_are_forked_from_one_process_that_ends_with_snakemake(tree):
    write(tree, RULES, work=WORK.format(more=""))
    run = call(tree, tree, *PROFILE, "--cores", "2")
    assert run.status == 0, run.text
    jobs = [facts(tree, name) for name in ("first", "second", "third")]
    assert len({number for number, *_ in jobs}) == 3
    (server,) = {parent for _, parent, *_ in jobs}
    assert [(imported, folder) for _, _, imported, _, folder in jobs] == [("1", str(tree))] * 3
    assert "done in" in (tree / "logs" / "first.log").read_text()
    wait_until(lambda: not psutil.pid_exists(int(server)))


def test_without_a_server_a_job_runs_by_itself(tree, monkeypatch):
    monkeypatch.setenv(fork_server.ALLOWED, "0")
    write(tree, RULES, work=WORK.format(more=""))
    run = call(tree, tree, *PROFILE, "--cores", "2")
    assert run.status == 0, run.text
    jobs = [facts(tree, name) for name in ("first", "second", "third")]
    assert [imported for _, _, imported, *_ in jobs] == ["0"] * 3


@pytest.mark.parametrize("reads", [False, True])
def test_a_job_runs_by_itself_if_the_server_ends_before_it_answers(monkeypatch, reads):
    here, there = socket.socketpair()

    def end():
        if reads:
            with there.makefile("rb") as lines:
                assert lines.readline() == b"\n" and lines.readline()
        there.close()

    monkeypatch.setenv(fork_server.ALLOWED, "1")
    monkeypatch.setenv(lock.SNAKEMAKE, str(os.getpid()))
    monkeypatch.setattr(fork_server, "_connection", lambda: here)
    monkeypatch.setattr(lock, "end_with_snakemake", lambda last_words: None)
    server = threading.Thread(target=end)
    server.start()
    fork_server.fork("wave")
    server.join()
    assert here.fileno() == -1


@pytest.mark.parametrize("request_line", [b'{"modules": []}\n', b"no JSON\n"])
def test_a_server_that_cannot_fork_closes_the_connection_and_goes_on(monkeypatch, request_line):
    def no_process():
        raise BlockingIOError("no process left")

    monkeypatch.setattr(os, "fork", no_process)
    listener = socket.socket(socket.AF_UNIX)
    here, there = socket.socketpair()
    with listener, here:
        socket.send_fds(here, [b"\n"], [listener.fileno()] * 3)
        here.sendall(request_line)
        before = psutil.Process().num_fds()
        fork_server._answer(listener, there)
        assert here.recv(1) == b""
        assert psutil.Process().num_fds() == before - 1, "its end alone: the descriptors that came are closed"


def test_a_failure_is_reported_as_that_of_any_job(tree):
    more = 'raise ValueError("it is broken") if snakemake.wildcards.name == "second" else None'
    write(tree, RULES, work=WORK.format(more=f"if snakemake.wildcards.name == 'second': {more}"))
    run = call(tree, tree, *PROFILE, "--cores", "2")
    assert run.status == 1
    assert "ValueError: it is broken" in run.text
    assert "ValueError: it is broken" in (tree / "logs" / "second.log").read_text()
    assert (tree / "third.txt").exists() and not (tree / "second.txt").exists()


@pytest.mark.parametrize("who", ["snakemake", "job"])
def test_a_job_ends_with_whoever_is_killed(tree, who):
    write(tree, RULES, work=WORK.format(more="time.sleep(60)"))
    running = started(tree, tree, *PROFILE, "--cores", "1", "first.txt")
    wait_until(lambda: (tree / "first.txt").exists() and facts(tree, "first"))
    number, server, *_ = map(int, facts(tree, "first")[:2])
    if who == "snakemake":
        running.send_signal(signal.SIGKILL)
    else:
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(number) and not psutil.pid_exists(server))
    assert running.wait(60) != 0
    if who == "snakemake":
        assert re.search("Snakemake is gone", (tree / "logs" / "first.log").read_text())
    else:
        assert not (tree / "first.txt").exists(), "Snakemake removes what a failed job wrote"


def test_an_interrupt_reaches_the_job(tree):
    # A background job of a shell ignores interrupts, and so would all that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupted(tree)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted(tree):
    write(tree, RULES, work=WORK.format(more="time.sleep(60)"))
    running = started(tree, tree, *PROFILE, "--cores", "1", "first.txt")
    wait_until(lambda: (tree / "first.txt").exists() and facts(tree, "first"))
    number = int(facts(tree, "first")[0])
    os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does; the forked job is in another group
    wait_until(lambda: not psutil.pid_exists(number))
    assert running.wait(60) != 0
    assert "interrupted" in (tree / "logs" / "first.log").read_text()
