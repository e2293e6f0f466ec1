"""Training on several processes, started by PyTorch's launcher, which ends all of them when one fails."""

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soulbench.core import lock
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.records import canonical_json

#: Prefixes of the lines that a process prints for the parent: its log, and an error that the user can mend.
LOG_PREFIX, ERROR_PREFIX = "log: ", "error: "


def run(function: str, arguments: Mapping[str, Any], processes: int, log: Log) -> None:
    """Call a function in this process, or in several new ones.

    Args:
        function: `package.module:function`, so that other processes can import it.
        arguments: keyword arguments that JSON can hold; `log` is added to them.
        processes: number of processes; with 1, the function is called in this process.
        log: called with a line of text; of several processes, only the first one logs.

    Raises:
        UserError: a process raised one.
        RuntimeError: a process failed in another way; the message holds the end of its output.
    """
    if processes == 1:
        _import(function)(**arguments, log=log)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arguments.json"
        path.write_text(canonical_json(arguments), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={processes}",
        ]
        command += ["-m", "soulbench.core.processes", function, str(path)]
        launcher = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=lock.job_descriptors(),
        )
        assert launcher.stdout is not None
        other_lines = [line for line in map(str.rstrip, launcher.stdout) if not _pass_on(line, log)]
        if launcher.wait():
            raise _failure(other_lines)


def _pass_on(line: str, log: Log) -> bool:
    """Log a line if the first process meant it for the log; return whether it did."""
    if line.startswith(LOG_PREFIX):
        log(line.removeprefix(LOG_PREFIX))
    return line.startswith(LOG_PREFIX)


def _failure(lines: list[str]) -> Exception:
    errors = [line.removeprefix(ERROR_PREFIX) for line in lines if line.startswith(ERROR_PREFIX)]
    if errors:
        return UserError(errors[0])
    return RuntimeError("a training process failed:\n" + "\n".join(lines[-60:]))


def _import(function: str) -> Any:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def main(function: str, path: str) -> int:
    """Run one of several processes, and return its exit status."""
    # Imported here, because the parent process needs no torch.
    import torch.distributed as dist

    arguments = json.loads(Path(path).read_text(encoding="utf-8"))
    dist.init_process_group()
    try:
        log = (
            (lambda text: print(f"{LOG_PREFIX}{text}", flush=True))
            if dist.get_rank() == 0
            else (lambda text: None)
        )
        _import(function)(**arguments, log=log)
    except UserError as error:
        print(f"{ERROR_PREFIX}{error}", flush=True)
        return 1
    finally:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
