"""The logger plugin: what it prints for Snakemake's log records."""

import io
import logging
import os
import types

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from snakemake_logger_plugin_soulbench import LogHandler
from snakemake_logger_plugin_soulbench.tally import Job, Tally, time_left
from soulbench.core import log


class Console:
    """A handler that prints into a string, and the events of a run, at seconds that the test gives."""

    def __init__(self, monkeypatch, **options):
        self.stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", self.stream)
        defaults = dict.fromkeys(["dryrun", "verbose", "debug_dag", "stdout", "printshellcmds"], False)
        defaults |= {"quiet": {Quietness.RULES}, "nocolor": False, "show_failed_logs": False}
        self.handler = LogHandler(types.SimpleNamespace(**defaults | options), None)

    def send(self, event, second=0, message="", level=logging.INFO, **fields):
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        vars(record).update(fields, created=1000.0 + second)
        if event is not None:
            record.event = event
        self.handler.emit(record)

    def begin(self, **counts):
        self.send(LogEvent.RESOURCES_INFO, cores=8, message="Provided cores: 8")
        self.send(LogEvent.RUN_INFO, stats=counts | {"total": sum(counts.values())}, message="Job stats: ...")

    def start(
        self, number, second, rule="evaluate_retrain", path="x/logs/evaluate/r1.log", output=("x/out",)
    ):
        fields = {"jobid": number, "rule_name": rule, "wildcards": {}, "output": list(output)}
        self.send(LogEvent.JOB_INFO, second, **fields, log=[str(path)] if path else [])

    def finish(self, number, second):
        self.send(LogEvent.JOB_FINISHED, second, job_id=number)

    def lines(self):
        """Return the lines printed since the last call."""
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return lines


@pytest.fixture
def console(monkeypatch):
    monkeypatch.setenv(log.CONSOLE, "")
    return Console(monkeypatch)


def test_snakemake_finds_the_plugin():
    assert LoggerPluginRegistry().is_installed("soulbench")


def test_the_head_counts_jobs_by_stage(console):
    counts = {"obj-ng": 4, "retrain": 2, "evaluate_original": 1, "evaluate_retrain": 2, "all": 1}
    counts |= {"my-method": 2, "evaluate_my-method": 1, "bank": 2, "evaluate_bank": 1}
    console.begin(**counts, pack=1, page=1, tables=1, vocabulary=1)
    assert console.lines() == ["19 jobs on 8 cores: 8 unlearn, 5 evaluate, 2 bank, 4 other"]


def test_a_few_single_jobs_are_named(console):
    console.begin(visual_features=1, page=1, all=1)
    assert console.lines() == ["2 jobs on 8 cores: 1 visual_features, 1 page"]


@pytest.mark.parametrize("rules", [["page"], ["pack", "world", "vocabulary", "page"]])
def test_a_head_without_groups_has_no_list(console, rules):
    console.begin(**dict.fromkeys(rules, 1))
    (line,) = console.lines()
    assert line.endswith("on 8 cores")


def test_each_job_has_one_line_with_position_name_and_duration(console):
    console.begin(evaluate_retrain=11, all=1)
    console.lines()
    console.start(1, 0)
    assert console.lines() == []
    console.finish(1, 28)
    assert console.lines() == ["[ 1/11] evaluate r1 · 28 s · about 5 min left"]


def test_a_job_without_a_log_is_named_by_its_rule(console):
    console.begin(page=1)
    console.lines()
    console.start(1, 0, rule="page", path=None)
    console.finish(1, 2)
    assert console.lines() == ["[1/1] page · 2 s"]


def test_the_target_rule_is_no_job(console):
    console.begin(page=1, all=1)
    console.lines()
    console.start(2, 0, rule="all", path=None, output=())
    console.finish(2, 0)
    assert console.lines() == []


def test_a_failure_has_its_log_and_message_once(console, tmp_path):
    path = tmp_path / "logs" / "unlearn" / "r1.log"
    path.parent.mkdir(parents=True)
    path.write_text("2026-01-01 00:00:00  read\n2026-01-01 00:00:01  error: objects.json: cut short\n")
    console.begin(retrain=2)
    console.lines()
    console.start(1, 0, rule="retrain", path=path)
    text = "RuleException:\nCalledProcessError in file Snakefile: Command returned non-zero exit status 1."
    console.send(LogEvent.ERROR, 5, message=text, level=logging.ERROR, exception="RuleException")
    console.send(LogEvent.JOB_ERROR, 5, message="Error in rule", level=logging.ERROR, jobid=1)
    assert console.lines() == [
        "[1/2] unlearn r1 · failed after 5 s",
        f"  log: {path}",
        "  objects.json: cut short",
    ]


