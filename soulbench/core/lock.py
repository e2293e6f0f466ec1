"""Locks that end with the process that holds them: one for each Snakemake run in a folder, one for each job.

The kernel releases a lock (`flock(2)`) however its process ends. Whoever can take a lock therefore knows that its
owner is gone, and a process number that is used again cannot mislead.
"""

import atexit
import contextlib
import fcntl
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil

#: The environment variable with the process number of the Snakemake that starts the jobs.
SNAKEMAKE = "SOULBENCH_SNAKEMAKE"
POLL_SECONDS = 1.0

#: Open files keep their locks: those of this Snakemake run, and those of this job.
_run_locks: list[IO[str]] = []
_job_locks: list[IO[str]] = []
#: What this process says before it ends with its Snakemake.
_last_words: list[Callable[[], None]] = []


def register_run(folder: Path, main_process: bool = True) -> None:
    """Register this Snakemake in its working folder, and remove the lock that a killed Snakemake left there.

    Call this while the Snakefile is read, which is before Snakemake checks its lock. Each run leaves its name beside
    Snakemake's lock files, and Snakemake deletes both together; a file in another folder is locked as long as the run
    lives. Snakemake's lock stays if an owner is alive, was on another host, or is unknown; a line on standard error
    then says what to do.

    Args:
        folder: Snakemake's working directory.
        main_process: False in a Snakemake that runs a single job for another one: it takes no lock.
    """
    os.environ[SNAKEMAKE] = str(os.getpid())
    if not main_process:
        return
    locks, runs = folder / ".snakemake" / "locks", folder / ".snakemake" / "soulbench_runs"
    # Process numbers are used again, in containers every time.
    name = f"{platform.node()}.{os.getpid()}.{time.time_ns()}.owner"
    # Registered before the others are examined: of two runs that start at once, neither takes the other for dead.
    # The locked file is not among Snakemake's, because a network file system keeps the folder of an open file.
    for path in (locks, runs):
        path.mkdir(parents=True, exist_ok=True)
        atexit.register((path / name).unlink, missing_ok=True)
    file = (runs / name).open("w", encoding="utf-8")
    _lock(file)
    _run_locks.append(file)
    (locks / name).touch()
    _remove_stale_locks(locks, runs, name)


def _remove_stale_locks(locks: Path, runs: Path, own: str) -> None:
    found = list(locks.glob("*.lock"))
    owners = [path for path in locks.glob("*.owner") if path.name != own]
    alive = [path.name for path in owners if _may_be_alive(runs / path.name)]
    if found and (alive or not owners):
        who = " and ".join(map(_description, alive)) or "an unknown process"
        message = f"{who} has locked this folder. If it has ended: snakemake --unlock"
        print(f"soulbench: {message}", file=sys.stderr)
        return
    if found:
        print("soulbench: an earlier run was killed; its lock is removed", file=sys.stderr)
    for path in [*found, *owners]:
        if path.name not in alive:
            path.unlink(missing_ok=True)
            (runs / path.name).unlink(missing_ok=True)


def _may_be_alive(run: Path) -> bool:
    """Return False only if a run was on this host and has ended."""
    if run.name.rsplit(".", 3)[0] != platform.node():
        return True
    try:
        with run.open("r+", encoding="utf-8") as file:
            return not _lock(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _description(owner: str) -> str:
    host, process, *_ = owner.rsplit(".", 3)
    return f"process {process} on {host}"


def _lock(file: IO[str]) -> bool:
    """Try to lock an open file; return False if another process holds it, or if the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a file in this block, and wait while another process holds it.

    The file is created, and stays: a process that waits for it would miss another file of its name. A file system
    without locks is used without them.

    Args:
        path: the file.
        waiting: called once before waiting, with the process that holds the lock.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            waiting(file.read().strip() or "another process")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass
        file.truncate(0)
        with contextlib.suppress(OSError):  # on a full disk the lock has no name
            os.write(file.fileno(), f"process {os.getpid()} on {platform.node()}\n".encode())
        _job_locks.append(file)
        try:
            yield
        finally:
            _job_locks.remove(file)


def job_descriptors() -> tuple[int, ...]:
    """Return the descriptors that hold this job's lock.

    A child process that writes the job's files takes them (`pass_fds`), so that the lock lasts until it ends, too.
    """
    return tuple(file.fileno() for file in _job_locks)


def end_with_snakemake(last_words: Callable[[], None]) -> None:
    """End this process and its children soon after the Snakemake that started it is gone.

    A process that a fork server forked (`soulbench.core.fork_server`) ends with the one that asked for it instead.

    Without this, a job outlives a Snakemake that was killed, and takes processor time from the next run.

    Args:
        last_words: called before the end.
    """
    _last_words.append(last_words)
    number = int(os.environ.get(SNAKEMAKE, "0"))
    snakemake = next((parent for parent in psutil.Process().parents() if parent.pid == number), None)
    if snakemake is not None:
        threading.Thread(target=_end_after, args=(snakemake,), daemon=True).start()


def runs(process: psutil.Process) -> bool:
    """Return whether a process has not ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end_after(snakemake: psutil.Process) -> None:
    while runs(snakemake):
        time.sleep(POLL_SECONDS)
    end_now()


def end_now() -> None:
    """Say the last words of `end_with_snakemake`, and end this process and its children without any further step."""
    for last_words in _last_words:
        with contextlib.suppress(OSError, ValueError):
            last_words()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    os._exit(1)
