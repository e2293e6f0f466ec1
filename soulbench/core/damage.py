"""A result file that is not as it was written: one message for all readers, and the readers of arrays and tables."""

import hashlib
from pathlib import Path

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.paths import rule_of


class DamagedFile(UserError):
    """The error for a damaged result file; the message names the rule that makes it anew.

    Args:
        path: the file.
        why: what is wrong with it.
        output: what its rule writes, where that is the folder of the file.
    """

    def __init__(self, path: str | Path, why: object, output: str | Path | None = None) -> None:
        rule = rule_of(path)
        makes = "its rule" if rule is None else f"the rule {rule}"
        super().__init__(
            f"{path}: damaged ({why}); delete {output or 'it'} and run again: {makes} makes it anew"
        )
        self.why = why


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read every array of an .npz file, whose checksums NumPy compares.

    Raises:
        UserError: the file is absent or damaged.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file; run the rule that writes it")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except PermissionError:
        raise
    except (
        Exception
    ) as error:  # a flipped bit alone leads to seven kinds, some of them only in NumPy's dependencies
        raise DamagedFile(path, error) from None


def map_array(path: str | Path, output: str | Path | None = None) -> np.ndarray:
    """Map an .npy file that a job wrote into memory, read-only.

    Args:
        path: the file.
        output: as of `DamagedFile`.

    Raises:
        UserError: the file is absent or cut.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the rule that writes it") from None
    except (ValueError, EOFError) as error:
        raise DamagedFile(path, error, output) from None


def table_text(path: str | Path, digest: str | None = None) -> str:
    """Return the text of a CSV file that a job wrote.

    Args:
        path: the file.
        digest: what `soulbench.core.records.file_hash` must return of it; None where none was recorded.

    Raises:
        UserError: the file is absent, cut or of another content; a whole one ends with a line break.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such table; run the rule that writes it") from None
    except UnicodeDecodeError as error:
        raise DamagedFile(path, error) from None
    if not text.endswith("\n"):
        raise DamagedFile(path, "it ends within a line" if text else "it is empty")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise DamagedFile(path, "its content is not what was written")
    return text