def test_a_log_that_is_older_than_the_job_is_not_quoted(console, tmp_path):
    path = tmp_path / "r1.log"
    path.write_text("2026-01-01 00:00:00  error: another day\n")
    os.utime(path, (10, 10))
    console.begin(retrain=1)
    console.start(1, 0, rule="retrain", path=path)
    console.lines()
    console.send(LogEvent.JOB_ERROR, 5, jobid=1)
    assert console.lines() == ["[1/1] r1 · failed after 5 s", f"  log: {path}"]


def test_another_attempt_replaces_the_failure(console):
    console.begin(download=2)
    console.start(1, 0, rule="download")
    console.send(LogEvent.JOB_ERROR, 5, jobid=1)
    console.start(1, 6, rule="download")
    console.lines()
    console.finish(1, 8)
    assert console.lines()[0].startswith("[1/2] evaluate r1 · 2 s")
    console.handler.close()
    assert "failed" not in console.lines()[0]


def test_the_tail_names_the_page(console, monkeypatch):
    monkeypatch.setattr("snakemake_logger_plugin_soulbench.time.time", lambda: 1185.0)
    console.begin(page=1)
    console.start(1, 0, rule="page", output=["results/demo/report/index.html"])
    console.finish(1, 2)
    console.lines()
    console.handler.close()
    console.handler.close()
    assert console.lines() == ["1 of 1 job done in 3:05 min", "page: results/demo/report/index.html"]


def test_the_tail_counts_what_failed(console):
    console.begin(retrain=3)
    console.start(1, 0, rule="retrain", path="missing.log")
    console.send(LogEvent.JOB_ERROR, 5, jobid=1)
    console.lines()
    console.handler.close()
    assert console.lines()[0].endswith("; 1 failed. The next run goes on from here")


def test_chatter_is_dropped_and_everything_else_passes(console):
    for text in ("Select jobs to execute...", "Building DAG of jobs...", "Complete log(s): x"):
        console.send(None, message=text)
    console.send(LogEvent.JOB_STARTED, message="Execute 1 jobs...")
    console.send(LogEvent.PROGRESS)
    assert console.lines() == []
    console.send(None, message="Nothing to be done (all requested files are present and up to date).")
    console.send(None, message="a warning", level=logging.WARNING)
    assert console.lines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "a warning",
    ]


def test_jobs_that_ctrl_c_ends_are_no_failures(console):
    console.begin(retrain=3)
    console.start(1, 0, rule="retrain")
    console.lines()
    text = "Terminating processes on user request, this might take some time."
    console.send(None, 5, message=text)
    console.send(None, 5, message=text)
    console.send(LogEvent.JOB_ERROR, 5, jobid=1)
    console.handler.close()
    lines = console.lines()
    assert lines[0] == text
    assert lines[1].startswith("0 of 3 jobs done in ")
    assert "failed" not in lines[1]
    assert len(lines) == 2


def test_nothing_is_printed_without_a_run(console):
    console.handler.close()
    assert console.lines() == []


def test_a_dry_run_prints_what_snakemake_prints(monkeypatch):
    monkeypatch.delenv(log.CONSOLE, raising=False)
    console = Console(monkeypatch, dryrun=True)
    console.send(None, message="Building DAG of jobs...")
    console.send(LogEvent.RUN_INFO, stats={"total": 1}, message="Job stats:\njob count")
    assert console.lines() == ["Building DAG of jobs...", "Job stats:", "job count"]
    assert log.CONSOLE not in os.environ


def test_jobs_are_silent_and_have_a_bar_only_on_one_core(console):
    assert os.environ[log.CONSOLE] == "lines"
    console.send(LogEvent.RESOURCES_INFO, cores=1)
    assert os.environ[log.CONSOLE] == "bar"


def ended(tally, rule, seconds, number):
    tally.start(number, Job(rule, "", (), (), 0.0))
    tally.end(number, seconds)


def test_no_time_is_estimated_before_half_of_the_rest_is_timed():
    tally = Tally({"pack": 1, "retrain": 2, "evaluate_a": 3, "evaluate_b": 3})
    assert tally.seconds_left(0) is None
    ended(tally, "pack", 1.0, 0)
    assert tally.seconds_left(1) is None
    ended(tally, "evaluate_a", 10.0, 1)
    # 2 + 3 evaluations of 10 s, and 2 jobs of no timed family: the mean of the timed rules
    assert tally.seconds_left(10) == pytest.approx(5 * 10 + 2 * 5.5)


def test_running_jobs_shorten_the_time_left_and_share_it():
    tally = Tally({"retrain": 4})
    ended(tally, "retrain", 100.0, 0)
    for number in (1, 2):
        tally.start(number, Job("retrain", "", (), (), 100.0))
    assert tally.seconds_left(140) == pytest.approx((3 * 100 - 2 * 40) / 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "10 s"), (43, "40 s"), (89, "90 s"), (700, "12 min"), (5300, "88 min"), (7900, "2 h 10 min")],
)
def test_estimates_are_rounded(seconds, text):
    assert time_left(seconds) == f"about {text} left"
