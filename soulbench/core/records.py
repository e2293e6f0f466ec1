"""Files that are either whole or absent, and the provenance of each result."""

import contextlib
import errno
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from soulbench import __version__
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT

LOCK_FILE = ROOT / "envs" / "requirements.txt"
#: The packages that the numbers depend on.
VERSIONS_OF = (
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "scipy",
    "scikit-image",
    "lpips",
    "pillow",
    "snakemake",
)
#: Errors of a file system -> what the user can do about them.
REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room there"),
    errno.EFBIG: "allow larger files there (`ulimit -f`, or another file system)",
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "make the folder writable"),
}


@contextlib.contextmanager
def explained_writing(path: str | Path) -> Iterator[None]:
    """Raise what keeps a block from writing a file, such as a full disk, as a `UserError` with the remedy."""
    try:
        yield
    except OSError as error:
        # A file elsewhere that the block may not read is another matter.
        if error.errno not in REMEDIES or not Path(str(error.filename or path)).is_relative_to(
            Path(path).parent
        ):
            raise
        raise UserError(
            f"{path}: cannot be written ({os.strerror(error.errno)}); {REMEDIES[error.errno]} and run again: "
            "what was finished stays"
        ) from None


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends, and is removed if the block fails.

    The temporary file has the same name in another folder, because writers such as `np.save` and Matplotlib
    choose the format by the suffix. The block may also create a folder there; it replaces an older folder.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    with explained_writing(path), contextlib.ExitStack() as stack:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-"))
        part = Path(folder) / path.name
        yield part
        if path.is_dir() and part.is_dir():
            path.rename(Path(folder) / "replaced")
        part.replace(path)


def new_array(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    """Create a memory-mapped .npy array and reserve its space on the disk.

    Without the reservation a full disk would crash the process later, when the array is first written to.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def plain(value: Any) -> Any:
    """Return `value` in JSON's types; numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no spaces, so that equal values are equal texts."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"))


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, so that equal contents are equal bytes."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(plain(value), sort_keys=True, indent=1) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: the file is absent, empty, truncated or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a whole JSON file ({error}); copy or make it again") from None


def content_hash(arrays: Iterable[Any], facts: Any = None) -> str:
    """Return the SHA-256 of the types, shapes and values of arrays, and of plain values, in hexadecimal."""
    content = hashlib.sha256(canonical_json(facts).encode())
    for array in map(np.ascontiguousarray, arrays):
        content.update(f"{array.dtype}{array.shape}".encode())
        content.update(array.data)
    return content.hexdigest()


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python, soulbench and the packages that the numbers depend on."""
    by_package = {"python": platform.python_version(), "soulbench": __version__}
    for package in VERSIONS_OF:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            by_package[package] = importlib.metadata.version(package)
    return by_package


@functools.cache
def commit() -> str | None:
    """Return the commit of the checkout, with `-dirty` if files have changed since; None for an installed package."""
    if not (ROOT / ".git").exists():  # an environment may lie within another project's checkout
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def lock_hash() -> str | None:
    """Return the SHA-256 of the locked requirements; None for an installed package, which has no lock file."""
    return file_hash(LOCK_FILE) if LOCK_FILE.is_file() else None


def provenance(
    *, parameters: Mapping[str, Any], seeds: Mapping[str, Any], source_hash: str, device: str, **more: Any
) -> dict[str, Any]:
    """Return the provenance of a result: everything that its numbers depend on.

    Args:
        parameters: the resolved parameters, defaults included.
        seeds: the seeds by role.
        source_hash: hash of the sources that the job can reach (`soulbench.core.sources.source_hash`).
        device: the device in words (`soulbench.core.device.describe`).
        **more: facts of this job: seconds, peak memory, status, ...
    """
    return {
        "parameters": dict(parameters),
        "seeds": dict(seeds),
        "source_hash": source_hash,
        "lock_hash": lock_hash(),
        "versions": versions(),
        "device": device,
        "commit": commit(),
        **more,
    }
