"""One training on several processes: started by PyTorch's own launcher, which ends all of them when one fails."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soulbench.core import lock
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.records import ROOT, canonical_json

#: What the first process's log, and a user's error of any, begin with on their way to the process that started them.
TOLD, WRONG = "log: ", "error: "


def run(function: str, arguments: Mapping[str, Any], processes: int, log: Log) -> None:
    """Call `package.module:function` with JSON-able arguments and a log, here or in several processes.

    Args:
        function: by name, so that other processes find it.
        arguments: by keyword; `log` is added to them.
        processes: how many; one is called in place and starts nothing.
        log: takes a line; of several processes the first one's.
    """
    if processes == 1:
        _named(function)(**arguments, log=log)
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
        found = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        started = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": found},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=lock.job_descriptors(),
        )
        assert started.stdout is not None
        errors = [line for line in map(str.rstrip, started.stdout) if not _told(line, log)]
        if started.wait():
            raise _failure(errors)


def _told(line: str, log: Log) -> bool:
    """Pass on a line of the first process's log; whether it was one."""
    if line.startswith(TOLD):
        log(line.removeprefix(TOLD))
    return line.startswith(TOLD)


def _failure(lines: list[str]) -> Exception:
    wrong = [line.removeprefix(WRONG) for line in lines if line.startswith(WRONG)]
    if wrong:
        return UserError(wrong[0])
    return RuntimeError("a training process failed:\n" + "\n".join(lines[-60:]))


def _named(function: str) -> Any:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def main(function: str, path: str) -> int:
    """One of several processes; returns its exit status."""
    # Imported here: the process that starts the others needs no torch.
    import torch.distributed as dist

    arguments = json.loads(Path(path).read_text(encoding="utf-8"))
    dist.init_process_group()
    try:
        log = (
            (lambda text: print(f"{TOLD}{text}", flush=True)) if dist.get_rank() == 0 else (lambda text: None)
        )
        _named(function)(**arguments, log=log)
    except UserError as error:
        print(f"{WRONG}{error}", flush=True)
        return 1
    finally:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
