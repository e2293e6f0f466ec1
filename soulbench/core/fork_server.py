"""Jobs that start in a process that has PyTorch imported already: a fork server, one for each Snakemake run.

Importing PyTorch takes two core-seconds, most of a small job. The first job that needs it starts a server; this and
later jobs are forked from it. A job stays a process of its own, with its own log, lock and exit status, and Snakemake
notices nothing: the process that it started waits for the forked one, passes signals on, and ends with its exit status.
A job that loses that process ends, too. Where there is no server, as on a cluster's node, a job runs as it always did.
"""

import contextlib
import fcntl
import hashlib
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from soulbench.core import lock

#: The environment variable that says that jobs may be forked; Snakemake's main process sets it.
ALLOWED = "SOULBENCH_FORK_SERVER"
#: Seconds that a server may take to listen, and between two looks at whether its Snakemake still runs.
START_SECONDS, POLL_SECONDS = 20.0, 0.5
#: A request is a line of JSON; what is longer than this is none of ours.
LONGEST_REQUEST = 2**22


def allow(main_process: bool) -> None:
    """Let the jobs of this Snakemake be forked; only those that its main process starts can be."""
    if main_process and sys.platform == "linux":
        os.environ.setdefault(ALLOWED, "1")
    else:
        os.environ[ALLOWED] = "0"


def fork(*modules: str) -> None:
    """Run the calling script in a process forked from one that has imported `modules`; return there alone.

    The process that called ends with the exit status of the forked one. Call this first in a script, before anything
    that takes time. Where no job may be forked, or no server can be reached or answers, return: the job runs here.

    Args:
        modules: what the script will import.
    """
    if os.environ.get(ALLOWED) != "1" or lock.SNAKEMAKE not in os.environ:
        return
    try:
        connection = _connection()
    except OSError:
        return
    request = {
        "modules": modules,
        "argv": sys.argv,
        "path": sys.path,
        "folder": str(Path.cwd()),
        # What is forked does not fork again.
        "environment": {**os.environ, ALLOWED: "0"},
    }
    lock.end_with_snakemake(lambda: None)  # and with this process, the forked one
    with connection, connection.makefile("r", encoding="utf-8") as answers:
        number = ""
        with contextlib.suppress(OSError):
            socket.send_fds(connection, [b"\n"], [0, 1, 2])
            connection.sendall(json.dumps(request).encode() + b"\n")
            number = answers.readline()
        if not number:  # the server ended meanwhile, or can fork no more
            return
        with _signals_passed_on(int(number)):
            status = answers.readline()
    # Not sys.exit: the script's caller must not catch it. An empty answer: the forked process was killed.
    sys.stdout.flush()
    os._exit(int(status) if status else 1)


@contextlib.contextmanager
def _signals_passed_on(number: int) -> Iterator[None]:
    """Send signals that would end this process to another one, which then ends as it likes."""

    def pass_on(signal_number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal_number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, pass_on) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _connection() -> socket.socket:
    """Return a connection to the server of this Snakemake run; start the server if there is none.

    Raises:
        OSError: it cannot be reached.
    """
    folder = Path(tempfile.gettempdir()) / f"soulbench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else")
    # A library reads its variables, such as the number of threads, when it is imported: another environment is another
    # server. So is another interpreter, with other packages.
    facts = json.dumps([sys.executable, sorted(os.environ.items())])
    address = folder / hashlib.sha256(facts.encode()).hexdigest()[:32]
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            return _connected(address)
        program = f"from soulbench.core import fork_server; fork_server.serve({str(address)!r})"
        command = [sys.executable, "-P", "-c", program]
        null = subprocess.DEVNULL
        server = subprocess.Popen(
            command, start_new_session=True, cwd="/", stdin=null, stdout=null, stderr=null
        )
        end = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                return _connected(address)
            time.sleep(0.02)
    raise ConnectionError("the fork server did not start")


def _connected(address: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection


def serve(address: str) -> None:
    """Fork a process for each connection until the Snakemake of this environment is gone.

    No thread may run here, because a forked process has only the one that forked it.

    Args:
        address: the socket to listen on; it is replaced if it is there, and removed in the end.
    """
    try:
        snakemake = psutil.Process(int(os.environ[lock.SNAKEMAKE]))
    except (psutil.Error, ValueError):
        return
    # Nobody waits for the forked processes: the kernel clears them away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    Path(address).unlink(missing_ok=True)
    listener.bind(address)
    try:
        listener.listen(64)
        listener.settimeout(POLL_SECONDS)
        while lock.runs(snakemake):
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                _answer(listener, connection)
    finally:
        Path(address).unlink(missing_ok=True)


def _answer(listener: socket.socket, connection: socket.socket) -> None:
    """Import what a request names, and fork the process that runs it.

    Where there is no whole request, or no process can be forked, the connection is closed without an answer.
    """
    connection.settimeout(START_SECONDS)
    descriptors = list[int]()
    with contextlib.suppress(OSError, ValueError):
        _, descriptors, *_ = socket.recv_fds(connection, 1, 3)
        with connection.makefile("rb") as lines:
            request = json.loads(lines.readline(LONGEST_REQUEST))
        for module in request["modules"]:
            # What is wrong with it is the job's error.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        if os.fork() == 0:
            _run(request, listener, connection, descriptors)
    connection.close()
    for descriptor in descriptors:
        os.close(descriptor)


def _run(
    request: dict[str, Any], listener: socket.socket, connection: socket.socket, descriptors: list[int]
) -> None:
    """Run a request in this forked process, which ends with it."""
    status = 1
    try:
        listener.close()
        connection.settimeout(None)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv, sys.path[:] = request["argv"], request["path"]
        connection.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        with contextlib.suppress(OSError):
            connection.sendall(f"{status}\n".encode())
        os._exit(status)


def _end_with(connection: socket.socket) -> None:
    """End this process and its children when the process that asked for it is gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    lock.end_now()
