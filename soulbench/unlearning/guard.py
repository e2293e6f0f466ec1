"""While a method's code runs it opens no file: so it cannot read a retrained model, a record or a test reference.

A method needs no file, because it is given everything that it may use. The guard listens to Python's audit events
(PEP 578) and refuses those that reach beyond the process. It is made against mistakes and shortcuts: compiled code that
a method brings along could still open files, which whoever reviews the method has to see.
"""

import contextlib
import functools
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from soulbench.core.errors import UserError

#: Audit events whose first argument is a path.
OF_PATHS = ("open", "os.listdir", "os.scandir")
#: Code, and the file as which Python writes compiled code before it renames it.
CODE = re.compile(r"\.(py|pyc|so)$|/__pycache__/[^/]+\.pyc\.\d+$")
#: Audit events of what a method has no use for.
REFUSED = (
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
    "os.exec",
    "socket.connect",
    "_thread.start_new_thread",
)

#: The guard of a thread, while there is one: other threads write what the package shows of a training.
_here = threading.local()


class Guard:
    """Refuses files while blocks of it are entered.

    Args:
        who: names the method in messages: its file and its rule.
    """

    def __init__(self, who: str):
        self.who = who
        self.refused: str | None = None
        _trusted()  # before anything is refused: finding them opens files
        _listen()

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Refuse files in a block.

        Raises:
            UserError: the block opened one, even if the method caught the error.
        """
        before, _here.guard = getattr(_here, "guard", None), self
        try:
            yield
        finally:
            _here.guard = before
        if self.refused is not None:
            raise UserError(self.refused)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise a `UserError` at an event that reaches beyond the process."""
        if event in OF_PATHS:
            path = arguments[0]
            if not isinstance(path, (str, bytes, os.PathLike)) or self._may_open(os.fsdecode(path)):
                return
            what = f"it opens {os.fsdecode(path)}"
        elif event in REFUSED:
            what = f"it does what raises Python's audit event {event}"
        else:
            return
        self.refused = (
            f"{self.who}: {what}; a method reads no file, least of all retrained models and references: use what "
            "its task gives (docs/add-a-method.md)"
        )
        raise UserError(self.refused)

    def _may_open(self, path: str) -> bool:
        """Return whether a path is code, or a folder in which Python looks for code."""
        whole = os.path.abspath(path)  # noqa: PTH100 (follows no link, as the import system does)
        if whole.startswith(_trusted()) or CODE.search(whole):
            return True
        return whole in map(os.path.abspath, sys.path) or os.path.isfile(f"{whole}/__init__.py")  # noqa: PTH113


@functools.cache
def _trusted() -> tuple[str, ...]:
    folders = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev"}
    return tuple(sorted(folders | {str(Path(folder).resolve()) for folder in folders}))


@functools.cache
def _listen() -> None:
    """Listen to this process's audit events from now on; they cannot be left again."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        guard: Guard | None = getattr(_here, "guard", None)
        if guard is not None:
            guard.audit(event, arguments)

    sys.addaudithook(hook)
    opened = safetensors.safe_open

    def audited(path: Any, *arguments: Any, **more: Any) -> Any:
        sys.audit("open", path, "r", 0)  # compiled, it raises no event of its own
        return opened(path, *arguments, **more)

    for module in (safetensors, safetensors.torch):
        setattr(module, "safe_open", audited)  # noqa: B010
    start = threading.Thread.start

    def audited_start(thread: threading.Thread) -> None:
        sys.audit("_thread.start_new_thread", start, (), {})  # Python raises it from version 3.12 on
        start(thread)

    threading.Thread.start = audited_start  # type: ignore[assignment, method-assign]
