"""A calm console for Snakemake: one line per job, with its position in the run, its duration and the time left.

Snakemake finds this package by its name; `logger: soulbench` in a profile turns it on. A dry run, `--verbose`,
`--debug-dag` and `--quiet all` print what Snakemake prints without it.
"""

import contextlib
import os
import sys
import time
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_soulbench.tally import Job, Tally, time_left
from soulbench.core import log

#: Beginnings of Snakemake's messages that tell a user nothing, or that the lines here replace.
CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell",
    "Select jobs to execute",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete successfully",
    "RuleException:\nCalledProcessError",  # the job's own error message follows
    "Shutting down",
    "Complete log",
    "Elapsed time",
)
#: Events that carry no more than the lines here.
SILENT = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.JOB_STARTED,
    LogEvent.PROGRESS,
    LogEvent.SHELLCMD,
    LogEvent.GROUP_INFO,
    LogEvent.RULEGRAPH,
}
#: After Ctrl-C, jobs end by the same signal, which is no failure.
STOPPED = "Terminating processes on user request"
RED, DIM, PLAIN, CLEAR_LINE = "\033[31m", "\033[2m", "\033[0m", "\r\033[K"
PAGE = "report/index.html"


class LogHandler(LogHandlerBase):
    """The handler that Snakemake sends its log records to, one after another, from one thread."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Prepare the console, and have jobs write to their logs alone."""
        options = self.common_settings
        quiet = set(options.quiet or ())
        self._stream = sys.stdout if options.stdout else sys.stderr
        self._snakemake = ColorizingTextHandler(nocolor=options.nocolor, stream=self._stream)
        self._snakemake.addFilter(
            DefaultFilter(quiet, options.debug_dag, options.verbose, options.dryrun, options.printshellcmds)
        )
        self._snakemake.setFormatter(DefaultFormatter(quiet, options.show_failed_logs))
        self._calm = not (options.dryrun or options.verbose or options.debug_dag or Quietness.ALL in quiet)
        self._cores: int | None = None
        self._tally: Tally | None = None
        self._status = self._stopped = False
        self._last = ""
        if self._calm:
            os.environ[log.CONSOLE] = "lines"

    def emit(self, record: LogRecord) -> None:
        """Print the lines for a record of Snakemake's logger."""
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)

    def _emit(self, record: LogRecord) -> None:
        event = getattr(record, "event", None)
        actions = {
            LogEvent.RESOURCES_INFO: self._note_cores,
            LogEvent.RUN_INFO: self._begin,
            LogEvent.JOB_INFO: self._job_started,
            LogEvent.JOB_FINISHED: self._job_done,
            LogEvent.JOB_ERROR: self._job_failed,
        }
        if not self._calm:
            self._snakemake.handle(record)
        elif event in actions:
            actions[event](vars(record))
        elif event not in SILENT and not record.getMessage().startswith(CHATTER):
            self._pass_on(record)
        self._stream.flush()

    def _pass_on(self, record: LogRecord) -> None:
        text = record.getMessage()
        self._stopped = self._stopped or text.startswith(STOPPED)
        if text != self._last:  # some are repeated after each job
            self._clear_status()
            self._snakemake.handle(record)
        self._last = text

    def _note_cores(self, event: dict[str, Any]) -> None:
        self._cores = event.get("cores", self._cores)
        if self._cores == 1:
            os.environ[log.CONSOLE] = "bar"

    def _begin(self, event: dict[str, Any]) -> None:
        self._tally = Tally(event["stats"])
        self._began = event["created"]
        cores = "" if self._cores is None else f" on {self._cores} core{'s' * (self._cores > 1)}"
        stages = self._tally.stages()
        listed = ": " + ", ".join(f"{number} {stage}" for stage, number in stages) if len(stages) > 1 else ""
        self._print(f"{_jobs(self._tally.total)}{cores}{listed}")

    def _job_started(self, event: dict[str, Any]) -> None:
        # The target rule writes nothing: it is no work.
        if self._tally is None or not event["output"]:
            return
        logs = tuple(event["log"])
        name = log.job_name(logs[0]) if logs else " ".join([event["rule_name"], *event["wildcards"].values()])
        job = Job(event["rule_name"], name, logs, tuple(event["output"]), event["created"])
        self._tally.start(event["jobid"], job)
        self._show_status()

    def _job_done(self, event: dict[str, Any]) -> None:
        tally, now = self._tally, event["created"]
        if tally and (job := tally.end(event["job_id"], now)):
            left = tally.seconds_left(now)
            facts = [job.name, log.duration(now - job.started), *([time_left(left)] if left else [])]
            self._print_job(" · ".join(facts))

    def _job_failed(self, event: dict[str, Any]) -> None:
        tally, now = self._tally, event["created"]
        if not tally or self._stopped or not (job := tally.end(event["jobid"], now, failed=True)):
            return
        self._print_job(f"{job.name} · failed after {log.duration(now - job.started)}", RED)
        for path in job.logs:
            self._print(f"  log: {path}")
            # An older log says nothing about this attempt.
            with contextlib.suppress(OSError):
                if Path(path).stat().st_mtime >= job.started - 1:
                    for line in log.failure(path):
                        self._print(f"  {line}")

    def close(self) -> None:
        """Print what was done; Snakemake calls this at its end, sometimes twice."""
        if self._tally is not None:
            self._end(self._tally)
            self._tally = None
        super().close()

    def _end(self, tally: Tally) -> None:
        done = f"{len(tally.done)} of {_jobs(tally.total)} done in {log.duration(time.time() - self._began)}"
        failed = f"; {tally.failed} failed" if tally.failed else ""
        again = "" if len(tally.done) == tally.total else ". The next run goes on from here"
        self._print(f"{done}{failed}{again}")
        for job in tally.done:
            for path in job.outputs:
                if path.endswith(PAGE):
                    self._print(f"page: {path}")
        self._stream.flush()

    def _print_job(self, text: str, colour: str = "") -> None:
        assert self._tally is not None
        width = len(str(self._tally.total))
        self._print(f"[{self._tally.ended:{width}}/{self._tally.total}] {text}", colour)
        self._show_status()

    def _print(self, text: str, colour: str = "") -> None:
        self._clear_status()
        coloured = colour and not self._snakemake.nocolor
        self._stream.write(f"{colour}{text}{PLAIN}\n" if coloured else f"{text}\n")

    def _show_status(self) -> None:
        """On a terminal, show which jobs run in a last line that the next output replaces."""
        running = self._tally.running.values() if self._tally else ()
        if self._snakemake.nocolor or os.environ[log.CONSOLE] == "bar" or not running:
            return
        width = os.get_terminal_size(self._stream.fileno()).columns or 80
        text = "running: " + ", ".join(job.name for job in running)
        self._stream.write(f"{CLEAR_LINE}{DIM}{text[: width - 1]}{PLAIN}")
        self._status = True

    def _clear_status(self) -> None:
        if self._status:
            self._stream.write(CLEAR_LINE)
            self._status = False


def _jobs(number: int) -> str:
    return f"{number} job{'s' * (number != 1)}"
