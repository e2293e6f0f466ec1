"""A job's log, its error message, and its progress: a bar on a terminal, plain lines in the log."""

import contextlib
import errno
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm

from soulbench.core.errors import UserError

Log = Callable[[str], None]
LINE_SECONDS = 5.0


@contextlib.contextmanager
def job(log_path: str | Path) -> Iterator[Log]:
    """Open a job's log and yield the function that writes a line to it.

    A `UserError` and a full disk end the job with the message alone, in the log and on standard error, and
    exit status 1; any other exception is a bug: its traceback goes to the log and the exception on its way.
    """
    path = Path(log_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", buffering=1) as file, warnings.catch_warnings():
        log = _writer(file.write)
        name = _name(path)
        tqdm.write(f"{name}: started", file=sys.stderr)
        warnings.showwarning = lambda message, category, *_: log(f"{category.__name__}: {message}")
        started = time.monotonic()
        try:
            yield log
        except Exception as error:
            message = _message(error)
            if message is None:
                log(traceback.format_exc())
                raise
            with contextlib.suppress(OSError):
                log(f"error: {message}")
            tqdm.write(f"\n{name}: error: {message}\n(log: {path})\n", file=sys.stderr)
            raise SystemExit(1) from None
        done = f"done in {duration(time.monotonic() - started)}"
        log(done)
        tqdm.write(f"{name}: {done}", file=sys.stderr)


def _name(path: Path) -> str:
    """Return what a job is called on the terminal: its log's path below `logs`, without the suffix."""
    parts = path.with_suffix("").parts
    return " ".join(parts[parts.index("logs") + 1 :] if "logs" in parts else parts[-1:])


def _writer(write: Callable[[str], object]) -> Log:
    def log(text: str) -> None:
        write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    return log


def _message(error: Exception) -> str | None:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = error.filename or "while writing"
        return f"the disk is full ({place}): make room and run again; what was finished stays"
    return None


def duration(seconds: float) -> str:
    """Return a time as a person says it: `8 s`, `3:05 min`, `2:10 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


class Progress:
    """How far a stage is: its name, i of n, the last values such as the loss, images per second, time left.

    Use as a context manager and call `advance` once a step::

        with Progress("pre-training", total=steps, log=log, done=first) as progress:
            for batch in batches:
                progress.advance(images=len(batch), loss=loss)

    Args:
        stage: in the reader's words.
        total: number of steps.
        log: the function that writes a line; a line is written every few seconds, and at the end.
        done: steps that an earlier run has made.
    """

    def __init__(self, stage: str, total: int, log: Log, done: int = 0) -> None:
        self._stage, self._total, self._log = stage, total, log
        self._first = self._done = done
        self._images = 0
        self._values: dict[str, float] = {}
        self._started = self._last_line = time.monotonic()
        # The terminal's full width: two jobs that share a line then leave nothing of each other behind.
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=stage,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            leave=False,
        )

    def advance(self, images: int = 0, **values: float) -> None:
        """Note one more step of so many images, and the values to be shown."""
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
        """Say where an interrupted stage goes on; return itself."""
        if self._first:
            self._log(f"{self._stage}: goes on at {self._first} of {self._total}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last line and take the bar away."""
        self._log(self._line(time.monotonic()))
        self._bar.close()
