"""What can be seen of a user's files before a job reads them: quickly, without PyTorch, and without an exception."""

import os
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from soulbench.core.archives import NOT_WHOLE

#: The first tensor of every network whose weights are read, under the name that torchvision gives it.
FIRST_TENSOR = b"features.0.weight"
#: First bytes of a file that `torch.save` wrote before PyTorch 1.6.
LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
#: No list of tensors is longer; the files themselves have hundreds of megabytes.
MOST_NAMES = 10_000_000


def is_file(path: str) -> bool:
    """Return whether there is such a file; a path that cannot be one has none."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # a name that is too long, a folder that may not be entered
        return False


def is_folder(path: str) -> bool:
    """Return whether there is such a folder; a path that cannot be one has none."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def tensor_names(path: Path) -> bytes:
    """Return the part of a weights file that has the names of its tensors; nothing if it is no such file, or cut short.

    PyTorch would take seconds to import, and nothing is unpickled to look at a name.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np") as tensors:
                return "\n".join(tensors.keys()).encode()
        with path.open("rb") as file:
            if file.read(len(LEGACY_TORCH)) == LEGACY_TORCH:
                return file.read(MOST_NAMES)
        with zipfile.ZipFile(path) as archive:
            names = b""
            for entry in archive.namelist():
                if entry.endswith("/data.pkl"):
                    with archive.open(entry) as file:
                        names += file.read(MOST_NAMES)
            return names
    except (OSError, SafetensorError, *NOT_WHOLE):
        return b""


def is_list(path: Path) -> bool:
    """Return whether a file begins and ends as a list in JSON does; it may have gigabytes."""
    try:
        with path.open("rb") as file:
            start = file.read(100)
            file.seek(-min(100, path.stat().st_size), os.SEEK_END)
            return start.lstrip()[:1] == b"[" and file.read().rstrip()[-1:] == b"]"
    except OSError:
        return False


def is_text(path: Path) -> bool:
    """Return whether a file is text in UTF-8."""
    try:
        with path.open(encoding="utf-8") as file:
            return all(True for _ in file)
    except (OSError, UnicodeDecodeError):
        return False
