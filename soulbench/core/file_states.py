"""The states of files that the workflow reads but does not make, as short texts: when one changes, jobs run again.

Snakemake compares times of change only, and takes a file that was replaced by an older one for unchanged.
"""

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from soulbench.core.records import file_hash

#: Bytes up to which a file's content is its state; reading more would delay every start of the workflow.
HASHED = 20_000_000
ABSENT = "absent"


@functools.cache
def file_state(path: str | Path | None) -> str:
    """Return the SHA-256 of a file, or size and time of change of a large one; `ABSENT` if there is none.

    Cached: many jobs read the same file.
    """
    if path is None:
        return ABSENT
    try:
        facts = Path(path).stat()
        return file_hash(path) if facts.st_size <= HASHED else f"{facts.st_size} {facts.st_mtime_ns}"
    except (OSError, ValueError):
        return ABSENT


@functools.cache
def folder_state(path: str | Path) -> str:
    """Return a hash of the names, sizes and times of change of all files in a folder's folders; no file is opened.

    Hidden files are left out: file managers write them while one looks at photographs.
    """
    lines = sorted(
        f"{folder.name}/{name} {state}"
        for folder in _entries(path)
        for name, state in _file_states(folder.path)
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _entries(path: str | Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder that are not hidden; none if it cannot be read."""
    try:
        with os.scandir(path) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError:
        return


def _file_states(folder: str) -> Iterator[tuple[str, str]]:
    for entry in _entries(folder):
        try:
            facts = entry.stat()
        except OSError:  # a link to nothing
            yield entry.name, ABSENT
        else:
            yield entry.name, f"{facts.st_size} {facts.st_mtime_ns}"
