import errno
import fcntl
import os
import re
import threading
import warnings

import pytest

from soulbench.core import log as joblog
from soulbench.core.errors import UserError


@pytest.fixture(autouse=True)
def without_plugin(monkeypatch):
    monkeypatch.delenv(joblog.CONSOLE, raising=False)


@pytest.fixture
def with_plugin(monkeypatch):
    monkeypatch.setenv(joblog.CONSOLE, "lines")


def test_a_log_has_the_time_the_lines_and_the_end(tmp_path):
    path = tmp_path / "logs" / "unlearn" / "r1.log"
    with joblog.job(path) as log:
        log("read 3 scenes")
        warnings.warn("odd", UserWarning, stacklevel=1)
    lines = path.read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  read 3 scenes", lines[0])
    assert lines[1].endswith("UserWarning: odd")
    assert lines[2].endswith("done in 0 s")
    assert 0 < joblog.logged_core_seconds(path) <= joblog.core_seconds() + 0.05  # it is rounded


def test_the_log_of_an_unfinished_job_names_no_core_seconds(tmp_path):
    path = tmp_path / "r1.log"
    with pytest.raises(ValueError), joblog.job(path) as log:
        log("core-seconds: 3")
        raise ValueError
    assert joblog.logged_core_seconds(path) is None


def test_a_log_has_one_run(tmp_path):
    path = tmp_path / "a.log"
    for text in ("first", "second"):
        with joblog.job(path) as log:
            log(text)
    assert "first" not in path.read_text()
    assert "second" in path.read_text()


def test_a_users_error_is_shown_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "a.log"
    with pytest.raises(SystemExit) as caught, joblog.job(path):
        raise UserError("objects.json: cut short")
    assert caught.value.code == 1
    for text in (path.read_text(), capsys.readouterr().err):
        assert "error: objects.json: cut short" in text
        assert "Traceback" not in text
    assert joblog.failure(path) == ["objects.json: cut short"]


def test_a_full_disk_is_reported_as_such(tmp_path, capsys):
    with pytest.raises(SystemExit), joblog.job(tmp_path / "a.log"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/x.npy")
    assert "the disk is full (results/x.npy)" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(tmp_path):
    path = tmp_path / "a.log"
    with pytest.raises(ZeroDivisionError), joblog.job(path):
        raise ZeroDivisionError
    assert "Traceback" in path.read_text()
    assert joblog.failure(path)[-1] == "ZeroDivisionError"
    assert len(joblog.failure(path)) <= 4


def test_an_interrupt_is_silent(tmp_path, capsys):
    with pytest.raises(SystemExit), joblog.job(tmp_path / "a.log"):
        raise KeyboardInterrupt
    assert (tmp_path / "a.log").read_text().endswith("interrupted\n")
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [UserError("cut short"), ZeroDivisionError("a bug")])
def test_the_log_alone_has_the_error_where_the_plugin_reports_it(tmp_path, capsys, with_plugin, error):
    path = tmp_path / "a.log"
    with pytest.raises(SystemExit) as caught, joblog.job(path):
        raise error
    assert caught.value.code == 1
    assert capsys.readouterr().err == ""
    assert str(error) in joblog.failure(path)[-1]


def test_an_error_that_the_log_cannot_hold_is_printed(tmp_path, capsys, with_plugin, monkeypatch):
    def full(file):
        def log(text):
            raise OSError(errno.ENOSPC, "No space left on device")

        return log

    monkeypatch.setattr(joblog, "_writer", full)
    with pytest.raises(SystemExit), joblog.job(tmp_path / "a.log"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/x.npy")
    assert "the disk is full (results/x.npy)" in capsys.readouterr().err


def test_a_job_waits_for_the_process_that_runs_it(tmp_path, capsys):
    path = tmp_path / "logs" / "unlearn" / "r1.log"
    path.parent.mkdir(parents=True)
    other = path.with_name(".r1.lock").open("w")
    other.write("process 123 on host\n")
    other.flush()
    fcntl.flock(other, fcntl.LOCK_EX)
    started = threading.Event()

    def run():
        with joblog.job(path):
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert not started.wait(0.3)
    other.close()
    assert started.wait(10)
    thread.join()
    message = "process 123 on host still runs this job for an earlier run of Snakemake; waiting"
    assert message in path.read_text()
    assert f"unlearn r1: {message}" in capsys.readouterr().err
    assert path.with_name(".r1.lock").read_text().startswith(f"process {os.getpid()} on ")


def test_without_the_plugin_the_terminal_shows_which_job_starts_and_ends(tmp_path, capsys):
    with joblog.job(tmp_path / "logs" / "evaluate" / "retrain" / "r1" / "seed1.log"):
        pass
    assert capsys.readouterr().err.splitlines() == [
        "evaluate retrain r1 seed1: started",
        "evaluate retrain r1 seed1: done in 0 s",
    ]


def test_progress_gives_stage_count_values_speed_and_time_left(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(joblog.time, "monotonic", lambda: float(next(clock)))
    lines = []
    with joblog.Progress("pre-training", total=12, log=lines.append, done=10) as progress:
        progress.advance(images=16, loss=0.25)
        progress.advance(images=16, loss=0.125)
    assert lines.pop(0) == "pre-training: goes on at 10 of 12"
    assert lines[0] == "pre-training: 11 of 12, loss 0.25, 1.6 images/s, 10 s left"
    assert lines[1] == "pre-training: 12 of 12, loss 0.125, 1.6 images/s, took 20 s"


def test_progress_is_silent_between_lines():
    lines = []
    with joblog.Progress("packing", total=500, log=lines.append) as progress:
        for _ in range(500):
            progress.advance()
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.4, "8 s"), (59.6, "1:00 min"), (185, "3:05 min"), (7800, "2:10 h")]
)
def test_durations_read_well(seconds, text):
    assert joblog.duration(seconds) == text
