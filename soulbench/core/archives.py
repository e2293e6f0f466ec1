"""Zip archives that come from elsewhere: opened whole or refused, before anything of them is unpacked."""

import contextlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from soulbench.core.errors import UserError
from soulbench.core.limits import LONGEST_FILE_NAME, MOST_ENTRIES

#: What reading an archive leads to that is not whole. Python raises RuntimeError for encrypted entries, and
#: NotImplementedError, which is one, for rare compressions; a changed byte may lead to any of the others.
NOT_WHOLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
)


@contextlib.contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Refuse an archive that proves not to be whole while it is read in this block, in which nothing else is done.

    Args:
        path: the archive.
        remedy: what to do about one that is not whole.

    Raises:
        UserError: it is no whole zip archive.
    """
    try:
        yield
    except UserError:  # is a ValueError
        raise
    except NOT_WHOLE as error:
        raise UserError(f"{path}: not a whole zip archive ({error}); {remedy}") from None


@contextlib.contextmanager
def opened(path: Path, remedy: str) -> Iterator[zipfile.ZipFile]:
    """Yield an archive to be read; the arguments, the error and what may be in the block are those of `reading`."""
    with reading(path, remedy), zipfile.ZipFile(path) as archive:
        yield archive


def check_size(path: Path, members: Sequence[zipfile.ZipInfo], most_bytes: int) -> None:
    """Refuse a bomb. The sizes are what the archive says, but `zipfile` unpacks no more than that.

    Raises:
        UserError: more than `most_bytes` in all, or more than `MOST_ENTRIES`.
    """
    size = sum(member.file_size for member in members)
    if len(members) > MOST_ENTRIES:
        raise UserError(f"{path}: {len(members):,} entries; at most {MOST_ENTRIES:,} are expected")
    if size > most_bytes:
        raise UserError(
            f"{path}: {members[0].filename!r} and {len(members) - 1} other entries would take {size:,} bytes; at most "
            f"{most_bytes:,} are expected"
        )


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse names that lead out of the folder where an archive is unpacked, or that no file system takes.

    Raises:
        UserError: there is such a name.
    """
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or any(":" in part for part in parts[:1]):
            raise UserError(
                f"{path}: the entry {name[:100]!r} climbs out of the folder; no such entry is expected"
            )
        if any(len(part.encode()) > LONGEST_FILE_NAME for part in parts):
            raise UserError(
                f"{path}: the entry {name[:100]!r}... has a name of more than {LONGEST_FILE_NAME} bytes"
            )
