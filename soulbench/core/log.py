"""A job's log, its error message, and its progress: a bar on a terminal, plain lines in the log."""

import contextlib
import errno
import os
import re
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tqdm import tqdm

from soulbench.core import lock
from soulbench.core.errors import UserError

Log = Callable[[str], None]
LINE_SECONDS = 5.0

#: Set by the logger plugin, which then reports jobs on the console: to `lines`, or to `bar` if only one job runs at a
#: time, whose progress bar has the terminal to itself. Without it, jobs report themselves.
CONSOLE = "SOULBENCH_CONSOLE"

_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
_ERROR, _TRACEBACK_LINES = "error: ", 4
CORE_SECONDS = "core-seconds: "


@contextlib.contextmanager
def job(log_path: str | Path) -> Iterator[Log]:
    """Open a job's log and yield the function that writes a line to it.

    The job holds the lock of a hidden file beside its log. It first waits for the end of a process that an earlier run
    of Snakemake left behind in the same job, so that no two processes write the same files; and it ends itself when
    its Snakemake is gone.

    A `UserError` and a full disk end the job with exit status 1, and with the message alone in the log and on standard
    error; an interrupt (Ctrl-C) ends it silently. Any other exception is a bug: its traceback goes to the log, and the
    exception is raised again. Where the logger plugin reports the jobs, only the log gets either of them.
    """
    path = Path(log_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    name = job_name(path)
    with path.open("w", encoding="utf-8", buffering=1) as file, warnings.catch_warnings():
        log = _writer(file)
        lock.end_with_snakemake(lambda: log("Snakemake is gone: this process ends"))
        # Not the log's own lock: Snakemake deletes the log before each job.
        with lock.exclusive(
            path.with_name(f".{path.stem}.lock"), lambda owner: _report_waiting(owner, name, log)
        ):
            _report(f"{name}: started")
            warnings.showwarning = lambda message, category, *_: log(f"{category.__name__}: {message}")
            started = time.monotonic()
            try:
                yield log
            except Exception as error:
                _report_failure(error, path, log)
                raise
            except KeyboardInterrupt:
                log("interrupted")
                raise SystemExit(130) from None
            done = f"done in {duration(time.monotonic() - started)}"
            log(done)
            log(f"{CORE_SECONDS}{core_seconds():.2f}")
            _report(f"{name}: {done}")


def core_seconds() -> float:
    """Return the core-seconds of this process and of its finished children so far.

    Start-up is included where the process imported what it needs by itself, and not where it was forked.
    """
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def logged_core_seconds(log_path: str | Path) -> float | None:
    """Return the core-seconds in the log of a finished job; None where it names none."""
    last = Path(log_path).read_text(encoding="utf-8", errors="replace").rstrip().rpartition("  ")[2]
    return float(last.removeprefix(CORE_SECONDS)) if last.startswith(CORE_SECONDS) else None


def job_name(log_path: str | Path) -> str:
    """Return what a job is called on the console: its log's path below `logs`, without the suffix."""
    parts = Path(log_path).with_suffix("").parts
    return " ".join(parts[parts.index("logs") + 1 :] if "logs" in parts else parts[-1:])


def failure(log_path: str | Path) -> list[str]:
    """Return the lines of a failed job's log that say why: the error message, or the end of the traceback."""
    text = Path(log_path).read_text(encoding="utf-8", errors="replace")
    last = re.split(f"^{_TIME}", text, flags=re.MULTILINE)[-1].strip()
    if last.startswith(_ERROR):
        return last.removeprefix(_ERROR).splitlines()
    return last.splitlines()[-_TRACEBACK_LINES:]


def _report(text: str) -> None:
    """Print a line on the console unless the logger plugin reports the jobs."""
    if CONSOLE not in os.environ:
        tqdm.write(text, file=sys.stderr)


def _report_waiting(owner: str, name: str, log: Log) -> None:
    text = f"{owner} still runs this job for an earlier run of Snakemake; waiting for its end"
    log(text)
    tqdm.write(f"{name}: {text}", file=sys.stderr)


def _report_failure(error: Exception, path: Path, log: Log) -> None:
    """Write why a job failed to its log and, if need be, to standard error; raise SystemExit if that is enough."""
    message = _message(error)
    on_console = CONSOLE not in os.environ
    try:
        log(traceback.format_exc() if message is None else f"{_ERROR}{message}")
    except OSError:
        on_console = True
    if message is not None and on_console:
        tqdm.write(f"\n{job_name(path)}: error: {message}\n(log: {path})\n", file=sys.stderr)
    if message is not None or not on_console:
        raise SystemExit(1) from None


def _writer(file: IO[str]) -> Log:
    def log(text: str) -> None:
        try:
            # Not into the file's buffer: on a full disk, closing the file would then fail once more.
            os.write(file.fileno(), f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n".encode())
        except OSError as error:
            error.filename = file.name
            raise

    return log


def _message(error: Exception) -> str | None:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename or "while writing"
        return f"the disk is full ({where}): make room and run again; what was finished stays"
    return None


def duration(seconds: float) -> str:
    """Return a duration in words: `8 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


class Progress:
    """The progress of a stage: i of n steps, the last values such as the loss, images per second, time left.

    Use as a context manager and call `advance` once a step::

        with Progress("pre-training", total=steps, log=log, done=first) as progress:
            for batch in batches:
                progress.advance(images=len(batch), loss=loss)

    Args:
        stage: its name.
        total: number of steps.
        log: writes a line; it is called every few seconds, and at the end.
        done: number of steps that an earlier process has made.
    """

    def __init__(self, stage: str, total: int, log: Log, done: int = 0) -> None:
        self._stage, self._total, self._log = stage, total, log
        self._first = self._done = done
        self._images = 0
        self._values: dict[str, float] = {}
        self._started = self._last_line = time.monotonic()
        # Bars of jobs that run side by side would overwrite each other.
        hidden = os.environ.get(CONSOLE) == "lines" or not sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=stage,
            disable=hidden,
            dynamic_ncols=True,
            leave=False,
        )

    def advance(self, images: int = 0, **values: float) -> None:
        """Count one more step, its images, and the values to be shown."""
        self._done += 1
        self._images += images
        self._values = {name: float(value) for name, value in values.items()} or self._values
        self._bar.update()
        now = time.monotonic()
        if now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            self._bar.set_postfix_str(", ".join(self._facts(now)))
            self._log(self._line(now))

    def _facts(self, now: float) -> list[str]:
        facts = [f"{name} {value:.4g}" for name, value in self._values.items()]
        if self._images:
            facts.append(f"{self._images / max(now - self._started, 1e-9):.1f} images/s")
        return facts

    def _line(self, now: float) -> str:
        made = self._done - self._first
        left = (now - self._started) / made * (self._total - self._done) if made else 0.0
        end = (
            [f"{duration(left)} left"]
            if self._done < self._total
            else [f"took {duration(now - self._started)}"]
        )
        return ", ".join([f"{self._stage}: {self._done} of {self._total}", *self._facts(now), *end])

    def __enter__(self) -> Self:
        """Log where an interrupted stage goes on; return itself."""
        if self._first:
            self._log(f"{self._stage}: goes on at {self._first} of {self._total}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log the last line and remove the bar."""
        self._log(self._line(time.monotonic()))
        self._bar.close()
