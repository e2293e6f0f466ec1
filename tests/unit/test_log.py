import errno
import re
import warnings

import pytest

from soulbench.core import log as joblog
from soulbench.core.errors import UserError


def test_a_log_has_the_time_the_lines_and_the_end(tmp_path):
    path = tmp_path / "logs" / "unlearn" / "r1.log"
    with joblog.job(path) as log:
        log("read 3 scenes")
        warnings.warn("odd", UserWarning, stacklevel=1)
    lines = path.read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  read 3 scenes", lines[0])
    assert lines[1].endswith("UserWarning: odd")
    assert lines[2].endswith("done in 0 s")


def test_a_users_error_is_said_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "a.log"
    with pytest.raises(SystemExit) as caught, joblog.job(path):
        raise UserError("objects.json: cut short")
    assert caught.value.code == 1
    for text in (path.read_text(), capsys.readouterr().err):
        assert "error: objects.json: cut short" in text
        assert "Traceback" not in text


def test_a_full_disk_is_said_as_such(tmp_path, capsys):
    with pytest.raises(SystemExit), joblog.job(tmp_path / "a.log"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/x.npy")
    assert "the disk is full (results/x.npy)" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), joblog.job(tmp_path / "a.log"):
        raise ZeroDivisionError
    assert "Traceback" in (tmp_path / "a.log").read_text()


def test_the_terminal_shows_which_job_starts_and_ends(tmp_path, capsys):
    with joblog.job(tmp_path / "logs" / "evaluate" / "retrain" / "r1" / "seed1.log"):
        pass
    assert capsys.readouterr().err.splitlines() == [
        "evaluate retrain r1 seed1: started",
        "evaluate retrain r1 seed1: done in 0 s",
    ]


def test_progress_says_stage_count_values_speed_and_time_left(monkeypatch):
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
